"""Images too large to be shown whole in a trial: what they refuse, and their evaluation in tiles, band by band."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from imbseg.augment.photometry import apply_color
from imbseg.datasets.labels import Labels
from imbseg.errors import InputError
from imbseg.losses import terms
from imbseg.memory import returning
from imbseg.models import ARCHITECTURES
from imbseg.models.arithmetic import computing, shown
from imbseg.models.blend import blended, cut_sides
from imbseg.post_hoc import IN_TILES, in_tiles, steps
from imbseg.training.samples import Files
from imbseg.training.whole_images import WholeImages
from imbseg.trial import Trial
from imbseg.trial.values import show

Views = Mapping[str, torch.Tensor]


def check_large(trial: Trial, parts: Mapping[str, Files]) -> None:
    """Refuse what a large image can't be trained or evaluated with.

    Args:
        parts: subset -> its images.

    Raises:
        InputError: a setting needs the whole image; the message names another.
    """
    found = [(files.images[place], files.sizes[place]) for files in parts.values() for place in large(files)]
    if not found:
        return
    (path, (width, height)), crop = found[0], show(trial.crop or (512, 512))
    where = f"image {path} has {width} x {height} pixels, of which windows are read"
    if trial.resize is not None or (trial.crop is None and trial.finish_size is not None):
        raise InputError(f"resize: {where}; take crops of its own pixels (resize none, crop {crop})")
    asked = [name for name in steps(trial.post_hoc) if not in_tiles(name)]
    if asked and (large(parts["val"]) or large(parts["test"])):
        raise InputError(f"post_hoc {asked[0]}: needs the whole image, and {where}; take {', '.join(IN_TILES)}")
    if "object_area" in terms.arguments(trial.loss) and large(parts["train"]):
        why = "measures objects in the whole image"
        raise InputError(f"loss {trial.loss}: {why}, and {where}; take another loss, or cut the images in parts")


def large(files: Files) -> list[int]:
    """Places of the large images."""
    return [place for place in range(len(files.ids)) if files.is_large(place)]


def shown_whole(files: Files) -> list[tuple[int, int]]:
    """(width, height) of the others."""
    return [size for place, size in enumerate(files.sizes) if not files.is_large(place)]


@torch.inference_mode()
def in_bands(
    model: torch.nn.Module,
    whole: WholeImages,
    index: int,
    device: torch.device,
    trial: Trial,
    wanted: Collection[str] = ("logits",),
) -> Iterator[tuple[Views, Labels]]:
    """A large image from top to bottom: logarithms of its probabilities (1, classes, rows, width), and the truth.

    Tiles have the size of a training sample and share half of it, as predict.py's do.

    Args:
        wanted: `logits`, and `mirrored` where the mirror image is asked for too.
    """
    model.eval()
    files, classes = whole.files, len(whole.dataset.classes)
    least, tile = ARCHITECTURES[trial.architecture].smallest, whole.trial.padded_size
    source_of = functools.partial(files.source, whole.dataset, index)
    with returning(), source_of() as source, source_of() as again:
        size = files.sizes[index]
        sides = cut_sides(size, size, tile, None, trial.multiple, least)
        names = ["logits", "mirrored"] if "mirrored" in wanted else ["logits"]
        streams = []
        for name, opened in zip(names, (source, again), strict=False):
            network = functools.partial(_logits, model, whole, device, trial.precision, name == "mirrored")
            streams.append(blended(opened.image, sides, [network], classes, whole.normalisation.padding))
        top = 0
        for each in zip(*streams, strict=True):
            rows = each[0].shape[1]
            views = {name: one.clamp_min(1e-30).log()[None] for name, one in zip(names, each, strict=True)}
            yield views, source.mask.rows(top, top + rows)
            top += rows


def _logits(
    model: torch.nn.Module, whole: WholeImages, device: torch.device, precision: str, mirror: bool, tile: NDArray[Any]
) -> torch.Tensor:
    there = torch.from_numpy(apply_color(tile, whole.matrix, whole.normalisation)).to(device)[None]
    with computing(precision, device):
        return shown(model, there, mirror=mirror)[0].float()
