"""Whether a gain comes from fewer misses or from fewer false alarms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts
from imbseg.metrics.scores import mean, ratio
from imbseg.report.say import seeds
from imbseg.runs.counted import NO_PAIR, Counted, Row, against_baseline, counted, farthest, frame, name
from imbseg.runs.strategies import Group

COLUMNS = ("strategy", "class", "seeds", "gain", "misses", "false_alarms")
Floats = NDArray[np.float64]


def pixel_effect(group: Group, subset: str = "test", read: Sequence[Counted] | None = None) -> pd.DataFrame:
    """Share each class's gain in IoU out between misses and false alarms.

    Args:
        group: strategies that may be compared.
        subset: test or val.
        read: what `counted` gave of it; None: the counts are read here.

    Returns:
        A row a strategy and class: strategy, class, seeds (shared with the baseline, where the class has an IoU in
        both), gain (mean difference in IoU over them), misses and false_alarms (parts of the gain; they sum to it).
        Empty where no counts can be paired.
    """
    rows = []
    for label, found in against_baseline(read or counted(group, subset)):
        parts = np.array([shared_out(ours, theirs) for ours, theirs in found])  # (seeds, 3, classes)
        for place, one in enumerate(group.classes):
            there = parts[:, :, place][~np.isnan(parts[:, 0, place])]  # (seeds, 3)
            if len(there):
                gain, misses, alarms = (float(value) for value in mean(there, axis=0))
                rows.append({"strategy": label, "class": one, "seeds": len(there), "gain": gain, "misses": misses,
                             "false_alarms": alarms})  # fmt: skip
    return frame(rows, COLUMNS)


def shared_out(ours: Counts, baseline: Counts) -> Floats:
    """Gain in IoU, and its parts by misses and by false alarms, of one seed.

    IoU = TP / (T + FP), where the truth's pixels T = TP + FN are the same in both runs: it changes by TP (misses) and
    by FP (false alarms). A part is what its change does, once with the other still as in the baseline and once with
    the other already as in the strategy, and the mean of the two: the Shapley value of two players, which leaves no
    remainder and favours no order.

    Returns:
        (3, classes): gain, misses, false_alarms; NaN where either run has no IoU.

    Source: Shapley, A value for n-person games, 1953.
    """
    truth = (baseline.tp + baseline.fn).sum(axis=0)  # (classes,)
    hits, alarms = ([one.tp.sum(axis=0) for one in (baseline, ours)], [one.fp.sum(axis=0) for one in (baseline, ours)])
    iou = [[ratio(tp, truth + fp) for fp in alarms] for tp in hits]  # [TP of][FP of] baseline, strategy
    misses = (iou[1][0] - iou[0][0] + iou[1][1] - iou[0][1]) / 2
    false_alarms = (iou[0][1] - iou[0][0] + iou[1][1] - iou[1][0]) / 2
    return np.array([iou[1][1] - iou[0][0], misses, false_alarms])


def sentences(found: pd.DataFrame) -> list[str]:
    """The largest gain and the largest loss with their parts, and what most gains come from.

    Args:
        found: what `pixel_effect` gave.
    """
    if found.empty:
        return [f"{NO_PAIR}: whether a gain comes from fewer misses or fewer false alarms can't be told."]
    lines = [_parts(row) for row in (farthest(found, "gain", sign) for sign in (1, -1)) if row]
    gains = found[found["gain"] > 0]
    if len(gains) > 1:
        by_misses = int((gains["misses"] > gains["false_alarms"]).sum())
        lines.append(f"Of {len(gains)} gains (a strategy on a class), {by_misses} come more from fewer misses than "
                     f"from fewer false alarms.")  # fmt: skip
    return lines or ["No strategy changes the IoU of any class."]


def _parts(row: Row) -> str:
    """One row in words: percentages where both parts point the same way, else what each gives and takes."""
    gain, parts = row["gain"], {"misses": row["misses"], "false alarms": row["false_alarms"]}
    largest, other = sorted(parts, key=lambda part: -abs(parts[part]))
    strategy, one = name(row["strategy"]), name(row["class"])
    words = {part: f"{'fewer' if value > 0 else 'more'} {part}" for part, value in parts.items()}
    about = f"({gain:+.3f}, {seeds(row['seeds'])})"
    if parts[largest] * parts[other] < 0:
        by = f"{words[largest]} change IoU by {parts[largest]:+.3f}, {words[other]} by {parts[other]:+.3f}"
        return f"{strategy}: on {one} {about} {by}."
    what = f"{'gain' if gain > 0 else 'loss'} on {one} {about}"
    line = f"{strategy}: {100 * parts[largest] / gain:.0f} % of the {what} comes from {words[largest]}"
    return f"{line}, the rest from {words[other]}." if abs(parts[other]) > 0.005 * abs(gain) else f"{line}."
