"""Whether a gain comes from fewer false negatives or fewer false positives, and what errors each class has."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from imbseg.metrics.scores import mean
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, farthest
from imbseg.report.page.content import CLASS, GAIN, SEEDS, STRATEGY, Column, Section, Table
from imbseg.report.say import name, seeds, signed
from imbseg.runs import counts
from imbseg.runs.counts import Counted
from imbseg.statistics.pixels import PROFILE, profile, shared_out

EFFECT, PROFILED = "pixel_effect.csv", "class_profile.csv"
COLUMNS = ("strategy", "class", "seeds", "gain", "misses", "false_alarms")
MOST = 20  # rows that aren't folded up
NO_PAIR = "No run of a strategy and of the baseline share a seed and have counts of the same images"


def counted(evidence: Evidence) -> list[Counted]:
    """The test counts of every strategy."""
    return counts.counted(evidence.group)


def effects(evidence: Evidence) -> pd.DataFrame:
    """Share each class's gain in IoU out between false negatives and false positives.

    Returns:
        A row a strategy and class: strategy, class, seeds (shared with the baseline, where the class has an IoU in
        both), gain (mean difference in IoU over them), misses (part by false negatives) and false_alarms (by false
        positives); the two sum to the gain. Empty where no counts can be paired.
    """
    rows = []
    for label, found in counts.against_baseline(evidence.once(counted)):
        parts = np.array([shared_out(ours, theirs) for ours, theirs in found])  # (seeds, 3, classes)
        for place, one in enumerate(evidence.group.classes):
            there = parts[:, :, place][~np.isnan(parts[:, 0, place])]  # (seeds, 3)
            if len(there):
                values = dict(zip(COLUMNS[3:], mean(there, axis=0).tolist(), strict=True))
                rows.append({"strategy": label, "class": one, "seeds": len(there), **values})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def profiles(evidence: Evidence) -> pd.DataFrame:
    """Precision, recall and rarity of every class, as means over the seeds that have the score.

    Returns:
        A row a strategy and class: strategy, class, seeds (runs whose counts can be read), and PROFILE. Empty where no
        counts can be read.
    """
    rows = []
    for one in evidence.once(counted):
        if not one.by_seed:
            continue
        values = mean(np.array([profile(found) for found in one.by_seed.values()]), axis=0)  # (scores, classes)
        for place, label in enumerate(evidence.group.classes):
            row = {"strategy": one.label, "class": label, "seeds": len(one.by_seed)}
            rows.append(row | dict(zip(PROFILE, values[:, place].tolist(), strict=True)))
    return pd.DataFrame(rows, columns=["strategy", "class", "seeds", *PROFILE])


def section(evidence: Evidence, frames: Frames) -> Section:
    """Where gains come from, and the profile of every class."""
    effect, found, tables = frames[EFFECT], frames[PROFILED], []
    if len(effect):
        columns = (STRATEGY, CLASS, GAIN, Column("misses", "by false negatives", 3, signed=True),
                   Column("false_alarms", "by false positives", 3, signed=True), SEEDS)  # fmt: skip
        tables.append(Table("Where each gain comes from; the two parts sum to it", EFFECT, effect, columns,
                            by="strategy", folded=len(effect) > MOST))  # fmt: skip
    if len(found):
        shown = (STRATEGY, CLASS, Column("IoU", "IoU", 3), Column("precision", "precision", 3),
                 Column("recall", "recall", 3), Column("share", "of the pixels", 2, percent=True),
                 Column("images_showing", "images with it", 0), SEEDS)  # fmt: skip
        tables.append(Table("IoU, precision and recall of every class", PROFILED, found, shown, by="strategy",
                            folded=True))  # fmt: skip
    said = (*of_effects(effect), *of_profiles(found)) if tables else ()
    return Section("pixels", "False negatives or false positives", said, tables=tuple(tables))


def of_effects(found: pd.DataFrame) -> list[str]:
    """The largest gain and the largest loss with their parts, and what most gains come from."""
    if found.empty:
        return [f"{NO_PAIR}: a gain can't be shared out between false negatives and false positives."]
    lines = [_parts(row) for row in (farthest(found, "gain", sign) for sign in (1, -1)) if row]
    gains = found[found["gain"] > 0]
    if len(gains) > 1:
        fewer = int((gains["misses"] > gains["false_alarms"]).sum())
        lines.append(f"{fewer} of {len(gains)} gains (a strategy on a class) come more from fewer false negatives than "
                     f"from fewer false positives.")  # fmt: skip
    return lines or ["No strategy changes the IoU of any class."]


def _parts(row: Record) -> str:
    """One row in words: percentages where both parts point the same way, else what each gives and takes."""
    gain, parts = row["gain"], {"false negatives": row["misses"], "false positives": row["false_alarms"]}
    largest, other = sorted(parts, key=lambda part: -abs(parts[part]))
    words = {part: f"{'fewer' if value > 0 else 'more'} {part}" for part, value in parts.items()}
    about = f"{name(row['class'])} {signed(gain)} ({seeds(row['seeds'])}) with {name(row['strategy'])}"
    if parts[largest] * parts[other] < 0:
        return f"{about}: {words[largest]} give {signed(parts[largest])}, {words[other]} {signed(parts[other])}."
    line = f"{about}: {100 * parts[largest] / gain:.0f} % from {words[largest]}"
    return f"{line}, the rest from {words[other]}." if abs(parts[other]) > 0.005 * abs(gain) else f"{line}."


def of_profiles(found: pd.DataFrame) -> list[str]:
    """The baseline's weakest class: whether it is missed or over-predicted, and how rare it is."""
    if found.empty or found["IoU"].isna().all():
        return ["No run has counts of pixels that can be read: there is no precision or recall of the classes."]
    strategy = found["strategy"].iloc[0]
    own = found[(found["strategy"] == strategy) & (found["images_showing"] > 0)].dropna(subset="IoU")
    if own.empty:
        return [f"{name(strategy)}: the images show no class."]
    row = own.sort_values("IoU", kind="stable").iloc[0]
    rarity = f"{100 * row['share']:.2g} % of the pixels, in {row['images_showing']:.0f} of {row['images']:.0f} images"
    return [f"{name(strategy)}: the weakest class is {name(row['class'])} (IoU {row['IoU']:.3f}; {rarity}): "
            f"{kind_of_error(row['precision'], row['recall'])}."]  # fmt: skip


def kind_of_error(precision: float, recall: float) -> str:
    """What the errors are.

    >>> kind_of_error(0.9, 0.2)
    'false negatives dominate (recall 0.200, precision 0.900)'
    """
    if recall == 0:
        return f"recall 0, and {'nothing' if math.isnan(precision) else 'only other classes'} predicted as it"
    which = "false negatives dominate" if recall < precision else "false positives dominate"
    which = "as many false negatives as false positives" if recall == precision else which
    return f"{which} (recall {recall:.3f}, precision {precision:.3f})"
