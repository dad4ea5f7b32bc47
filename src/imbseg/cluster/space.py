"""A search space of NNI as Ray Tune needs it: every combination for a grid, or one draw through an Optuna trial."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from imbseg.errors import InputError
from imbseg.manager.space import MOST_VALUES, values

GRIDS = ("choice", "randint", "quniform")
DRAWN = ("choice", "randint", "uniform", "loguniform", "quniform")


class Suggests(Protocol):
    """The part of an Optuna trial that draws."""

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """A whole number, both ends included."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number."""

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """One of the choices."""


def check_types(space: Mapping[str, Any], known: tuple[str, ...], by: str) -> None:
    """Refuse what can't be mapped, by its name, nested choices included.

    Args:
        by: who would have to draw it, for the message.

    Raises:
        InputError: a type that isn't among the known ones.
    """
    for name, node in space.items():
        if node["_type"] not in known:
            kinds = ", ".join(known)
            raise InputError(f"search space, {name}: {by} takes {kinds}; found {node['_type']!r}: write one of those")
        for one in node["_value"] if node["_type"] == "choice" else ():
            if isinstance(one, Mapping):
                check_types(_inner(one), known, by)


def grid(space: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of a search space's values, nested choices opened.

    >>> grid({"a": {"_type": "choice", "_value": [1, 2]}, "b": {"_type": "randint", "_value": [0, 2]}})
    [{'a': 1, 'b': 0}, {'a': 1, 'b': 1}, {'a': 2, 'b': 0}, {'a': 2, 'b': 1}]

    Raises:
        InputError: a range without steps, or one of too many.
    """
    check_types(space, GRIDS, "GridSearch on Ray")
    return list(_product(space))


def draw(space: Mapping[str, Any], trial: Suggests, within: str = "") -> dict[str, Any]:
    """Let an Optuna trial choose one value of each key; of a nested choice only what it opens.

    Args:
        within: of a nested choice, where it stands: names are one to Optuna wherever they mean the same.

    Returns:
        {key: value}, a nested choice as NNI samples it: {"_name": ..., inner key: value}.
    """
    return {name: _one(node, trial, f"{within}{name}") for name, node in space.items()}


def _product(space: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    options = [[*_every(node, name)] for name, node in space.items()]
    return (dict(zip(space, combination, strict=True)) for combination in itertools.product(*options))


def _every(node: Mapping[str, Any], name: str) -> Iterator[Any]:
    if node["_type"] != "choice":
        found = values(node["_type"], node["_value"], name)
        if _span(node) > MOST_VALUES:
            raise InputError(f"search space, {name}: a grid of more than {MOST_VALUES} values; name them in a choice")
        yield from found
        return
    for one in node["_value"]:
        if isinstance(one, Mapping):
            yield from ({"_name": one["_name"], **inner} for inner in _product(_inner(one)))
        else:
            yield one


def _span(node: Mapping[str, Any]) -> float:
    low, high, *step = node["_value"]
    return float((high - low) / (step[0] if step else 1))


def _one(node: Mapping[str, Any], trial: Suggests, name: str) -> Any:
    kind, given = node["_type"], node["_value"]
    if kind == "choice":
        place = trial.suggest_categorical(name, list(range(len(given))))  # a choice may be what Optuna can't hold
        chosen = given[place]
        if not isinstance(chosen, Mapping):
            return chosen
        return {"_name": chosen["_name"], **draw(_inner(chosen), trial, f"{name}.{place}.")}
    if kind == "randint":
        return trial.suggest_int(name, given[0], given[1] - 1)
    if kind == "quniform":
        low, high, step = given
        return float(trial.suggest_int(name, math.ceil(low / step), math.floor(high / step)) * step)
    return trial.suggest_float(name, given[0], given[1], log=kind == "loguniform")


def _inner(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in choice.items() if name != "_name"}
