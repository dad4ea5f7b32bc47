"""Weights from how a trial does so far: images of the classes it does worst on are drawn more."""

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imbseg.sampling.pixels import largest_shown

Bound = Annotated[float, Field(5.0, ge=1, le=1000, description="adaptive: largest ratio of two draw weights")]


class Scoring(Protocol):
    """Where `class_scores` come from: IoU on the validation fold, or probability of the true class in training."""

    adaptive_from: Annotated[
        Literal["validation", "confidence"],
        Field("validation", description="adaptive: a class's score, its validation IoU or its probability in training"),
    ]
    adaptive_smoothing: Annotated[
        float,
        Field(
            0.5,
            ge=0,
            le=0.99,
            description="adaptive: weight of an epoch's scores over the next epoch's; 0: the last alone",
        ),
    ]


def adaptive(
    pixel_counts: NDArray[np.int64], class_scores: NDArray[np.float64], *, adaptive_bound: Bound
) -> NDArray[np.float64]:
    """Draw an image the more, the worse the trial does on the worst of the classes that it shows.

    A class of score s has the value max((1 - s) / (1 - the lowest score), 1 / adaptive_bound), and an image the
    largest value among its classes: as in `repeat_factor`, since a mean would say of a rare class only that much
    background stands beside it. No image falls below 1 / adaptive_bound, so none is ever out.

    Args:
        class_scores: (classes,) in 0..1, smoothed over the epochs so far; NaN where there is none (the first epoch; a
            class that validation doesn't show), which counts as the mean of the others.
        adaptive_bound: largest ratio of two weights, at least 1.

    Returns:
        (images,) float64 in 1 / adaptive_bound .. 1; all 1, which is `x2`, where no class has a score. An image
        without labelled pixels gets the smallest value of a class that is there.

    Source: Hu et al., AEL, arXiv:2110.05474: a category's share of pixels follows (1 - confidence) over the largest of
        it. Its pixels are images here; the bound is ours.

    >>> adaptive(np.array([[9, 0], [9, 1], [0, 0]]), np.array([0.9, 0.5]), adaptive_bound=4)
    array([0.25, 1.  , 0.25])
    """
    shown = (pixel_counts > 0).any(axis=0)  # (classes,)
    known = shown & np.isfinite(class_scores)
    if not known.any():
        return np.ones(len(pixel_counts))
    wanting = (1 - class_scores).clip(min=0)
    wanting = np.where(known, wanting, wanting[known].mean())
    worst = wanting[shown].max()
    value = np.ones(len(wanting)) if worst == 0 else np.maximum(wanting / worst, 1 / adaptive_bound)
    return largest_shown(value, pixel_counts)


def smooth(scores: Sequence[NDArray[np.float64]], *, smoothing: float, classes: int) -> NDArray[np.float64]:
    """Average the scores of the epochs so far, each later one weighing more.

    Args:
        scores: for each epoch (classes,), NaN where a class has no score: that epoch then says nothing of it.
        smoothing: in 0..1 (1 left out), weight of an epoch over that of the next; 0 takes the last one alone.

    Returns:
        (classes,) float64; NaN for a class without any score.

    >>> smooth([np.array([0.0, 0.2]), np.array([0.6, np.nan])], smoothing=0.5, classes=2)  # (1 * 0 + 2 * 0.6) / 3
    array([0.4, 0.2])
    """
    total, weight = np.zeros((2, classes))
    for one in scores:
        there = np.isfinite(one)
        total[there] = smoothing * total[there] + one[there]
        weight[there] = smoothing * weight[there] + 1
    return np.asarray(np.divide(total, weight, out=np.full(classes, np.nan), where=weight > 0))
