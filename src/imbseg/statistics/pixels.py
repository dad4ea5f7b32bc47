"""Counts of pixels -> what kind of errors a class has, where its gain comes from, and what it is confused with."""

import numpy as np
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts
from imbseg.metrics.scores import iou, precision, ratio, recall

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
PROFILE = ("IoU", "precision", "recall", "share", "images_showing", "images")


def profile(counts: Counts) -> Floats:
    """(scores, classes), by PROFILE: how well a class is found, and how rare it is.

    share: of the truth's labelled pixels; images_showing: how many images' truth shows the class, of `images`.
    """
    truth = counts.tp + counts.fn  # (images, classes)
    pixels = truth.sum(axis=0)
    share = ratio(pixels, np.full_like(pixels, pixels.sum()))
    images = np.full(len(pixels), len(truth))
    return np.array([iou(counts), precision(counts), recall(counts), share, (truth > 0).sum(axis=0), images])


def shared_out(ours: Counts, baseline: Counts) -> Floats:
    """Gain in IoU, and its parts by false negatives and by false positives, of one seed.

    IoU = TP / (T + FP), where the truth's pixels T = TP + FN are the same in both runs: it changes by TP (false
    negatives) and by FP. A part is what its change does, once with the other still as in the baseline and once with
    the other already as in the strategy, and the mean of the two: the Shapley value of two players, which leaves no
    remainder and favours no order.

    Returns:
        (3, classes): gain, by false negatives, by false positives; NaN where either run has no IoU.

    Source: Shapley, A value for n-person games, 1953.
    """
    truth = (baseline.tp + baseline.fn).sum(axis=0)  # (classes,)
    hits, alarms = ([one.tp.sum(axis=0) for one in (baseline, ours)], [one.fp.sum(axis=0) for one in (baseline, ours)])
    scores = [[ratio(tp, truth + fp) for fp in alarms] for tp in hits]  # [TP of][FP of] baseline, strategy
    negatives = (scores[1][0] - scores[0][0] + scores[1][1] - scores[0][1]) / 2
    positives = (scores[0][1] - scores[0][0] + scores[1][1] - scores[1][0]) / 2
    return np.array([scores[1][1] - scores[0][0], negatives, positives])


def confusion_shares(confusion: Integers) -> tuple[Floats, Floats]:
    """Of the pixels [truth, prediction]: shares of each truth, and shares of each prediction; NaN of nothing."""
    rows, columns = (np.broadcast_to(confusion.sum(axis=axis, keepdims=True), confusion.shape) for axis in (1, 0))
    return ratio(confusion, rows), ratio(confusion, columns)


def shown_together(counts: list[Counts]) -> Floats:
    """(classes, classes): of the images whose truth shows the first class, the share that also show the second.

    Args:
        counts: of one or more runs, whose images are pooled; NaN for a class that no image shows.
    """
    shown = np.concatenate([one.tp + one.fn > 0 for one in counts]).astype(np.int64)  # (images, classes)
    both = shown.T @ shown
    return ratio(both, np.broadcast_to(np.diagonal(both)[:, None], both.shape))


def sized(counts: Counts) -> bool:
    """Whether pixels were counted by object size too."""
    return counts.object_tp is not None and counts.object_fn is not None and counts.objects is not None


def size_pixels(counts: Counts) -> Integers:
    """(classes, 3) pixels of small, medium and large objects."""
    both: Integers = np.asarray(counts.object_tp) + np.asarray(counts.object_fn)
    return both


def size_recall(counts: Counts) -> Floats:
    """(classes, 3); NaN where the truth has no object of the size."""
    return ratio(np.asarray(counts.object_tp), size_pixels(counts))
