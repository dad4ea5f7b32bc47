"""What tells the strategies of a group apart, as settings, as a label for people, and as a key that says all."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from imbseg.errors import InputError
from imbseg.trial.fields import FIELDS
from imbseg.trial.remedies import known, takes
from imbseg.trial.values import show

NAMED = ("strategy", "loss", "class_weights")
Settings = tuple[tuple[str, Any], ...]


def settings_of(parameters: Mapping[str, Any], varying: Sequence[str]) -> Settings:
    """The named settings and the varying ones, without parameters of remedies that this trial doesn't have."""
    axes = ("loss", "sampling", "copy_paste")
    own = {*NAMED, *(name for axis in axes for name in _taken(axis, str(parameters.get(axis))))}
    foreign = {name for axis in axes for name in known(axis)} - own
    return tuple((name, setting(parameters, name)) for name in (*NAMED, *varying) if name not in foreign)


def setting(parameters: Mapping[str, Any], name: str) -> Any:
    """What a trial was set to; a run of an earlier version had the default of a setting that came since."""
    return parameters[name] if name in parameters else show(FIELDS[name].default) if name in FIELDS else None


def _taken(axis: str, text: str) -> Mapping[str, Any]:
    """What a remedy takes, with defaults; of one that this version doesn't know, or of the user's own, any."""
    try:
        if ":" in text:
            raise InputError("the user's own file isn't looked for")
        return takes(axis, text)
    except InputError:
        return dict.fromkeys(known(axis))


def own_weights(loss: str) -> str:
    """The class weights that go with a loss where no others are named."""
    return str(_taken("loss", loss).get("class_weights") or "none")


def departures(settings: Mapping[str, Any], sources: Any) -> int:
    """How many settings, beside the named ones, were given for a trial and aren't the default.

    Args:
        settings: of a strategy.
        sources: where trial.json says each came from; what it doesn't say counts as given.
    """
    told = sources if isinstance(sources, Mapping) else {}
    given = [name for name in settings if name in FIELDS and told.get(name) not in ("default", "dataset")]
    return sum(settings[name] != show(FIELDS[name].default) for name in given if name not in NAMED)


def labels_of(keys: Sequence[Settings]) -> dict[Settings, tuple[str, str]]:
    """(label, key) of each strategy: the label leaves out what all of the group have, and values that most have.

    A label has as few digits of a number as tell the group's apart, three or more; the key has all.
    """
    near = _rounded(keys)
    parts = {key: _parts(own) for key, own in zip(keys, near, strict=True)}
    common = set.intersection(*map(set, parts.values())) | _usual(near)
    full = {key: ", ".join(own) for key, own in parts.items()}
    shared = _shared_start([str(dict(key)["strategy"]) for key in keys])
    short = {
        key: ", ".join(part for part in own if part not in common).removeprefix(shared) or full[key]
        for key, own in parts.items()
    }
    often = Counter(short.values())
    labels = {key: short[key] if often[short[key]] == 1 else full[key] for key in keys}
    alike = Counter(" ".join(label.split()) for label in labels.values())
    return {
        key: (repr(one) if alike[" ".join(one.split())] > 1 else one, ", ".join(_parts(key)))
        for key, one in labels.items()
    }


def _rounded(keys: Sequence[Settings]) -> list[Settings]:
    """The settings with numbers that were drawn from a range cut to the digits that tell them apart."""
    numbers: dict[str, set[float]] = {}
    for name, value in itertools.chain(*keys):
        if isinstance(value, float):
            numbers.setdefault(name, set()).add(value)
    digits = {
        name: next((few for few in range(3, 17) if len({_cut(one, few) for one in values}) == len(values)), 17)
        for name, values in numbers.items()
    }
    return [
        tuple((name, _cut(value, digits[name]) if isinstance(value, float) else value) for name, value in key)
        for key in keys
    ]


def _cut(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _shared_start(strategies: Sequence[str]) -> str:
    """The imbalance and the split where all strategies have the same: `full/given/` of full/given/x2/none."""
    parts = [strategy.split("/") for strategy in strategies]
    alike = len(parts) > 1 and all(len(one) == 4 and one[:2] == parts[0][:2] for one in parts)
    return "/".join([*parts[0][:2], ""]) if alike else ""


def _usual(keys: Sequence[Settings]) -> set[str]:
    """Settings, beside what names a strategy, as more than half and at least three of the strategies have them."""
    held = Counter(f"{name}={value}" for key in keys for name, value in key if name not in NAMED)
    return {part for part, count in held.items() if count > max(2, len(keys) / 2)}


def _parts(key: Settings) -> list[str]:
    settings = dict(key)
    loss = str(settings["loss"])
    parts = (
        [str(settings["strategy"]), loss] if loss else [str(settings["strategy"])]
    )  # a table from elsewhere has none
    if settings["class_weights"] != own_weights(loss):
        parts.append(f"class_weights={settings['class_weights']}")
    return parts + [f"{name}={value}" for name, value in key if name not in NAMED]
