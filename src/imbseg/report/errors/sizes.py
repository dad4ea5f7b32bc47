"""What is found of small, medium and large objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts
from imbseg.metrics.object_size import SIZES
from imbseg.metrics.scores import mean, ratio
from imbseg.report.say import seeds
from imbseg.runs.counted import Counted, Row, cells, counted, farthest, frame, name, pairs
from imbseg.runs.strategies import Group

COLUMNS = ("strategy", "class", "size", "seeds", "objects", "pixels", "recall", "gain")
Floats = NDArray[np.float64]


def recall_by_size(group: Group, subset: str = "test", read: Sequence[Counted] | None = None) -> pd.DataFrame:
    """Recall of the pixels of small, medium and large objects (see imbseg.metrics.object_size), class by class.

    Args:
        group: strategies, the baseline included.
        subset: test or val.
        read: what `counted` gave of it; None: the counts are read here.

    Returns:
        A row a strategy, class and size that the truth holds: strategy, class, size, seeds (runs that counted by size),
        objects and pixels of that size (mean over the seeds; the same number in each on the test images), recall (mean
        over them), gain (over the baseline, mean over shared seeds; NaN for the baseline and without a shared seed).
        Empty where no run counted by size.
    """
    sized = [_sized(one) for one in read or counted(group, subset)]
    rows = []
    for one in sized:
        if not one.by_seed:
            continue
        recalls = np.array([_recall(counts) for counts in one.by_seed.values()])  # (seeds, classes, 3)
        gains = _gains(one, sized[0]) if one is not sized[0] else np.full(recalls.shape[1:], np.nan)
        objects = np.mean([np.asarray(counts.objects) for counts in one.by_seed.values()], axis=0)
        pixels = np.mean([_pixels(counts) for counts in one.by_seed.values()], axis=0)
        for at in cells(range(len(group.classes)), range(len(SIZES))):
            if pixels[at] > 0:
                row = {"strategy": one.label, "class": group.classes[at[0]], "size": SIZES[at[1]]}
                row |= {"seeds": int((~np.isnan(recalls[:, *at])).sum()), "objects": float(objects[at])}
                recall = float(mean(recalls[:, *at]))
                rows.append(row | {"pixels": float(pixels[at]), "recall": recall, "gain": float(gains[at])})
    return frame(rows, COLUMNS)


def sentences(found: pd.DataFrame) -> list[str]:
    """What the baseline finds by size, and the largest gain and loss of a strategy.

    Args:
        found: what `recall_by_size` gave.
    """
    if found.empty:
        return ["No run counted by object size (runs of an earlier version didn't): recall by size can't be told."]
    first = found["strategy"].iloc[0]
    means = found[found["strategy"] == first].groupby("size")["recall"].mean()
    parts = ", ".join(f"{size} {means[size]:.3f}" for size in SIZES if size in means)
    lines = [f"{name(first)}: recall by object size, mean over the classes: {parts}."]
    return lines + [_words(row) for row in (farthest(found, "gain", sign) for sign in (1, -1)) if row]


def _words(row: Row) -> str:
    of = f"{row['size']} objects of {name(row['class'])} ({row['objects']:.0f}, {seeds(row['seeds'])})"
    return (f"{name(row['strategy'])}: recall on the {of} is {'higher' if row['gain'] > 0 else 'lower'} by "
            f"{abs(row['gain']):.3f}, the most of all.")  # fmt: skip


def _sized(one: Counted) -> Counted:
    """Without the runs that didn't count by size."""
    return Counted(one.label, {seed: counts for seed, counts in one.by_seed.items() if counts.object_tp is not None
                               and counts.object_fn is not None and counts.objects is not None})  # fmt: skip


def _pixels(counts: Counts) -> NDArray[np.int64]:
    both: NDArray[np.int64] = np.asarray(counts.object_tp) + np.asarray(counts.object_fn)
    return both


def _recall(counts: Counts) -> Floats:
    """(classes, 3); NaN where the truth has no object of the size."""
    return ratio(np.asarray(counts.object_tp), _pixels(counts))


def _gains(ours: Counted, baseline: Counted) -> Floats:
    found = [_recall(one) - _recall(other) for one, other in pairs(ours, baseline)]
    shape = _recall(next(iter(ours.by_seed.values()))).shape
    return mean(np.array(found), axis=0) if found else np.full(shape, np.nan)
