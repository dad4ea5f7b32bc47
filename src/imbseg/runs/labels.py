"""What tells the strategies of a group apart, as settings, as a label for people, and as a key that says all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imbseg import copy_paste, menu
from imbseg.copy_paste import PASTE_PARAMETERS
from imbseg.errors import InputError
from imbseg.losses import LOSS_PARAMETERS, terms
from imbseg.sampling import SAMPLER_PARAMETERS, SAMPLING, SCORE_PARAMETERS

NAMED = ("strategy", "loss", "class_weights")
Settings = tuple[tuple[str, Any], ...]


def settings_of(parameters: Mapping[str, Any], varying: Sequence[str]) -> Settings:
    """The named settings and the varying ones, without parameters of remedies that this trial doesn't have."""
    of_loss = _about_loss(str(parameters.get("loss")))[0]
    own = {
        *NAMED,
        *of_loss,
        *_of_sampler(str(parameters.get("sampling"))),
        *_of_rule(str(parameters.get("copy_paste"))),
    }
    foreign = {*LOSS_PARAMETERS, *SAMPLER_PARAMETERS, *SCORE_PARAMETERS, *PASTE_PARAMETERS} - own
    return tuple((name, parameters.get(name)) for name in (*NAMED, *varying) if name not in foreign)


def _of_sampler(sampling: str) -> Collection[str]:
    """The parameters a sampler takes; of one this version doesn't know, any."""
    if sampling not in SAMPLING:
        return (*SAMPLER_PARAMETERS, *SCORE_PARAMETERS)
    taken = menu.arguments(SAMPLING, sampling)
    return (*taken, *(SCORE_PARAMETERS if "class_scores" in taken else ()))


def _of_rule(rule: str) -> Collection[str]:
    """The parameters a copy-paste rule takes; of one this version doesn't know, any."""
    return copy_paste.parameters(rule) if rule in copy_paste.COPY_PASTE else PASTE_PARAMETERS


def _about_loss(loss: str) -> tuple[Collection[str], str]:
    """The parameters a loss takes, and its own class weights; of one this version doesn't know, any and none."""
    try:
        return terms.arguments(loss), terms.own_weights(loss)
    except InputError:
        return LOSS_PARAMETERS, "none"


def own_weights(loss: str) -> str:
    """The class weights that go with a loss where no others are named; none of one this version doesn't know."""
    return _about_loss(loss)[1]


def labels_of(keys: Sequence[Settings]) -> dict[Settings, tuple[str, str]]:
    """(label, key) of each strategy: the label leaves out what all of the group have, and values that most have."""
    common = set.intersection(*(set(_parts(key)) for key in keys)) | _usual(keys)
    full = {key: ", ".join(_parts(key)) for key in keys}
    shared = _shared_start([str(dict(key)["strategy"]) for key in keys])
    short = {key: ", ".join(part for part in _parts(key) if part not in common).removeprefix(shared) or full[key]
             for key in keys}  # fmt: skip
    often = Counter(short.values())
    labels = {key: short[key] if often[short[key]] == 1 else full[key] for key in keys}
    alike = Counter(" ".join(label.split()) for label in labels.values())
    return {key: (repr(one) if alike[" ".join(one.split())] > 1 else one, full[key]) for key, one in labels.items()}


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
