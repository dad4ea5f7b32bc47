"""What predictions.csv tells of an image, gathered band by band: pixels, objects, confidence, doubt."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.predict.predictor import Labelled

DOUBT = 0.2  # a pixel is doubtful where its two likeliest classes are nearer than this
Row = dict[str, float | str]


class Measured:
    """Sums over the rows of an image so far."""

    def __init__(self, class_names: Sequence[str], background: int | None) -> None:
        """`background` is the index of the class that is no object."""
        self._names, self._background = class_names, background
        self._pixels = np.zeros(len(class_names), np.int64)
        self._objects = [Objects() for _ in class_names]
        self._confidence, self._doubtful = 0.0, 0

    def add(self, band: Labelled) -> None:
        """Take the next rows."""
        probabilities = torch.from_numpy(band.probabilities)
        self._pixels += np.bincount(band.labels.ravel(), minlength=len(self._pixels))
        chosen = probabilities.gather(0, torch.from_numpy(band.labels.astype(np.int64))[None])
        self._confidence += float(chosen.sum(dtype=torch.float64))
        if len(self._names) > 1:
            best = probabilities.topk(2, dim=0).values
            self._doubtful += int((best[0] - best[1] < DOUBT).sum())
        for index, objects in enumerate(self._objects):
            if index != self._background:
                objects.add(band.labels == index)

    def row(self) -> Row:
        """The columns: pixels:CLASS, objects:CLASS (all but the background), mean_confidence, doubtful_share."""
        total = max(int(self._pixels.sum()), 1)
        row: Row = {f"pixels:{name}": int(count) for name, count in zip(self._names, self._pixels, strict=True)}
        named = [
            (name, own)
            for index, (name, own) in enumerate(zip(self._names, self._objects, strict=True))
            if index != self._background
        ]
        row |= {f"objects:{name}": own.count for name, own in named}
        return row | {"mean_confidence": self._confidence / total, "doubtful_share": self._doubtful / total}


class Objects:
    """8-connected components of a mask that comes from top to bottom, in bands.

    Attributes:
        count: of those that the rows so far show.
    """

    def __init__(self) -> None:
        """No rows yet."""
        self.count = 0
        self._last = np.zeros(0, np.int64)  # number of the component at each pixel of the last row, 0 for none

    def add(self, mask: NDArray[np.bool_]) -> None:
        """Take the next rows (rows, width)."""
        if not mask.any():
            self._last = np.zeros(mask.shape[1], np.int64)
            return
        numbers = np.asarray(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[1], np.int64)
        self.count += int(numbers.max())
        above, below = self._last, numbers[0]
        shift = int(above.max()) if above.size else 0
        parent = np.arange(shift + int(numbers.max()) + 1)  # of a band's components and those that reach into it
        for step in (-1, 0, 1) if above.size else ():
            low, high = max(0, -step), min(len(below), len(below) - step)
            upper, lower = above[low + step : high + step], below[low:high]
            both = (upper > 0) & (lower > 0)
            for one, other in np.unique(np.stack([upper[both], lower[both] + shift]), axis=1).T:
                self.count -= _join(parent, int(one), int(other))
        roots = np.array([_root(parent, number + shift) if number else 0 for number in range(int(numbers.max()) + 1)])
        ends = roots[numbers[-1]]
        self._last = np.unique(ends, return_inverse=True)[1].reshape(ends.shape) + (ends.min() > 0)


def _root(parent: NDArray[np.int64], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = int(parent[number])
    return number


def _join(parent: NDArray[np.int64], one: int, other: int) -> int:
    """Make two components one; 1 where they were two."""
    first, second = _root(parent, one), _root(parent, other)
    parent[second] = first
    return int(first != second)
