"""One finished run as a part of a predictor: its network, the scale that it sees images at, what corrections need."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from imbseg.augment.geometry import pad, resize_image, typical_size
from imbseg.augment.photometry import apply_color, plain_matrix
from imbseg.errors import InputError
from imbseg.files import read_object
from imbseg.meta.read import fold_column, fold_rows, pixel_counts
from imbseg.models import ARCHITECTURES
from imbseg.models.arithmetic import computing, native_logits, shown
from imbseg.post_hoc import grid, prefix
from imbseg.predict.again import Stored, stored_network
from imbseg.trial.stored import dataset_of, meta_of

Pixel = NDArray[Any]


@dataclasses.dataclass(frozen=True)
class Member:
    """A network and the scale that it sees images at.

    Attributes:
        stored: the network and its trial.
        factor: sides of the input over those of an image: width, height.
    """

    stored: Stored
    factor: tuple[float, float]

    @classmethod
    def of(cls, folder: Path, device: torch.device) -> Member:
        """Read it from its run folder.

        Raises:
            InputError: something that it needs is missing or broken.
        """
        stored = stored_network(folder, device)
        resize = stored.trial.resize
        if resize is None:
            return cls(stored, (1.0, 1.0))
        size = stored.about.get("train_size") or typical_size(_train_sizes(stored.about, folder))
        if len(size) != 2 or not all(type(one) in (int, float) and one > 0 for one in size):
            raise InputError(f"{folder}: trial.json: train_size: expected a width and a height, found {size!r}")
        width, height = size
        return cls(stored, (resize[0] / width, resize[1] / height))

    @property
    def least(self) -> int:
        """Side of the smallest input that the network takes."""
        return int(ARCHITECTURES[self.stored.trial.architecture].smallest)

    def input_size(self, width: int, height: int, scale: float = 1.0) -> tuple[int, int]:
        """(width, height) of an image's input before padding."""
        wide, high = (max(1, round(side * one)) for side, one in zip((width, height), self.factor, strict=True))
        return max(1, round(wide * scale)), max(1, round(high * scale))

    def logits(self, image: Pixel, scale: float = 1.0, *, mirror: bool = False) -> torch.Tensor:
        """Of a whole image at its own size.

        Args:
            image: (height, width, channels) of the run's layout.
            scale: factor of the usual input's sides.
            mirror: whether the network sees the mirror image.

        Returns:
            (1, classes, height, width) float32.
        """
        height, width = image.shape[:2]
        size = self.input_size(width, height, scale)
        padding = self.stored.normalisation.padding
        ready = pad(resize_image(image, size), self.stored.trial.multiple, padding, least=self.least)
        return native_logits(self.tile(ready[None], mirror=mirror)[0], size, (width, height))[None]

    def tile(self, tiles: Pixel, *, mirror: bool = False) -> torch.Tensor:
        """Logits (tiles, classes, height, width) of padded inputs (tiles, height, width, channels)."""
        stored, how = self.stored, self.stored.normalisation
        matrix = plain_matrix(how)
        there = torch.stack([torch.from_numpy(apply_color(one, matrix, how)) for one in tiles]).to(stored.device)
        with computing(stored.trial.precision, stored.device):
            return shown(stored.model, there, mirror=mirror).float()

    def class_priors(self) -> torch.Tensor:
        """(classes,) float64 pixel shares of its train fold.

        Raises:
            InputError: trial.json is of an earlier version, and the meta that tells them is gone.
        """
        about = self.stored.about
        if isinstance(told := about.get("class_priors"), dict):
            return torch.tensor([float(told[name]) for name in self.stored.class_names], dtype=torch.float64)
        counts = pixel_counts(_train_rows(about, self.stored.folder), dataset_of(about)).sum(axis=0)
        return torch.from_numpy(counts / max(int(counts.sum()), 1))

    def strength(self, correction: str, by: str) -> float:
        """What the trial's validation chose for a correction with a grid.

        Raises:
            InputError: the trial wasn't corrected so.
        """
        word = grid(correction)[0]
        result = read_object(self.stored.folder / "status.json").get("result", {})
        found = result.get(prefix(correction) + (word if by == "mIoU" else f"{by}_{word}"))
        if found is None:
            had = self.stored.about["parameters"].get("post_hoc", "none")
            other = f"take --post_hoc none, or train with --post_hoc {correction}"
            raise InputError(
                f"post_hoc {correction}: {self.stored.folder} was trained with post_hoc {had}, so validation chose no "
                f"{word} by {by}; {other}"
            )
        return float(found)


def _train_rows(about: Mapping[str, Any], folder: Path) -> Any:
    """The train images of a run of an earlier version, from its meta."""
    parameters = about["parameters"]
    try:
        seed = parameters.get("split_seed") or parameters["seed"]
        column = fold_column(parameters["imbalance"], parameters["split"], seed)
        return fold_rows(meta_of(about, dataset_of(about)), column, parameters["fold"])[0]
    except (InputError, KeyError) as error:
        why = "its trial.json doesn't tell its train images, and the meta that does can't be read"
        raise InputError(f"{folder}: {why} ({error})") from error


def _train_sizes(about: Mapping[str, Any], folder: Path) -> list[tuple[int, int]]:
    rows = _train_rows(about, folder)
    return list(zip(rows["width"].astype(int), rows["height"].astype(int), strict=True))
