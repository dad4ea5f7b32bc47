"""A search space of NNI -> the values that it can give, so that each can be checked before a trial meets it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from imbseg.errors import InputError, unknown_name

# Type of NNI -> how many numbers its _value holds.
NUMBERS = {
    "randint": 2,
    "uniform": 2,
    "loguniform": 2,
    "normal": 2,
    "lognormal": 2,
    "quniform": 3,
    "qloguniform": 3,
    "qnormal": 3,
    "qlognormal": 3,
}
MOST_COMBINATIONS = 2000


def samples(space: Any) -> Iterator[dict[str, Any]]:
    """What NNI might sample: each value of each key at least once, and every combination where those are few.

    Args:
        space: a decoded search space, {key: {_type: ..., _value: [...]}}.

    Yields:
        {key: value}; a nested choice as {"_name": ..., inner key: value}, as NNI samples it.

    Raises:
        InputError: the search space isn't one.

    >>> list(samples({"a": {"_type": "choice", "_value": [1, 2]}, "b": {"_type": "uniform", "_value": [0, 1]}}))[-1]
    {'a': 2, 'b': 1.0}
    """
    values = {name: options(node, name) for name, node in _mapping(space).items()}
    if math.prod(len(given) for given in values.values()) <= MOST_COMBINATIONS:
        for combination in itertools.product(*values.values()):
            yield dict(zip(values, combination, strict=True))
        return
    first = {name: given[0] for name, given in values.items()}
    yield first
    for name, given in values.items():
        yield from ({**first, name: value} for value in given[1:])


def options(node: Any, where: str) -> list[Any]:
    """Every choice of one key, nested ones opened; of a range its two ends."""
    if not isinstance(node, Mapping) or set(node) != {"_type", "_value"}:
        raise InputError(f"search space, {where}: expected {{_type: choice, _value: [...]}}, found {node!r}")
    kind, given = node["_type"], node["_value"]
    if kind not in ("choice", *NUMBERS):
        raise unknown_name(f"_type of {where} in the search space", kind, ("choice", *NUMBERS))
    if not isinstance(given, list) or not given:
        raise InputError(f"search space, {where}: expected _value to be a list that isn't empty, found {given!r}")
    if kind == "choice":
        return [value for one in given for value in _choice(one, where)]
    return _ends(kind, given, where)


def _choice(one: Any, where: str) -> Iterator[Any]:
    """A plain choice, or everything that a nested one can turn into."""
    if not isinstance(one, Mapping):
        yield one
        return
    if "_name" not in one:
        raise InputError(f"search space, {where}: a nested choice needs a _name, found {dict(one)!r}")
    inner = {name: options(node, f"{where}.{name}") for name, node in one.items() if name != "_name"}
    for combination in itertools.product(*inner.values()):
        yield {"_name": one["_name"], **dict(zip(inner, combination, strict=True))}


def _ends(kind: str, given: list[Any], where: str) -> list[Any]:
    number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    if not number or len(given) != NUMBERS[kind]:
        raise InputError(f"search space, {where}: {kind} takes {NUMBERS[kind]} numbers, found {given!r}")
    low, high = given[:2]
    if "normal" in kind:
        # Mean and standard deviation: no ends, so the mean stands for all.
        return [float(math.exp(low) if "log" in kind else low)]
    if low >= high or ("log" in kind and low <= 0):
        positive = ", the lower above 0" if "log" in kind else ""
        raise InputError(f"search space, {where}: {kind} takes [lower, upper, ...]{positive}, found {given!r}")
    return [int(low), int(high) - 1] if kind == "randint" else [float(low), float(high)]


def _mapping(space: Any) -> Mapping[str, Any]:
    if not isinstance(space, Mapping) or not space:
        raise InputError(f"search space: expected {{name: {{_type: ..., _value: [...]}}}}, found {space!r}")
    return space
