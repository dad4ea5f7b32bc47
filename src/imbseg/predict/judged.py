"""Probabilities held against truth, pixel by pixel: calibration and precision-recall curves of each class."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.spec import IGNORE
from imbseg.metrics.scores import ratio

FINE, BINS, THRESHOLDS = 1500, 15, 100  # of what is counted; of calibration; of the curves
Row = dict[str, float | str]
Integers = NDArray[np.int64]


class Judged:
    """Sums over the labelled pixels so far, in 1,500 steps of each class's probability."""

    def __init__(self, class_names: Sequence[str]) -> None:
        """No pixels yet."""
        self.names = class_names
        shape = (len(class_names), FINE)
        self._pixels, self._hits = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        self._sums = np.zeros(shape)

    def add(self, probabilities: NDArray[np.float32], truth: NDArray[np.uint8]) -> None:
        """Take an image.

        Args:
            probabilities: (classes, height, width).
            truth: (height, width) class indices, 255 = ignored.
        """
        labelled = truth != IGNORE
        there = truth[labelled]
        for index, plane in enumerate(probabilities):
            values = plane[labelled]
            steps = np.minimum((values * FINE).astype(np.int64), FINE - 1)
            self._pixels[index] += np.bincount(steps, minlength=FINE)
            self._sums[index] += np.bincount(steps, values, minlength=FINE)
            self._hits[index] += np.bincount(steps[there == index], minlength=FINE)

    def calibration(self) -> list[Row]:
        """A row a class and bin: pixels, their mean probability, and the share that truly is of the class."""
        pixels, hits, sums = (_binned(one) for one in (self._pixels, self._hits, self._sums))
        rows: list[Row] = []
        for index, name in enumerate(self.names):
            for step in np.flatnonzero(pixels[index]).tolist():
                number = int(pixels[index, step])
                row: Row = {"class": name, "from": step / BINS, "to": (step + 1) / BINS, "pixels": number}
                share = int(hits[index, step]) / number
                rows.append(row | {"mean_probability": float(sums[index, step]) / number, "share": share})
        return rows

    def errors(self) -> dict[str, float]:
        """Expected calibration error of each class: the mean over its pixels of |mean probability - share| of the bin.

        Source: Nixon et al., arXiv:1904.01685 (static calibration error, of one class).
        """
        pixels, hits, sums = (_binned(one) for one in (self._pixels, self._hits, self._sums))
        total = np.maximum(pixels.sum(axis=1), 1)
        return dict(zip(self.names, (np.abs(sums - hits).sum(axis=1) / total).tolist(), strict=True))

    def curves(self) -> list[Row]:
        """A row a class and threshold 0, .01 ...: precision and recall of the pixels whose probability reaches it."""
        rows: list[Row] = []
        for index, name in enumerate(self.names):
            predicted, hits = (one[index][::-1].cumsum()[::-1] for one in (self._pixels, self._hits))
            precision, recall = ratio(hits, predicted), ratio(hits, np.full(FINE, hits[0]))
            for step in range(THRESHOLDS):
                place = step * FINE // THRESHOLDS
                scores = {"precision": float(precision[place]), "recall": float(recall[place])}
                rows.append({"class": name, "threshold": step / THRESHOLDS, **scores})
        return rows


def _binned(counts: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    """(classes, FINE) -> (classes, BINS)."""
    return np.asarray(counts.reshape(len(counts), BINS, FINE // BINS).sum(axis=2), np.float64)
