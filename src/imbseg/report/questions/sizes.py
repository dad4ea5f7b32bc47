"""Whether small, medium or large objects are found."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from imbseg.metrics.object_size import SIZES
from imbseg.metrics.scores import mean
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, farthest
from imbseg.report.page.content import CLASS, SEEDS, STRATEGY, Column, Section, Table
from imbseg.report.questions.pixels import MOST, counted
from imbseg.report.say import name, seeds, signed
from imbseg.runs.counts import Counted, pairs
from imbseg.statistics.pixels import size_pixels, size_recall, sized

FILE, TITLE = "recall_by_size.csv", "Small and large objects"
COLUMNS = ("strategy", "class", "size", "seeds", "objects", "pixels", "recall", "gain")
NOTE = "Small: below 32² pixels at the mask's own size; large: from 96². A false positive belongs to no object."


def table(evidence: Evidence) -> pd.DataFrame:
    """Recall of the pixels of small, medium and large objects (see imbseg.metrics.object_size), class by class.

    Returns:
        A row a strategy, class and size that the truth holds: strategy, class, size, seeds (runs that counted by size),
        objects and pixels of that size (mean over the seeds; the same number in each on the test images), recall (mean
        over them), gain (over the baseline, mean over shared seeds; NaN for the baseline and without a shared seed).
        Empty where no run counted by size.
    """
    of_size = [Counted(one.label, {seed: found for seed, found in one.by_seed.items() if sized(found)})
               for one in evidence.once(counted)]  # fmt: skip
    rows, names = [], evidence.group.classes
    for one in (one for one in of_size if one.by_seed):
        held = list(one.by_seed.values())
        recalls = np.array([size_recall(found) for found in held])  # (seeds, classes, 3)
        both = [] if one is of_size[0] else pairs(one, of_size[0])
        gains = mean(np.array([size_recall(ours) - size_recall(theirs) for ours, theirs in both] or
                              [np.full(recalls.shape[1:], np.nan)]), axis=0)  # fmt: skip
        objects = np.mean([np.asarray(found.objects) for found in held], axis=0)
        pixels = np.mean([size_pixels(found) for found in held], axis=0)
        for at in itertools.product(range(len(names)), range(len(SIZES))):
            if pixels[at] > 0:
                row: dict[str, Any] = {"strategy": one.label, "class": names[at[0]], "size": SIZES[at[1]]}
                row |= {"seeds": int((~np.isnan(recalls[:, *at])).sum()), "objects": float(objects[at])}
                row |= {"pixels": float(pixels[at]), "recall": float(mean(recalls[:, *at])), "gain": float(gains[at])}
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def section(evidence: Evidence, frames: Frames) -> Section:
    """Recall of every class by size."""
    frame = frames[FILE]
    if not len(frame):
        return Section("sizes", TITLE)
    columns = (STRATEGY, CLASS, Column("size", "objects"), Column("recall", "recall", 3),
               Column("gain", "over the baseline", 3, signed=True), Column("objects", "how many", 0),
               Column("pixels", "pixels", 0, minor=True), SEEDS)  # fmt: skip
    shown = Table("Recall of small, medium and large objects", FILE, frame, columns, by="strategy",
                  folded=len(frame) > MOST)  # fmt: skip
    return Section("sizes", TITLE, tuple(sentences(frame)), tables=(shown,), notes=(NOTE,))


def sentences(found: pd.DataFrame) -> list[str]:
    """The baseline's recall by size, and the largest gain and loss of a strategy."""
    if found.empty:
        return ["No run counted by object size (runs of an earlier version didn't): there is no recall by size."]
    first = found["strategy"].iloc[0]
    means = found[found["strategy"] == first].groupby("size")["recall"].mean()
    parts = ", ".join(f"{size} {means[size]:.3f}" for size in SIZES if size in means)
    lines = [f"{name(first)}: recall by object size, mean over the classes: {parts}."]
    return lines + [_words(row) for row in (farthest(found, "gain", sign) for sign in (1, -1)) if row]


def _words(row: Record) -> str:
    return (f"{name(row['strategy'])}: recall {signed(row['gain'])} on {row['size']} objects of {name(row['class'])} "
            f"({row['objects']:.0f} objects, {seeds(row['seeds'])}), the largest "
            f"{'gain' if row['gain'] > 0 else 'loss'}.")  # fmt: skip
