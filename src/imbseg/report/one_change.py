"""Pairs of strategies that differ in one thing: what a remedy adds on top of the others, seed by seed."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from imbseg.copy_paste import COPY_PASTE
from imbseg.losses import LOSSES
from imbseg.runs.labels import own_weights
from imbseg.runs.strategies import Group, Strategy
from imbseg.sampling import SAMPLING
from imbseg.splits import SPLITS
from imbseg.statistics.difference import difference, holm
from imbseg.statistics.power import detectable
from imbseg.trial.fields import IMBALANCES, STRATEGY

AXES: Mapping[str, tuple[str, ...]] = {
    "imbalance": IMBALANCES,
    "split": tuple(SPLITS),
    "sampling": tuple(SAMPLING),
    "copy_paste": tuple(COPY_PASTE),
    "loss": tuple(LOSSES),
}
PLAINER = ("strategy", "loss", "class_weights")
COLUMNS = ("axis", "from", "to", "strategy", "instead_of", "score", "paired", "seeds", "mean", "low", "high", "p_t",
           "p_t_holm", "tests", "detectable")  # fmt: skip
SHOWN = ("tail", "head", "mIoU")


@dataclasses.dataclass(frozen=True)
class Change:
    """Two strategies that differ in one axis.

    Attributes:
        axis: imbalance, split, sampling, copy_paste, loss, or the name of another setting.
        before, after: what stands there in each; `before` comes first in the menu.
        plain: the strategy before.
        changed: the strategy after.
    """

    axis: str
    before: str
    after: str
    plain: Strategy
    changed: Strategy


def changes(group: Group) -> list[Change]:
    """Every pair of a group's strategies that differs in one axis, the plainer one first.

    A loss and the class weights that go with it count as one axis; parameters that only one of the two has (a
    paste's probability, say) belong to the axis that brought them.
    """
    pairs = itertools.combinations(group.strategies, 2)
    return [change for one, other in pairs if (change := _change(one, other)) is not None]


def table(group: Group, subset: str = "test") -> pd.DataFrame:
    """A row a change and headline score: the difference over the seeds that both have.

    Args:
        group: strategies that may be compared.
        subset: test or val.

    Returns:
        Columns COLUMNS; p_t_holm is corrected over all changes on that score.
    """
    rows = list(_rows(group, subset))
    for score in SHOWN:
        of_score = [row for row in rows if row["score"] == score]
        adjusted = holm([row["p_t"] for row in of_score])
        for row, p in zip(of_score, adjusted, strict=True):
            row |= {"p_t_holm": p, "tests": len(of_score)}
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(group: Group, subset: str) -> Iterator[dict[str, Any]]:
    for change in changes(group):
        for score in SHOWN:
            ours, theirs = change.changed.values(subset, score), change.plain.values(subset, score)
            if not ours or not theirs:
                continue
            found = difference(ours, theirs)
            yield {
                "axis": change.axis, "from": change.before, "to": change.after, "strategy": change.changed.label,
                "instead_of": change.plain.label, "score": score, "paired": found.paired, "seeds": found.seeds,
                "mean": found.mean, "low": found.low, "high": found.high, "p_t": found.p_t,
                "p_t_holm": math.nan, "tests": 0, "detectable": detectable(found.deviation, found.seeds),
            }  # fmt: skip


def _change(one: Strategy, other: Strategy) -> Change | None:
    ours, theirs = parts_of(one), parts_of(other)
    differing = [name for name in AXES if ours.get(name) != theirs.get(name)]
    settings = [name for name in ours if name not in AXES and name in theirs and ours[name] != theirs[name]]
    if len(differing) + len(settings) != 1:
        return None
    axis = (differing or settings)[0]
    before, after = (one, other) if _place(axis, ours[axis]) <= _place(axis, theirs[axis]) else (other, one)
    return Change(axis, parts_of(before)[axis], parts_of(after)[axis], before, after)


def parts_of(strategy: Strategy) -> dict[str, str]:
    """What a strategy is made of, by axis; a table from elsewhere knows its strategy by one name only."""
    parameters = strategy.runs[0].parameters
    parts = {name: str(parameters[name]) for name in STRATEGY if name in parameters}
    if len(parts) < len(STRATEGY):  # a table that doesn't tell what its strategies are made of
        return {"strategy": str(parameters.get("strategy")), "": strategy.key}
    weights = parameters.get("class_weights", "none")
    loss = str(parameters.get("loss"))
    parts["loss"] = loss if weights in ("none", None, own_weights(loss)) else f"{loss} ({weights})"
    return parts | {name: str(value) for name, value in strategy.settings.items() if name not in PLAINER}


def _place(axis: str, value: str) -> tuple[float, str]:
    """Where a choice stands in its menu: the plainer, the earlier; a number by its size."""
    names = AXES.get(axis, ())
    first = value.split("+")[0].split(" ")[0].split("*")[-1]
    if first in names:
        return names.index(first) + 0.5 * ("+" in value or " " in value), value
    try:
        return float(value), value
    except ValueError:
        return math.inf, value
