"""NNI's search space as Optuna has one: a parameter a key, the keys of a nested choice named after their branch."""

import json
import math
from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial

from imbseg.errors import InputError

FAR = NormalDist().cdf(4)  # a normal range is drawn within four standard deviations of its mean
Space = Mapping[str, Any]
Drawn = Any  # what Optuna draws: a label, a number, or the quantile of a normal range


def suggest(trial: Trial, space: Space, branch: str = "") -> dict[str, Any]:
    """Draw the parameters of a trial, as NNI hands them out: a nested choice as {"_name": ..., inner key: value}."""
    found: dict[str, Any] = {}
    for key, node in space.items():
        drawn = _draw(trial, f"{branch}{key}", distribution(node))
        if node["_type"] != "choice":
            found[key] = _number(node, drawn)
            continue
        chosen = _options(node)[drawn]
        inner = _inner(chosen)
        found[key] = {"_name": chosen["_name"], **suggest(trial, inner, f"{branch}{key}={drawn}/")} if inner else chosen
    return found


def drawn(parameters: Mapping[str, Any], space: Space, branch: str = "") -> dict[str, tuple[Drawn, BaseDistribution]]:
    """What Optuna would have drawn for parameters of NNI's: the inverse of `suggest`.

    Raises:
        InputError: a key is missing, or its value isn't in the space.
    """
    found: dict[str, tuple[Drawn, BaseDistribution]] = {}
    for key, node in space.items():
        if key not in parameters:
            raise InputError(f"{key}: is missing")
        value, dist = parameters[key], distribution(node)
        if node["_type"] != "choice":
            found[f"{branch}{key}"] = _quantile(key, node, value), dist
            continue
        label = _label(value)
        if label not in _options(node):
            raise InputError(f"{key}: {_shown(value)} is none of its choices")
        found[f"{branch}{key}"] = label, dist
        if inner := _inner(_options(node)[label]):
            found |= drawn(value if isinstance(value, Mapping) else {}, inner, f"{branch}{key}={label}/")
    return found


def nested(flat: Mapping[str, Any], space: Space) -> dict[str, Any]:
    """The parameters of a space, of settings that aren't nested, such as a run folder's.

    >>> space = {"loss": {"_type": "choice", "_value": ["dice", {"_name": "focal", "gamma": {}}]}}
    >>> nested({"loss": "focal", "gamma": 2.0, "lr": 0.1}, space)
    {'loss': {'_name': 'focal', 'gamma': 2.0}}
    """
    found = {key: flat[key] for key in space if key in flat}
    for key, node in space.items():
        chosen = _options(node).get(_label(flat.get(key))) if node.get("_type") == "choice" else None
        if inner := _inner(chosen):
            found[key] = {"_name": flat[key], **nested(flat, inner)}
    return found


def distribution(node: Mapping[str, Any]) -> BaseDistribution:
    """Where a key is drawn from: a step (`q...`) is rounded to afterwards, as NNI does."""
    kind, given = node["_type"], node["_value"]
    if kind == "choice":
        return CategoricalDistribution(tuple(_options(node)))
    if kind == "randint":
        return IntDistribution(int(given[0]), int(given[1]) - 1)
    if "normal" in kind:
        return FloatDistribution(1 - FAR, FAR)
    return FloatDistribution(float(given[0]), float(given[1]), log="log" in kind)


def same(parameters: Mapping[str, Any]) -> str:
    """A text that two sets of parameters share exactly where they are equal; 2.0, which JavaScript writes 2, is 2.

    >>> same({"b": 2.0, "a": "x"}) == same({"a": "x", "b": 2})
    True
    """
    return json.dumps(_plain(parameters), sort_keys=True)


def _draw(trial: Trial, name: str, dist: BaseDistribution) -> Drawn:
    if isinstance(dist, CategoricalDistribution):
        return trial.suggest_categorical(name, dist.choices)
    if isinstance(dist, IntDistribution):
        return trial.suggest_int(name, dist.low, dist.high)
    assert isinstance(dist, FloatDistribution)
    return trial.suggest_float(name, dist.low, dist.high, log=dist.log)


def _number(node: Mapping[str, Any], drawn: float) -> float | int:
    kind, given = node["_type"], node["_value"]
    if kind == "randint":
        return int(drawn)
    value = float(drawn)
    if "normal" in kind:
        value = NormalDist(given[0], given[1]).inv_cdf(value)
        value = math.exp(value) if "log" in kind else value
    if kind.startswith("q"):
        value = round(value / given[2]) * given[2]
        value = value if "normal" in kind else min(max(value, given[0]), given[1])
    return float(value)


def _quantile(key: str, node: Mapping[str, Any], value: Any) -> float | int:
    kind, given = node["_type"], node["_value"]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InputError(f"{key}: {_shown(value)} is no number")
    found = float(value)
    if "normal" in kind:
        positive = "log" not in kind or found > 0
        found = NormalDist(given[0], given[1]).cdf(math.log(found) if "log" in kind else found) if positive else 0.0
    dist = distribution(node)
    fits = dist.low <= found <= dist.high  # type: ignore[attr-defined]
    if not fits or (kind == "randint" and not found.is_integer()):
        raise InputError(f"{key}: {_shown(value)} is outside of {kind} {list(given)}")
    return int(found) if kind == "randint" else found


def _options(node: Mapping[str, Any]) -> dict[str, Any]:
    """The choices of a key by the label that Optuna draws."""
    return {_label(one): one for one in node["_value"]}


def _label(one: Any) -> str:
    name = one["_name"] if isinstance(one, Mapping) and "_name" in one else one
    return name if isinstance(name, str) else same({"": name})


def _inner(one: Any) -> dict[str, Any]:
    return {key: node for key, node in one.items() if key != "_name"} if isinstance(one, Mapping) else {}


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in _pairs(value)}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _pairs(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """A nested choice without settings of its own is the same as its name alone."""
    for key, inner in value.items():
        yield key, inner["_name"] if isinstance(inner, Mapping) and set(inner) == {"_name"} else inner
