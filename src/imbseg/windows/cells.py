"""Where the classes of large images are: their pixels in each cell of a coarse grid, built while meta is made."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in

Integers = NDArray[np.int64]
SIDE = 512  # pixels of a cell
FILE = "cells.csv"  # in the folder of meta: id, class, x, y (of the cell, in cells), pixels
COLUMNS = ("class", "x", "y", "pixels")


class Counter:
    """Cells of one mask, from its rows."""

    def __init__(self, width: int, classes: int) -> None:
        """No rows yet."""
        self.width, self.classes, self._top = width, classes, 0
        self._sums: dict[int, Integers] = {}  # row of cells -> (classes, cells across)

    def add(self, mask: Labels) -> None:
        """Take the next rows (rows, width)."""
        across, ignored = -(-self.width // SIDE), ignored_in(mask)
        column = np.arange(self.width) // SIDE
        for first in range(0, len(mask), SIDE):
            for row, part in self._cut(mask[first : first + SIDE], self._top + first):
                code = (np.where(part == ignored, self.classes, part).astype(np.int64) * across + column).ravel()
                counted = np.bincount(code, minlength=(self.classes + 1) * across).reshape(-1, across)[: self.classes]
                self._sums[row] = self._sums.get(row, 0) + counted
        self._top += len(mask)

    @staticmethod
    def _cut(part: Labels, top: int) -> list[tuple[int, Labels]]:
        """Rows of at most one cell's height -> (row of cells, the rows in it)."""
        end = -(-(top + 1) // SIDE) * SIDE - top
        pieces = [(top // SIDE, part[:end]), (top // SIDE + 1, part[end:])]
        return [(row, rows) for row, rows in pieces if len(rows)]

    def rows(self) -> Integers:
        """(cells with a class, 4): COLUMNS, the class as its index."""
        found = []
        for row, sums in sorted(self._sums.items()):
            label, column = np.nonzero(sums)
            found.append(np.column_stack([label, column, np.full_like(label, row), sums[label, column]]))
        table = np.concatenate([np.zeros((0, 4), np.int64), *found])
        return np.asarray(table[np.lexsort(table[:, [1, 2, 0]].T)], np.int64)


@dataclasses.dataclass(frozen=True)
class Cells:
    """The cells of a train fold's large images.

    Attributes:
        start: (images + 1,) the cells of image i are the rows start[i]:start[i + 1].
        table: (cells, 4) COLUMNS.
    """

    start: Integers
    table: NDArray[np.int32]

    @classmethod
    def read(cls, folder: Path, ids: Sequence[str], class_names: Sequence[str]) -> Cells | None:
        """Of some images, from the folder of meta; None where no image is large."""
        import pandas as pd

        if not (folder / FILE).is_file():
            return None
        found: Any = pd.read_csv(folder / FILE, dtype={"id": str, "class": str}, keep_default_na=False)
        image = pd.Index(ids).get_indexer(found["id"])
        order = np.argsort(image, kind="stable")[(image < 0).sum() :]
        label = pd.Index(class_names).get_indexer(found["class"])
        table = np.column_stack([label, found[["x", "y", "pixels"]].to_numpy(np.int64)])[order].astype(np.int32)
        return cls(np.searchsorted(image[order], np.arange(len(ids) + 1)), table)

    def holds(self, image: int) -> bool:
        """Whether an image is large."""
        return bool(self.start[image] < self.start[image + 1])

    def draw(self, image: int, label: int, box: tuple[int, ...], chance: float) -> tuple[tuple[int, ...], float]:
        """Draw a cell of an image among those that show a class in a box, by its pixels there.

        Args:
            box: x, y, width, height in pixels.
            chance: in [0, 1).

        Returns:
            The part of the box (x, y, width, height) that lies in the cell; what is left of the chance, in [0, 1).
        """
        own = self.table[self.start[image] : self.start[image + 1]]
        x, y, wide, high = box
        left, top, right, bottom = x // SIDE, y // SIDE, (x + wide - 1) // SIDE, (y + high - 1) // SIDE
        inside = (own[:, 1] >= left) & (own[:, 1] <= right) & (own[:, 2] >= top) & (own[:, 2] <= bottom)
        own = own[inside & (own[:, 0] == label)]
        if not len(own):
            return (x + wide // 2, y + high // 2, 1, 1), 0.0
        ends = own[:, 3].cumsum(dtype=np.int64)
        place = chance * float(ends[-1])
        chosen = min(int(np.searchsorted(ends, place, side="right")), len(own) - 1)
        _, column, row, pixels = own[chosen].tolist()
        rest = min(max((place - float(ends[chosen] - pixels)) / pixels, 0.0), 1 - 1e-9)
        first, begin = max(y, row * SIDE), max(x, column * SIDE)
        return (begin, first, min(x + wide, (column + 1) * SIDE) - begin, min(y + high, (row + 1) * SIDE) - first), rest
