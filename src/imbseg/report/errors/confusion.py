"""Where the pixels of a class went, and where the pixels given to a class came from, against the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts
from imbseg.metrics.scores import ratio
from imbseg.runs.counted import NO_PAIR, Counted, Row, against_baseline, cells, counted, farthest, frame, name
from imbseg.runs.strategies import Group

COLUMNS = ("strategy", "truth", "prediction", "baseline_share", "strategy_share", "change", "baseline_came_from",
           "strategy_came_from", "shown_together")  # fmt: skip
Floats = NDArray[np.float64]


def confusion_change(group: Group, subset: str = "test", read: Sequence[Counted] | None = None) -> pd.DataFrame:
    """Every mistake of one class for another, pooled over the seeds that a strategy and the baseline share.

    Args:
        group: strategies that may be compared.
        subset: test or val.
        read: what `counted` gave of it; None: the counts are read here.

    Returns:
        A row a strategy, class of the truth and class that it is mistaken for, where either run makes the mistake:
        strategy, truth, prediction; baseline_share and strategy_share (of the truth class's pixels), change (the second
        minus the first); baseline_came_from and strategy_came_from (share of all pixels given to `prediction` that are
        `truth`'s; NaN where none is given to it); shown_together (share of the images whose truth shows the one that
        also show the other: a mistake between classes that no image shows together isn't one of borders). Empty where
        no counts can be paired.
    """
    rows = []
    for label, found in against_baseline(read or counted(group, subset)):
        ours, theirs = (np.sum([pair[place].confusion for pair in found], axis=0) for place in (0, 1))
        together = shown_together([pair[1] for pair in found])
        went = [ratio(one, np.broadcast_to(one.sum(axis=1, keepdims=True), one.shape)) for one in (theirs, ours)]
        came = [ratio(one, np.broadcast_to(one.sum(axis=0, keepdims=True), one.shape)) for one in (theirs, ours)]
        for truth, other in cells(range(len(group.classes)), range(len(group.classes))):
            if truth != other and theirs[truth, other] + ours[truth, other] > 0:
                values = (went[0], went[1], went[1] - went[0], *came, together)
                row = {"strategy": label, "truth": group.classes[truth], "prediction": group.classes[other]}
                rows.append(row | dict(zip(COLUMNS[3:], (float(at[truth, other]) for at in values), strict=True)))
    return frame(rows, COLUMNS)


def shown_together(counts: list[Counts]) -> Floats:
    """(classes, classes): of the images whose truth shows the first class, the share that also show the second.

    Args:
        counts: of one or more runs, whose images are pooled; NaN for a class that no image shows.
    """
    shown = np.concatenate([one.tp + one.fn > 0 for one in counts]).astype(np.int64)  # (images, classes)
    both = shown.T @ shown
    return ratio(both, np.broadcast_to(np.diagonal(both)[:, None], both.shape))


def sentences(found: pd.DataFrame) -> list[str]:
    """The mistake that was cut down most, and the one that grew most.

    Args:
        found: what `confusion_change` gave.
    """
    if found.empty:
        return [f"{NO_PAIR}, or they make no mistake: which classes are confused can't be compared."]
    rows = ((farthest(found, "change", sign), amount) for sign, amount in ((-1, "fewer"), (1, "more")))
    lines = [_words(row, amount) for row, amount in rows if row]
    return lines or ["No class is mistaken for another more or less often than in the baseline."]


def _words(row: Row, amount: str) -> str:
    strategy, truth, other = (name(row[column]) for column in COLUMNS[:3])
    shares = f"{100 * row['baseline_share']:.1f} -> {100 * row['strategy_share']:.1f} % of its pixels"
    together = f"{100 * row['shown_together']:.0f} % of the images with {truth} also show {other}"
    return f"{strategy}: {amount} pixels of {truth} are taken for {other}: {shares}; {together}."
