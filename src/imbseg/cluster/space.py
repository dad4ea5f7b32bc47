"""Every combination of NNI's search space, as its grid search has them."""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from imbseg.errors import InputError
from imbseg.manager.space import MOST_VALUES, values

GRIDS = ("choice", "randint", "quniform")


def grid(space: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of a search space's values, nested choices opened.

    >>> grid({"a": {"_type": "choice", "_value": [1, 2]}, "b": {"_type": "randint", "_value": [0, 2]}})
    [{'a': 1, 'b': 0}, {'a': 1, 'b': 1}, {'a': 2, 'b': 0}, {'a': 2, 'b': 1}]

    Raises:
        InputError: a range without steps, or one of too many.
    """
    return list(_product(space))


def _product(space: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    options = [[*_every(node, name)] for name, node in space.items()]
    return (dict(zip(space, combination, strict=True)) for combination in itertools.product(*options))


def _every(node: Mapping[str, Any], name: str) -> Iterator[Any]:
    if node["_type"] not in GRIDS:
        kinds = ", ".join(GRIDS)
        raise InputError(
            f"search space, {name}: GridSearch on Ray takes {kinds}; found {node['_type']!r}: name values in a choice"
        )
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


def _inner(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {name: node for name, node in choice.items() if name != "_name"}
