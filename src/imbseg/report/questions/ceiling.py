"""What is left to resolution and what to learning: test IoU beside the ceiling of the trial's own grid."""

import numpy as np
import pandas as pd

from imbseg.metrics.scores import mean
from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records
from imbseg.report.say import name, seeds
from imbseg.runs.collect import Run
from imbseg.runs.csv_table import columns_of

FILE = "ceilings.csv"
COLUMNS = ["strategy", "class", "seeds", "iou", "ceiling", "left_to_resolution", "left_to_learning"]
CAPPED, MOST = 0.9, 4  # a ceiling below which a class is spoken of; classes in words
NOTE = (
    "Ceiling: IoU that true labels keep when they are averaged onto the decoder's grid and brought up again. An "
    "oracle for soft outputs, no strict bound: a network can sharpen."
)


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a strategy and class: mean test IoU and ceiling over the seeds that have both, and what is left to 1."""
    rows = []
    for strategy in evidence.group.strategies:
        held = [(run, found) for run in strategy.runs if (found := _ceilings(run))]
        for one in evidence.group.classes:
            scores = [(run.test.get(f"IoU/{one}"), found.get(one)) for run, found in held]
            both = np.array([pair for pair in scores if None not in pair], np.float64)  # (seeds, 2)
            if len(both):
                iou, ceiling = (float(value) for value in mean(both, axis=0))
                rows.append([strategy.label, one, len(both), iou, ceiling, 1 - ceiling, ceiling - iou])
    return pd.DataFrame(rows, columns=COLUMNS)


def _ceilings(run: Run) -> dict[str, float]:
    """Class -> ceiling on the test images; empty for a run of an earlier version."""
    found = columns_of(run.folder / "ceiling.csv")
    if found is None or len(found) != 1:
        return {}
    first = found.iloc[0]
    known = {one: float(first[f"test:{one}"]) for one in run.classes if f"test:{one}" in found}
    return {one: value for one, value in known.items() if value == value}


def section(evidence: Evidence, frames: Frames) -> Section:
    """IoU beside the ceiling, class by class."""
    shown = columns("strategy", "class", "iou", "ceiling", "left_to_resolution", "left_to_learning", "seeds")
    found = Table("Test IoU and the ceiling of the trial's own grid", FILE, frames[FILE], shown)
    return Section("ceiling", "Resolution and learning", sentences(frames[FILE]), tables=(found,), notes=(NOTE,))


def sentences(found: pd.DataFrame) -> list[str]:
    """Of the baseline's classes the lowest ceilings; for each the strategy whose grid lifts it most."""
    rows = [row for _, row in records(found)]
    if not rows:
        return []
    own = [row for row in rows if row["strategy"] == rows[0]["strategy"]]
    capped = sorted((row for row in own if row["ceiling"] < CAPPED), key=lambda row: float(row["ceiling"]))[:MOST]
    if not capped:
        return [f"{name(own[0]['strategy'])}: no class has a ceiling below {CAPPED}; the rest is left to learning."]
    return [_words(row, [other for other in rows if other["class"] == row["class"]]) for row in capped]


def _words(row: Record, same_class: list[Record]) -> str:
    best = max(same_class, key=lambda other: float(other["ceiling"]))
    lifted = f"; {name(best['strategy'])} lifts the ceiling to {best['ceiling']:.3f}"
    more = lifted if best["ceiling"] - row["ceiling"] >= 0.01 else ""
    return (
        f"{name(row['class'])}: IoU {row['iou']:.3f} of a ceiling of {row['ceiling']:.3f} ({name(row['strategy'])}, "
        f"{seeds(row['seeds'])}): {row['left_to_resolution']:.3f} is left to resolution, {row['left_to_learning']:.3f} "
        f"to learning{more}."
    )
