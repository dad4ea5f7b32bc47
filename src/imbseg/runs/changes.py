"""Pairs of strategies that differ in one thing: imbalance, split, sampling, copy-paste, loss, or another setting."""

import dataclasses
import itertools
import math
from collections.abc import Mapping

from imbseg.copy_paste import COPY_PASTE
from imbseg.losses import LOSSES
from imbseg.runs.labels import NAMED, own_weights
from imbseg.runs.strategies import Group, Strategy
from imbseg.sampling import SAMPLING
from imbseg.splits import SPLITS
from imbseg.trial.fields import IMBALANCES, STRATEGY

AXES: Mapping[str, tuple[str, ...]] = {
    "imbalance": IMBALANCES,
    "split": tuple(SPLITS),
    "sampling": tuple(SAMPLING),
    "copy_paste": tuple(COPY_PASTE),
    "loss": tuple(LOSSES),
}


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

    A loss and the class weights that go with it count as one axis; parameters that only one of the two has (the
    probability of copy-paste, say) belong to the axis that brought them.
    """
    pairs = itertools.combinations(group.strategies, 2)
    return [change for one, other in pairs if (change := _change(one, other)) is not None]


def parts_of(strategy: Strategy) -> dict[str, str]:
    """What a strategy is made of, by axis; a table from elsewhere knows its strategy by one name only."""
    parameters = strategy.runs[0].parameters
    parts = {name: str(parameters[name]) for name in STRATEGY if name in parameters}
    if len(parts) < len(STRATEGY):  # a table that doesn't tell what its strategies are made of
        return {"strategy": str(parameters.get("strategy")), "": strategy.key}
    weights = parameters.get("class_weights", "none")
    loss = str(parameters.get("loss"))
    parts["loss"] = loss if weights in ("none", None, own_weights(loss)) else f"{loss} ({weights})"
    return parts | {name: str(value) for name, value in strategy.settings.items() if name not in NAMED}


def _change(one: Strategy, other: Strategy) -> Change | None:
    ours, theirs = parts_of(one), parts_of(other)
    differing = [name for name in AXES if ours.get(name) != theirs.get(name)]
    settings = [name for name in ours if name not in AXES and name in theirs and ours[name] != theirs[name]]
    if len(differing) + len(settings) != 1:
        return None
    axis = (differing or settings)[0]
    before, after = (one, other) if _place(axis, ours[axis]) <= _place(axis, theirs[axis]) else (other, one)
    return Change(axis, parts_of(before)[axis], parts_of(after)[axis], before, after)


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
