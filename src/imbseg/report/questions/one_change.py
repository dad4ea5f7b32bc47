"""What a remedy adds to the others: pairs of strategies that differ in one thing, seed by seed."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames
from imbseg.report.page.content import DIFFERENCE, SEEDS, Column, P, Section, Table
from imbseg.runs.changes import Change, changes
from imbseg.statistics.difference import Difference, holm_by_family
from imbseg.statistics.power import detectable

FILE = "one_change.csv"
COLUMNS = ("axis", "from", "to", "strategy", "instead_of", "score", "paired", "seeds", "mean", "low", "high", "p_t",
           "p_t_holm", "tests", "detectable")  # fmt: skip
SHOWN = ("tail", "head", "mIoU")
MOST = 24  # rows that aren't folded up


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a change and headline score: the difference over the seeds; Holm's correction is over all on that score."""
    rows = [_row(change, score, found) for change in changes(evidence.group) for score in SHOWN
            if (found := against(change.changed, change.plain, score)) is not None]  # fmt: skip
    scores = [row["score"] for row in rows]
    for row, p in zip(rows, holm_by_family(scores, [row["p_t"] for row in rows]), strict=True):
        row |= {"p_t_holm": p, "tests": scores.count(row["score"])}
    return pd.DataFrame(rows, columns=list(COLUMNS))


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every such pair."""
    frame, title = frames[FILE], "One change at a time"
    if not len(frame):
        return Section("changes", title)
    columns = (Column("axis", "what changes"), Column("from", "from"), Column("to", "to"),
               Column("instead_of", "all else as in", minor=True), Column("score", "score"), DIFFERENCE, SEEDS,
               Column("p_t_holm", "p (t), Holm", P),
               Column("detectable", "minimum detectable effect", 3, minor=True))  # fmt: skip
    shown = Table("Pairs of strategies that differ in one thing", FILE, frame, columns, by="strategy",
                  folded=len(frame) > MOST)  # fmt: skip
    said = ("What a remedy adds to the others: every pair of strategies that differ in one setting, seed by seed.",)
    return Section("changes", title, said, tables=(shown,))


def _row(change: Change, score: str, found: Difference) -> dict[str, Any]:
    told = {"axis": change.axis, "from": change.before, "to": change.after, "strategy": change.changed.label,
            "instead_of": change.plain.label, "score": score}  # fmt: skip
    told |= {name: getattr(found, name) for name in ("paired", "seeds", "mean", "low", "high", "p_t")}
    return told | {"p_t_holm": math.nan, "tests": 0, "detectable": detectable(found.deviation, found.seeds)}
