"""Whether a gain comes from fewer false negatives or fewer false positives, and what errors each class has."""

import math

import numpy as np
import pandas as pd

from imbseg.metrics.scores import mean
from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, extremes
from imbseg.report.say import name, seeds, signed
from imbseg.runs import counts
from imbseg.runs.counts import Counted
from imbseg.statistics.pixels import PROFILE, profile, shared_out

PARTS = ("false negatives", "false positives")
EFFECT, PROFILED = "gain_by_error.csv", "class_profile.csv"
COLUMNS = ["strategy", "class", "seeds", "gain", "by_false_negatives", "by_false_positives"]


def counted(evidence: Evidence) -> list[Counted]:
    """The test counts of every strategy."""
    return counts.counted(evidence.group)


def effects(evidence: Evidence) -> pd.DataFrame:
    """A row a strategy and class: its gain in IoU, and the parts of it by false negatives and by false positives.

    seeds are those shared with the baseline, where the class has an IoU in both. Empty where no counts can be paired.
    """
    rows = []
    for label, found in counts.against_baseline(evidence.once(counted)):
        parts = np.array([shared_out(ours, theirs) for ours, theirs in found])  # (seeds, 3, classes)
        for place, one in enumerate(evidence.group.classes):
            there = parts[:, :, place][~np.isnan(parts[:, 0, place])]  # (seeds, 3)
            if len(there):
                rows.append([label, one, len(there), *mean(there, axis=0).tolist()])
    return pd.DataFrame(rows, columns=COLUMNS)


def profiles(evidence: Evidence) -> pd.DataFrame:
    """A row a strategy and class: seeds whose counts can be read, and PROFILE as means over those with the score."""
    rows = []
    for one in evidence.once(counted):
        if one.by_seed:
            values = mean(np.array([profile(found) for found in one.by_seed.values()]), axis=0)  # (scores, classes)
            for place, label in enumerate(evidence.group.classes):
                rows.append([one.label, label, len(one.by_seed), *values[:, place].tolist()])
    return pd.DataFrame(rows, columns=["strategy", "class", "seeds", *PROFILE])


def section(evidence: Evidence, frames: Frames) -> Section:
    """Where gains come from, and the profile of every class."""
    effect, found = frames[EFFECT], frames[PROFILED]
    shown = columns("strategy", "class", "gain", "by_false_negatives", "by_false_positives", "seeds")
    own = columns("strategy", "class", "IoU", "precision", "recall", "share.pixels", "images_showing", "seeds")
    tables = (
        Table("Where each gain comes from; the two parts sum to it", EFFECT, effect, shown),
        Table("IoU, precision and recall of every class", PROFILED, found, own, folded=True),
    )
    said = (*of_effects(effect), *of_profiles(found))
    return Section("pixels", "False negatives or false positives", said, tables=tables)


def of_effects(found: pd.DataFrame) -> list[str]:
    """The largest gain and the largest loss with their parts, and what most gains come from."""
    if found.empty:
        return []
    lines = [_parts(row) for row in extremes(found, "gain")]
    gains = found[found["gain"] > 0]
    fewer = int((gains["by_false_negatives"] > gains["by_false_positives"]).sum())
    lines += [
        f"{fewer} of {len(gains)} gains (a strategy on a class) come more from fewer false negatives than from fewer "
        f"false positives."
    ] * (len(gains) > 1)
    return lines or ["No strategy changes the IoU of any class."]


def _parts(row: Record) -> str:
    """One row in words: percentages where both parts point the same way, else what each gives and takes."""
    gain, parts = row["gain"], {part: row[f"by_{part.replace(' ', '_')}"] for part in PARTS}
    largest, other = sorted(parts, key=lambda part: -abs(parts[part]))
    words = {part: f"{'fewer' if value > 0 else 'more'} {part}" for part, value in parts.items()}
    about = f"{name(row['class'])} {signed(gain)} ({seeds(row['seeds'])}) with {name(row['strategy'])}"
    if parts[largest] * parts[other] < 0:
        return f"{about}: {words[largest]} give {signed(parts[largest])}, {words[other]} {signed(parts[other])}."
    line = f"{about}: {100 * parts[largest] / gain:.0f} % from {words[largest]}"
    return f"{line}, the rest from {words[other]}." if abs(parts[other]) > 0.005 * abs(gain) else f"{line}."


def of_profiles(found: pd.DataFrame) -> list[str]:
    """The baseline's weakest class: whether it is missed or over-predicted, and how rare it is."""
    if found.empty:
        return []
    own = found[(found["strategy"] == found["strategy"].iloc[0]) & (found["images_showing"] > 0)].dropna(subset="IoU")
    if own.empty:
        return []
    row = own.sort_values("IoU", kind="stable").iloc[0]
    rarity = f"{100 * row['share']:.2g} % of the pixels, in {row['images_showing']:.0f} of {row['images']:.0f} images"
    which = f"the weakest class is {name(row['class'])} (IoU {row['IoU']:.3f}; {rarity})"
    return [f"{name(row['strategy'])}: {which}: {kind_of_error(row['precision'], row['recall'])}."]


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


TABLES = {PROFILED: profiles, EFFECT: effects}
