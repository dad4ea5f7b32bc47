"""What an evaluation counts beside pixels, summed over its images: objects by size, components, calibration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from imbseg.datasets.labels import Labels
from imbseg.datasets.spec import Dataset
from imbseg.metrics.bands import Bands
from imbseg.metrics.calibration import calibration_counts
from imbseg.metrics.components import component_counts
from imbseg.metrics.counts import BY_SIZE
from imbseg.metrics.object_size import ObjectSizes, size_counts

if TYPE_CHECKING:
    import torch

Sums = dict[str, NDArray[Any]]  # by their names in Counts


class Tally:
    """Sums that grow image by image."""

    def __init__(self, dataset: Dataset, *, closely: bool) -> None:
        """Start with nothing; `closely` counts components and calibration too, which take a tenth of an evaluation."""
        self.classes, self.background, self.closely = len(dataset.classes), dataset.background_index, closely
        self.sums: Sums = {}

    def add(self, logits: torch.Tensor, labels: Labels, mask: Labels, sizes: ObjectSizes | None) -> None:
        """Count one image.

        Args:
            logits: (classes, height, width) at the mask's size.
            labels: (height, width) predicted class indices.
            mask: (height, width) class indices, see read_mask.
            sizes: of the mask's objects; None: not counted by size.
        """
        found: Sums = {}
        if self.closely:
            found["components"] = component_counts(labels, mask, self.classes, self.background)
            found["calibration"] = calibration_counts(logits, mask)
        if sizes is not None:
            found |= zip(BY_SIZE, size_counts(labels, mask, sizes), strict=True)
        self.sums = added([self.sums, found])

    def bands(self, size: tuple[int, int]) -> Bands:
        """What counts an image (height, width) that comes in bands."""
        return Bands(size, self.classes, self.background, closely=self.closely)

    def add_bands(self, bands: Bands, *, by_size: bool) -> None:
        """Count an image of which all bands came."""
        found: Sums = {}
        if self.closely:
            found |= {"components": bands.components(), "calibration": bands.calibration()}
        if by_size:
            found |= zip(BY_SIZE, bands.sizes(), strict=True)
        self.sums = added([self.sums, found])


def added(parts: Iterable[Sums]) -> Sums:
    """The sums of several tallies, of which some may have seen no image."""
    total: Sums = {}
    for sums in parts:
        total |= {name: total[name] + counted if name in total else counted for name, counted in sums.items()}
    return total
