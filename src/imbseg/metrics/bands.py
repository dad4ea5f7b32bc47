"""What an evaluation counts of an image that comes in bands: the same integers as of the whole image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in
from imbseg.metrics.calibration import calibration_at, spread
from imbseg.metrics.components import matched_counts
from imbseg.metrics.counts import image_confusion
from imbseg.metrics.object_size import sized
from imbseg.windows.components import Components

if TYPE_CHECKING:
    import torch

Integers = NDArray[np.int64]


class Bands:
    """Sums over the rows of one image so far.

    Attributes:
        confusion: (classes + 1, classes) as image_confusion gives.
    """

    def __init__(self, size: tuple[int, int], classes: int, background: int | None, *, closely: bool) -> None:
        """Of an image (height, width); `closely` counts components and calibration too."""
        self.classes, self.closely, self._top = classes, closely, 0
        self.confusion = np.zeros((classes + 1, classes), np.int64)
        self._grid = spread(*size)
        self._found, self._true = (Components(background, boxes=False) for _ in range(2))
        # Of the pixels that are predicted as their class: pieces of the prediction and of the truth, and how many
        self._right: list[NDArray[np.int32]] = []  # (3, pairs)
        self._chosen: list[tuple[torch.Tensor, Labels]] = []  # the pixels of which calibration is counted

    def add(self, labels: Labels, truth: Labels, logits: torch.Tensor, *, only_confusion: bool = False) -> None:
        """Take the next rows.

        Args:
            labels: (rows, width) predicted class indices.
            truth: (rows, width) class indices, see read_mask.
            logits: (classes, rows, width), or of their softmax the logarithm.
        """
        self.confusion += image_confusion(labels, truth, self.classes)
        if only_confusion:
            return
        true = self._true.add(truth)
        found = np.zeros_like(true)
        if self.closely:
            ignored = ignored_in(truth)
            found = self._found.add(np.where(truth == ignored, truth, labels))
            rows, columns = self._grid
            here = slice((rows.start - self._top) % rows.step, None, rows.step)
            self._chosen.append((logits[:, here, columns].clone(), truth[here, columns].copy()))
        right = (labels == truth) & (true > 0)
        self._right.append(_pairs(found[right], true[right], self._true.count + 1))
        self._top += len(truth)

    def sizes(self) -> Integers:
        """(3, classes, 3) as size_counts gives."""
        owner, true = self._true.whole()
        right = np.zeros(len(true), np.int64)
        for _, pieces, pixels in self._right:
            np.add.at(right, owner[pieces], pixels)
        return sized(true[:, 0], true[:, 1], right, self.classes)

    def components(self) -> Integers:
        """(classes, 2, 3) as component_counts gives."""
        (our_owner, found), (their_owner, true) = self._found.whole(), self._true.whole()
        code = [our_owner[ours] * np.int64(len(true)) + their_owner[theirs] for ours, theirs, _ in self._right]
        del our_owner, their_owner
        places, pixels = _summed(np.concatenate(code), np.concatenate([one[2] for one in self._right]))
        del code
        pairs = (places // len(true)).astype(np.int32), (places % len(true)).astype(np.int32), pixels
        del places
        return matched_counts(pairs, (found[:, 0], found[:, 1]), (true[:, 0], true[:, 1]), self.classes)

    def calibration(self) -> NDArray[np.float64]:
        """(classes, 15, 3) as calibration_counts gives."""
        import torch

        logits, truths = zip(*self._chosen, strict=True)
        return calibration_at(torch.cat(logits, dim=1), np.concatenate(truths))


def _summed(code: Integers, counts: NDArray[np.int32]) -> tuple[Integers, Integers]:
    """Each number once, sorted, and the sum of its counts; np.unique takes twice the memory, of millions of numbers."""
    order = np.argsort(code)
    code, counts = code[order], counts[order]
    del order
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    if not len(starts):
        return code, counts.astype(np.int64)
    return code[starts], np.add.reduceat(counts, starts, dtype=np.int64)


def _pairs(found: Integers, true: Integers, number: int) -> NDArray[np.int32]:
    """(3, pairs) each two numbers that stand at one place, the second below `number`, and at how many."""
    code, counts = np.unique(found * np.int64(number) + true, return_counts=True)
    return np.stack([*np.divmod(code, number), counts]).astype(np.int32)
