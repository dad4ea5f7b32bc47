"""Probabilities held against truth, pixel by pixel: precision and recall of each class along thresholds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in
from imbseg.metrics.scores import ratio

STEPS = 100  # of a probability
Row = dict[str, float | str]
Integers = NDArray[np.int64]


class Curves:
    """Sums over the labelled pixels so far, by each class's probability."""

    def __init__(self, class_names: Sequence[str]) -> None:
        """No pixels yet."""
        self.names = class_names
        shape = (len(class_names), STEPS)
        self._pixels, self._hits = np.zeros(shape, np.int64), np.zeros(shape, np.int64)

    def add(self, probabilities: NDArray[np.float32], truth: Labels) -> None:
        """Take an image.

        Args:
            probabilities: (classes, height, width).
            truth: (height, width) class indices, see read_mask.
        """
        labelled = truth != ignored_in(truth)
        there = truth[labelled]
        for index, plane in enumerate(probabilities):
            values = plane[labelled]
            steps = np.minimum((values * STEPS).astype(np.int64), STEPS - 1)
            self._pixels[index] += np.bincount(steps, minlength=STEPS)
            self._hits[index] += np.bincount(steps[there == index], minlength=STEPS)

    def rows(self) -> list[Row]:
        """A row a class and threshold 0, .01 ...: precision and recall of the pixels whose probability reaches it."""
        rows: list[Row] = []
        for index, name in enumerate(self.names):
            predicted, hits = (one[index][::-1].cumsum()[::-1] for one in (self._pixels, self._hits))
            precision, recall = ratio(hits, predicted), ratio(hits, np.full(STEPS, hits[0]))
            for step in range(STEPS):
                scores = {"precision": float(precision[step]), "recall": float(recall[step])}
                rows.append({"class": name, "threshold": step / STEPS, **scores})
        return rows
