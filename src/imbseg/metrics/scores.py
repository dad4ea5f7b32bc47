"""Formulas on counts: IoU and its averages, precision, recall, Dice, pixel accuracy.

A class absent from prediction and truth has no score: NaN, left out of every average.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts

Floats = NDArray[np.float64]


def ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    """part / whole, NaN where whole is 0."""
    shares: Floats = np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=np.asarray(whole) > 0)
    return shares


def mean(values: Floats, axis: int | None = None) -> Floats:
    """Mean over what is no NaN; NaN where nothing is left (numpy's nanmean warns there)."""
    present = ~np.isnan(values)
    total = np.where(present, values, 0.0).sum(axis=axis)
    number = present.sum(axis=axis)
    averages: Floats = np.divide(total, number, out=np.full(np.shape(total), np.nan), where=np.asarray(number) > 0)
    return averages


def iou(counts: Counts) -> Floats:
    """(classes,) intersection over union of the whole set: TP / (TP + FP + FN)."""
    tp, fp, fn = (part.sum(axis=0) for part in (counts.tp, counts.fp, counts.fn))
    return ratio(tp, tp + fp + fn)


def precision(counts: Counts) -> Floats:
    """(classes,) share of the predicted pixels that are right."""
    tp, fp = counts.tp.sum(axis=0), counts.fp.sum(axis=0)
    return ratio(tp, tp + fp)


def recall(counts: Counts) -> Floats:
    """(classes,) share of a class's pixels that are found."""
    tp, fn = counts.tp.sum(axis=0), counts.fn.sum(axis=0)
    return ratio(tp, tp + fn)


def dice(counts: Counts) -> Floats:
    """(classes,) 2 TP / (2 TP + FP + FN)."""
    tp, fp, fn = (part.sum(axis=0) for part in (counts.tp, counts.fp, counts.fn))
    return ratio(2 * tp, 2 * tp + fp + fn)


def pixel_accuracy(counts: Counts) -> float:
    """Share of the labelled pixels that are right."""
    return float(ratio(np.diagonal(counts.confusion).sum(), counts.confusion.sum()))


def image_iou(counts: Counts) -> Floats:
    """(images, classes) IoU; NaN where the class is absent from the image's truth.

    Source: Wang et al., JDTLosses, arXiv:2303.16296, section 4.
    """
    present = counts.tp + counts.fn > 0
    return np.where(present, ratio(counts.tp, counts.tp + counts.fp + counts.fn), np.nan)


def published_image_iou(counts: Counts) -> Floats:
    """(images, classes) IoU as the published experiment counted it.

    A class counts in the images whose truth shows it, so false positives elsewhere are skipped, and predictions on
    ignored pixels are errors of the class predicted.
    """
    present = counts.tp + counts.fn > 0
    union = counts.tp + counts.fp + counts.fn + counts.ignored
    return np.where(present, ratio(counts.tp, union), np.nan)


def summary(counts: Counts, class_names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Every score of one evaluation, by name.

    `mIoU` is the mean over the classes that truth or prediction shows, `mIoU_present` over those that truth shows: the
    same number where the images show every class, and where they don't the one that keeps to the same classes whatever
    is predicted, so that epochs can be compared by it.

    Args:
        class_names: in index order.
        groups: head, medium, tail -> class names; an empty group has no score.

    Returns:
        mIoU (data set level), mIoU_present, head, medium, tail, mIoU_I and mIoU_C (image- and class-first averages),
        the two averages the published experiment printed, mDice, pixel_accuracy, images, classes_scored, and IoU/,
        precision/, recall/ and Dice/ of each class. NaN where there is no score.
    """
    per_class, per_image, published = iou(counts), image_iou(counts), published_image_iou(counts)
    index = {name: number for number, name in enumerate(class_names)}
    shown = (counts.tp + counts.fn).sum(axis=0) > 0  # (classes,)
    scores = {"mIoU": float(mean(per_class)), "mIoU_present": float(mean(per_class[shown]))}
    rows = {group: [index[name] for name in names] for group, names in groups.items() if names}
    scores |= {group: float(mean(per_class[there])) for group, there in rows.items()}
    scores["mIoU_I"] = float(mean(mean(per_image, axis=1)))
    scores["mIoU_C"] = float(mean(mean(per_image, axis=0)))
    scores["mIoU_published_val"] = float(mean(mean(published, axis=1)))
    scores["mIoU_published_test"] = float(mean(mean(published, axis=0)))
    scores["mDice"] = float(mean(dice(counts)))
    scores["pixel_accuracy"] = pixel_accuracy(counts)
    scores["images"] = float(len(counts.ids))
    scores["classes_scored"] = float((~np.isnan(per_class)).sum())
    each = {"IoU": per_class, "precision": precision(counts), "recall": recall(counts), "Dice": dice(counts)}
    for label, values in each.items():
        scores |= {f"{label}/{name}": float(values[number]) for name, number in index.items()}
    return scores
