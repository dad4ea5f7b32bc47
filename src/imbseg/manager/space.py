"""A search space of NNI -> the values that it can give, so that each can be checked before a trial meets it."""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from imbseg.errors import InputError, unknown_name
from imbseg.trial.fields import KINDS, read

# Type of NNI -> how many numbers its _value holds.
NUMBERS = dict.fromkeys(("randint", "uniform", "loguniform", "normal", "lognormal"), 2)
NUMBERS |= dict.fromkeys(("quniform", "qloguniform", "qnormal", "qlognormal"), 3)
MOST_COMBINATIONS = 2000
MOST_VALUES = 1000  # of a range that are tried, one by one, on its field
FAR = 4  # standard deviations from the mean, between which nearly all values lie


def samples(space: Any) -> Iterator[dict[str, Any]]:
    """What NNI might sample: each value of each key at least once, and every combination where those are few.

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
    """Every choice of one key, nested ones opened; of a range its ends, and its first values after the lower one."""
    if not isinstance(node, Mapping) or set(node) != {"_type", "_value"}:
        raise InputError(f"search space, {where}: expected {{_type: choice, _value: [...]}}, found {node!r}")
    kind, given = node["_type"], node["_value"]
    if kind not in ("choice", *NUMBERS):
        raise unknown_name(f"_type of {where} in the search space", kind, ("choice", *NUMBERS))
    if not isinstance(given, list) or not given:
        raise InputError(f"search space, {where}: expected _value to be a list that isn't empty, found {given!r}")
    if kind == "choice":
        return [value for one in given for value in _choice(one, where)]
    found = values(kind, given, where)
    return list(dict.fromkeys([*found[:3], found[-1]]))


def check_ranges(space: Any) -> None:
    """Try every value that a range can give on the field that it is for; see `values`.

    Raises:
        InputError: one doesn't fit, or the range gives fractions where whole numbers are needed.
    """
    for name, node in _mapping(space).items():
        if isinstance(node, Mapping) and node.get("_type") in NUMBERS and name in KINDS:
            _check_range(name, str(node["_type"]), values(node["_type"], node.get("_value", []), name))
        nested = node.get("_value") if isinstance(node, Mapping) and node.get("_type") == "choice" else None
        for one in nested if isinstance(nested, list) else []:
            if isinstance(one, Mapping) and set(one) > {"_name"}:
                check_ranges({key: inner for key, inner in one.items() if key != "_name"})


def _check_range(name: str, kind: str, found: list[Any]) -> None:
    whole = KINDS[name].type in ("int", "tuple")
    if whole and kind != "randint" and not kind.startswith("q"):
        raise InputError(f"{name}: {kind} gives fractions, which it doesn't take; use randint or q{kind}")
    for value in found:
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        try:
            read({name: value})
        except InputError as error:
            raise InputError(f"{name}: {kind} gives {shown}: {str(error).removeprefix(f'{name}: ')}") from error


def values(kind: str, given: Any, where: str) -> list[Any]:
    """What a range gives, in order: whole numbers and steps one by one where they are few, else some of them.

    A range without steps gives its ends and a fraction between them; one without ends its mean and what lies FAR from
    it, since nearly all that a long experiment draws lies between.

    >>> values("quniform", [32, 64, 12], "crop"), values("randint", [1, 4], "epochs")
    ([32.0, 36.0, 48.0, 60.0, 64.0], [1, 2, 3])

    Raises:
        InputError: these numbers make no such range.
    """
    low, high, step = _ends(kind, given, where)
    if kind == "randint":
        return [*range(int(low), int(high))] if high - low <= MOST_VALUES else [int(low), int(low) + 1, int(high) - 1]
    if step is None:
        return [low, low + (high - low) / 3, high]
    first, last = math.ceil(low / step), math.floor(high / step)
    skipped = max((last - first) // MOST_VALUES, 1)
    inner = [number * step for number in range(first, last + 1, skipped)]
    bounds = [] if "normal" in kind else [low, high]
    return sorted({*map(float, bounds), *map(float, inner)}) or [float(low)]


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


def _ends(kind: str, given: Any, where: str) -> tuple[float, float, float | None]:
    """(lower, upper, step or None) of a range; of a normal one what lies FAR from its mean."""
    given = given if isinstance(given, list) else [given]
    number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    if not number or len(given) != NUMBERS[kind]:
        raise InputError(f"search space, {where}: {kind} takes {NUMBERS[kind]} numbers, found {given!r}")
    low, high = given[:2]
    step = float(given[2]) if kind.startswith("q") else None
    if step is not None and step <= 0:
        raise InputError(f"search space, {where}: {kind} takes a step above 0, found {given!r}")
    if "normal" in kind:
        mean, far = low, FAR * abs(high)
        scale = math.exp if "log" in kind else float
        return scale(mean - far), scale(mean + far), step
    if low >= high or ("log" in kind and low <= 0):
        positive = ", the lower above 0" if "log" in kind else ""
        raise InputError(f"search space, {where}: {kind} takes [lower, upper, ...]{positive}, found {given!r}")
    return float(low), float(high), step


def _mapping(space: Any) -> Mapping[str, Any]:
    if not isinstance(space, Mapping) or not space:
        raise InputError(f"search space: expected {{name: {{_type: ..., _value: [...]}}}}, found {space!r}")
    return space
