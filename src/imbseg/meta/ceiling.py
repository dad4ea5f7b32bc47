"""What the grid that a network predicts on leaves of each class: the IoU that true labels keep on it."""

import dataclasses
import functools
import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from imbseg.datasets.labels import Labels, ignored_in

Size = tuple[int, int]  # (width, height)
Floats = NDArray[np.float64]
TIE = 1e-5  # shares of a cell that differ by less are equal


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where a network predicts.

    Attributes:
        resize: (width, height) the whole image is brought to; None: its own size.
        stride: pixels of that image a cell of the decoder's map, each way.
        multiple: the sides of that image are padded with ignored pixels to multiples of it, at right and below.
    """

    resize: Size | None
    stride: int
    multiple: int = 1

    def shown(self, native: Size) -> Size:
        """(width, height) in which the network is shown an image of `native` size, without padding."""
        return self.resize or native

    def padded(self, native: Size) -> Size:
        """(width, height) with padding.

        >>> Grid(None, 4, multiple=16).padded((480, 360))
        (480, 368)
        """
        width, height = (-(-side // self.multiple) * self.multiple for side in self.shown(native))
        return width, height

    def cells(self, native: Size) -> Size:
        """(across, down) cells of the decoder's map.

        >>> Grid((256, 192), 4).cells((480, 360)), Grid(None, 4, multiple=16).cells((480, 360))
        ((64, 48), (120, 92))
        """
        width, height = (math.ceil(side / self.stride) for side in self.padded(native))
        return width, height


def ceilings(masks: Iterable[Labels], grid: Grid, classes: int) -> Floats:
    """IoU of each class, over all masks together, of true labels that went through a grid.

    An oracle for soft outputs and no strict bound: a network can sharpen.

    Args:
        masks: (height, width) class indices, see read_mask.

    Returns:
        (classes,) float64; NaN for a class that no mask shows.
    """
    counts = np.zeros((3, classes), np.int64)
    for mask in masks:
        counts += overlap(mask, through(mask, grid), classes)
    return iou(counts)


def overlap(mask: Labels, decoded: Labels, classes: int) -> NDArray[np.int64]:
    """(3, classes) labelled pixels: of the class in both, of the class in the mask, decoded as the class."""
    labelled = mask != ignored_in(mask)
    truth, found = mask[labelled], decoded[labelled]
    return np.stack([np.bincount(part, minlength=classes) for part in (truth[truth == found], truth, found)])


def iou(counts: NDArray[np.int64]) -> Floats:
    """(classes,) IoU of what `overlap` counted; NaN where there is nothing."""
    both, truth, found = counts
    union = truth + found - both
    return np.where(union > 0, both / np.maximum(union, 1), np.nan)


def through(mask: Labels, grid: Grid) -> Labels:
    """One mask's labels, averaged onto a grid and brought up again the way a network's logits are.

    Of each class the share of every cell that it covers, ignored pixels being of none; the shares brought up bilinearly
    (half-pixel centres) to the size that the network is shown, then, where that is another, to the mask's; at each
    pixel the class with the largest share, the first of equal ones.

    Args:
        mask: (height, width) class indices, see read_mask.

    Returns:
        (height, width) class indices of the same type.
    """
    height, width = mask.shape
    shown, padded, cells = (size((width, height)) for size in (grid.shown, grid.padded, grid.cells))
    across, down = (
        _averages(own, own * whole / side, count)  # padding lies beyond the mask's border
        for own, whole, side, count in zip((width, height), padded, shown, cells, strict=True)
    )
    best, decoded = np.zeros(mask.shape, np.float32), np.zeros_like(mask)
    for index in np.unique(mask[mask != ignored_in(mask)]):
        share = (across @ (down @ (mask == index).astype(np.float32)).T).T  # (cells down, cells across)
        value = _resized(_resized(share, padded)[: shown[1], : shown[0]], (width, height))
        better = value > best + TIE
        np.copyto(best, value, where=better)
        np.copyto(decoded, index, where=better)
    return decoded


@functools.lru_cache(maxsize=64)  # the masks of a data set have few sizes
def _averages(length: int, covered: float, cells: int) -> sparse.csr_array:
    """(cells, length): the share of each cell that each pixel takes, `cells` of one size lying on `covered` pixels."""
    edges, pixel = np.linspace(0, covered, cells + 1), np.arange(length)
    first = np.searchsorted(edges, pixel, side="right") - 1
    cell = first + np.arange(math.ceil(cells / covered) + 1)[:, None]  # (cells that a pixel can lie on, length)
    low, high = edges[cell.clip(max=cells - 1)], edges[(cell + 1).clip(max=cells)]
    inside = np.where(cell < cells, np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0).clip(0)
    there = inside > 0
    places = (cell[there], np.broadcast_to(pixel, cell.shape)[there])
    weights = (inside[there] * (cells / covered)).astype(np.float32)
    return sparse.csr_array((weights, places), shape=(cells, length))


def _resized(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """(height, width) brought to `size` (width, height), bilinear with half-pixel centres, level at the border."""
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
