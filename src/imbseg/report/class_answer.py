"""The answer's line on classes: what the best strategy did to each class of the tail, and what of it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from imbseg.errors import listed
from imbseg.report.frames import Record, records
from imbseg.report.say import span
from imbseg.runs.recorded import class_groups
from imbseg.runs.strategies import Group
from imbseg.statistics.difference import SIGNIFICANT

LISTED = 6  # classes told one by one
PREFIX = "IoU/"


def class_line(group: Group, compared: pd.DataFrame, label: str) -> list[str]:
    """One sentence, or none where the strategy has no score of a class.

    Args:
        group: its strategies.
        compared: its rows of comparisons.csv.
        label: the strategy in question.
    """
    own = compared[(compared["strategy"] == label) & compared["score"].str.startswith(PREFIX)]
    rows = {str(row["score"]).removeprefix(PREFIX): row for _, row in records(own)}
    if not rows:
        return []
    tail = [name for name in tail_classes(group) if name in rows]
    shown = tail or sorted(rows, key=lambda name: -rows[name]["mean"])
    told = listed([f"{name} {span(rows[name])}" for name in shown], LISTED, "; ")
    what = "Its tail class by class" if tail else "Class by class, the largest gains first"
    return [f"{what}: {told}. {_stand(rows)}"]


def tail_classes(group: Group) -> tuple[str, ...]:
    """The classes that the runs count as their tail; none where nothing tells."""
    return tuple(class_groups(group.baseline.runs[0]).get("tail", ()))


def _stand(rows: dict[str, Record]) -> str:
    """How many classes' differences stand once it is admitted how many were looked at."""
    if all(math.isnan(row["low"]) for row in rows.values()):
        return "One seed: nothing tells these from chance."
    stand = [name for name, row in rows.items() if row["p_t_holm"] < SIGNIFICANT]
    return f"After correction over {len(rows)} classes {_names(stand)}."


def _names(stand: Sequence[str]) -> str:
    if not stand:
        return "none of them stands by itself"
    return f"{listed(stand, LISTED)} stand{'s' if len(stand) == 1 else ''}"
