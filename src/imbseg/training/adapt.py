"""What a trial's epochs so far say of its classes -> the draw weights of its next epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg import menu
from imbseg.sampling import SAMPLING
from imbseg.sampling.adaptive import smooth
from imbseg.training.record import Row
from imbseg.trial import Trial


def adapts(trial: Trial) -> bool:
    """Whether the trial's sampler asks how the trial does so far."""
    return "class_scores" in menu.arguments(SAMPLING, trial.sampling)


def asks_confidence(trial: Trial) -> bool:
    """Whether it asks the network's confidence in training batches, which leaves the validation fold alone."""
    return adapts(trial) and trial.adaptive_from == "confidence"


def class_scores(
    trial: Trial, class_names: Sequence[str], history: Sequence[Row], draws: Sequence[Row], unseen: Sequence[str]
) -> NDArray[np.float64]:
    """Smooth the classes' scores over the epochs so far.

    Args:
        trial: its `adaptive_from` says which score.
        class_names: in index order.
        history: rows of epochs.csv, with `IoU/<class>`.
        draws: rows of draws.csv, with `confidence:<class>` where asks_confidence says so.
        unseen: classes that no validation image shows: their IoU is 0 with any false positive and says nothing.

    Returns:
        (classes,) in 0..1, NaN where there is none: everywhere before the first epoch.
    """
    by_validation = trial.adaptive_from == "validation"
    rows, prefix = (history, "IoU/") if by_validation else (draws, "confidence:")
    scores = [np.array([row[prefix + name] for name in class_names]) for row in rows]  # epochs x (classes,)
    found = smooth(scores, smoothing=trial.adaptive_smoothing, classes=len(class_names))
    if by_validation:
        found[np.isin(list(class_names), list(unseen))] = np.nan
    return found
