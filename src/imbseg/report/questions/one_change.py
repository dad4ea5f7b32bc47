"""What a remedy adds to the others: pairs of strategies that differ in one thing, seed by seed."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames
from imbseg.report.page.columns import columns
from imbseg.report.page.content import Section, Table
from imbseg.runs.changes import Change, changes
from imbseg.statistics.difference import Difference, holm_by_family
from imbseg.statistics.power import detectable

FILE = "one_change.csv"
COLUMNS = ["axis", "from", "to", "strategy", "instead_of", "score", "paired", "seeds", "mean", "low", "high", "p_t"]
COLUMNS += ["p_t_holm", "tests", "detectable", "before", "after"]


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a change and headline score: the difference over the seeds; Holm's correction is over all on that score."""
    rows = []
    for change in changes(evidence.group):
        for score in ("tail", "head", "mIoU"):
            if (found := against(change.changed, change.plain, score)) is not None:
                rows.append(_row(change, score, found))
    scores = [row["score"] for row in rows]
    for row, p in zip(rows, holm_by_family(scores, [row["p_t"] for row in rows]), strict=True):
        row |= {"p_t_holm": p, "tests": scores.count(row["score"])}
    return pd.DataFrame(rows, columns=COLUMNS)


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every such pair."""
    shown = columns("axis", "from", "to", "instead_of", "score", "after", "mean", "seeds", "p_t_holm", "detectable")
    table = Table("Pairs of strategies that differ in one thing", FILE, frames[FILE], shown)
    said = "What a remedy adds to the others: every pair of strategies that differ in one setting, seed by seed."
    return Section("changes", "One change at a time", (said,), tables=(table,))


def _row(change: Change, score: str, found: Difference) -> dict[str, Any]:
    row: dict[str, Any] = {"axis": change.axis, "from": change.before, "to": change.after}
    row |= {"strategy": change.changed.label, "instead_of": change.plain.label, "score": score}
    row |= {name: getattr(found, name) for name in ("paired", "seeds", "mean", "low", "high", "p_t", "before", "after")}
    return row | {"p_t_holm": math.nan, "tests": 0, "detectable": detectable(found.deviation, found.seeds)}
