"""8-connected components of each class of a mask that comes from top to bottom, in bands."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from imbseg.datasets.labels import Labels, ignored_in

Integers = NDArray[np.int64]
NEVER = np.iinfo(np.int64).max
AT_ONCE = 2**18  # pieces


def _parts(count: int) -> Iterator[slice]:
    """Some at a time: numpy turns 32-bit places into 64-bit ones, all that it is given at once."""
    for start in range(0, count, AT_ONCE):
        yield slice(start, min(start + AT_ONCE, count))


class Components:
    """Components of the rows so far: each band numbers its own pieces, and pieces that touch become one at the end.

    Attributes:
        count: pieces so far.
    """

    def __init__(self, background: int | None, *, boxes: bool = True) -> None:
        """`background` is the index of a class that has none, or None; `boxes`: whether they are told."""
        self.background, self.boxes, self.count, self._top, self._width = background, boxes, 0, 0, 0
        # 32 bits: of an image that looks like noise there are millions of pieces
        self._pieces = [np.zeros((1, 6 if boxes else 2), np.int32)]  # class, pixels, left, top, right, bottom
        self._touching: list[NDArray[np.int32]] = []  # (2, pairs)
        self._last: tuple[Labels, NDArray[np.int32]] | None = None  # class and piece of each pixel of the last row

    def add(self, mask: Labels) -> NDArray[np.int32]:
        """Take the next rows (rows, width); give the number of the piece at each pixel, from 1, 0 for none."""
        numbers = np.zeros(mask.shape, np.int32)
        ignored = ignored_in(mask)
        for index in np.unique(mask).tolist():
            if index not in (self.background, ignored):
                self._number(mask, index, numbers)
        if self._last is not None:
            self._join(*self._last, mask[0], numbers[0])
        self._last = mask[-1].copy(), numbers[-1].copy()
        self._top, self._width = self._top + len(mask), mask.shape[1]
        return numbers

    def _number(self, mask: Labels, index: int, numbers: NDArray[np.int32]) -> None:
        binary = (mask == index).view(np.uint8)
        left, top, wide, high = cv2.boundingRect(binary)
        part = np.ascontiguousarray(binary[top : top + high, left : left + wide])
        count, found, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
        there = found > 0
        numbers[top : top + high, left : left + wide][there] = found[there] + self.count
        x, y, width, height, pixels = stats[1:].T
        columns = [np.full_like(x, index), pixels]
        if self.boxes:
            x, y = x + left, y + top + self._top
            columns += [x, y, x + width, y + height]
        self._pieces.append(np.column_stack(columns).astype(np.int32))
        self.count += count - 1

    def _join(self, classes: Labels, above: NDArray[np.int32], here: Labels, below: NDArray[np.int32]) -> None:
        width = len(above)
        for step in (-1, 0, 1):
            low, high = max(0, -step), min(width, width - step)
            upper = slice(low + step, high + step)
            both = (classes[upper] == here[low:high]) & (above[upper] > 0) & (below[low:high] > 0)
            if both.any():
                self._touching.append(np.unique(np.stack([above[upper][both], below[low:high][both]]), axis=1))

    def whole(self) -> tuple[NDArray[np.int32], NDArray[np.integer]]:
        """What the pieces make together.

        Returns:
            (pieces + 1,) the component of each piece, from 1, 0 of 0, numbered by its first piece; and
            (components + 1, 6): class, pixels, left, top, right, bottom (behind the last) of each, the first of none.
            Without boxes the first two alone.
        """
        pieces = np.concatenate(self._pieces)
        self._pieces = [pieces]  # one copy: each may take a hundred MB
        owner = self._first_pieces(len(pieces))
        is_first = np.empty(len(pieces), np.bool_)
        for part in _parts(len(pieces)):
            is_first[part] = owner[part] == np.arange(part.start, part.stop)
        place = np.cumsum(is_first, dtype=np.int32)
        place -= 1
        for part in _parts(len(pieces)):
            owner[part] = place[owner[part]]
        few = not self.boxes and self._top * self._width < 2**30  # so that two sizes can be added
        found = np.zeros((int(place[-1]) + 1, pieces.shape[1]), np.int32 if few else np.int64)
        del place, is_first
        if self.boxes:
            found[:, 2:4] = NEVER
        for part in _parts(len(pieces)):
            to, some = owner[part], pieces[part]
            found[to, 0] = some[:, 0]
            np.add.at(found[:, 1], to, some[:, 1])
            for column in range(2, pieces.shape[1]):
                (np.minimum if column < 4 else np.maximum).at(found[:, column], to, some[:, column])
        return owner, found

    def _first_pieces(self, count: int) -> NDArray[np.int32]:
        """(count,) the first piece of each piece's component; only those that touch others are asked."""
        first = np.arange(count, dtype=np.int32)
        if self._touching:
            nodes, ends = np.unique(np.concatenate(self._touching, axis=1), return_inverse=True)
            one, other = ends.reshape(2, -1)
            graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(nodes), len(nodes)))
            number, group = connected_components(graph, directed=False)
            least = np.full(number, count, np.int64)
            np.minimum.at(least, group, nodes)
            first[nodes] = least[group]
        return first

    def objects(self) -> Integers:
        """(objects, 7) int64 as objects.csv has them: class, number, pixels, x, y, width, height.

        Numbered from 1: by class, then from the top.
        """
        label, pixels, x, y, right, bottom = self.whole()[1][1:].T
        found = np.column_stack([label, np.zeros_like(label), pixels, x, y, right - x, bottom - y])
        found = found[np.lexsort(found[:, [6, 5, 2, 3, 4, 0]].T)]
        found[:, 1] = np.arange(1, len(found) + 1)
        return np.asarray(found, np.int64)
