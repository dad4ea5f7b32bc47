"""Rows of images.csv -> whole images for evaluation, with the truth that predictions are held against."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from imbseg.augment.geometry import pad, resize_image
from imbseg.augment.photometry import Normalisation, apply_color, plain_matrix
from imbseg.datasets.labels import Labels
from imbseg.datasets.spec import Dataset
from imbseg.loaders import SharedBatch, Slots
from imbseg.meta.ceiling_table import of_some
from imbseg.metrics.object_size import ObjectSizes, object_sizes
from imbseg.models import ARCHITECTURES
from imbseg.training.samples import Files
from imbseg.trial import Trial
from imbseg.trial.geometry import geometry_of


@dataclasses.dataclass(frozen=True)
class Truth:
    """What one image shows.

    Attributes:
        mask: (height, width) class indices at the mask's own size, see read_mask.
        sizes: its objects by size; None where instance masks that the data set declares aren't there.
    """

    mask: Labels
    sizes: ObjectSizes | None = None


Item = tuple[torch.Tensor, Truth, int]
Batch = tuple[SharedBatch, list[Truth], list[int]]


class WholeImages(torch.utils.data.Dataset[Item]):
    """Whole images for evaluation, brought to `resize` and padded to what the network takes."""

    def __init__(
        self, files: Files, dataset: Dataset, trial: Trial, normalisation: Normalisation, scale: float = 1.0
    ) -> None:
        """Take what decides an image; `scale` is a factor of its sides."""
        self.files, self.dataset, self.trial, self.scale = files, dataset, trial, scale
        self.matrix, self.normalisation = plain_matrix(normalisation), normalisation
        # meta has seen every instance mask, but not each machine that trains needs them
        self.by_size = all(path.is_file() for path in files.objects)
        self.slots = Slots()

    def input_size(self, index: int) -> tuple[int, int]:
        """(width, height) of an image before padding."""
        width, height = self.trial.resize or self.files.sizes[index]
        return round(width * self.scale), round(height * self.scale)

    def __getitem__(self, index: int) -> Item:
        """(channels, height, width) float32 padded to what the network takes, the truth in its own size, the index."""
        image, truth = self._padded(index)
        return torch.from_numpy(apply_color(image, self.matrix, self.normalisation)), truth, index

    def __getitems__(self, indices: list[int]) -> Batch:
        """Some of one input size; their images are written where the process that predicts reads them."""
        pairs = [self._padded(index) for index in indices]
        batch = self.slots.take({"image": ((len(pairs), len(self.matrix), *pairs[0][0].shape[:2]), torch.float32)})
        for (image, _), out in zip(pairs, batch["image"], strict=True):
            apply_color(image, self.matrix, self.normalisation, out.numpy())
        return batch, [truth for _, truth in pairs], list(indices)

    def _padded(self, index: int) -> tuple[NDArray[Any], Truth]:
        image, mask = self.files.read(self.dataset, index)
        image = resize_image(image, self.input_size(index))
        least = ARCHITECTURES[self.trial.architecture].smallest
        image = pad(image, self.trial.multiple, self.normalisation.padding, least=least)
        return image, Truth(mask, self._sizes(index, mask) if self.by_size else None)

    def _sizes(self, index: int, mask: Labels) -> ObjectSizes:
        return object_sizes(mask, self.files.numbers(self.dataset, index, mask), len(self.dataset.classes))

    def batches(self, batch_size: int) -> list[list[int]]:
        """Images of one input size together, since the network pools over a whole batch's picture."""
        by_size: dict[tuple[int, int], list[int]] = {}
        for index in range(len(self.files.ids)):
            if self.files.is_large(index):
                continue  # see imbseg.training.large
            by_size.setdefault(self.trial.resize or self.files.sizes[index], []).append(index)
        return [same[i : i + batch_size] for same in by_size.values() for i in range(0, len(same), batch_size)]


def ceilings(trial: Trial, dataset: Dataset, subsets: Mapping[str, Files]) -> dict[str, float]:
    """`SUBSET:CLASS` -> what the grid of a trial, as its best epoch had it, caps; empty where no mask shows it."""
    row = dict[str, float]()
    for subset, files in subsets.items():
        found = of_some(files.masks, files.sizes, geometry_of(trial).grid, dataset, files.large).tolist()
        row |= {f"{subset}:{name}": value for name, value in zip(dataset.class_names, found, strict=True)}
    return row
