"""What tells the strategies of a group apart, as settings, as a label for people, and as a key that says all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from imbseg import menu
from imbseg.errors import InputError
from imbseg.losses import LOSS_PARAMETERS, terms
from imbseg.sampling import SAMPLER_PARAMETERS, SAMPLING

NAMED = ("strategy", "loss", "class_weights")
Settings = tuple[tuple[str, Any], ...]


def settings_of(parameters: Mapping[str, Any], varying: Sequence[str]) -> Settings:
    """The named settings and the varying ones, without parameters of another loss or sampler than the trial's."""
    sampling = str(parameters.get("sampling"))
    of_sampler = menu.arguments(SAMPLING, sampling) if sampling in SAMPLING else SAMPLER_PARAMETERS
    own = {*NAMED, *_about_loss(str(parameters.get("loss")))[0], *of_sampler}
    foreign = {*LOSS_PARAMETERS, *SAMPLER_PARAMETERS} - own
    return tuple((name, parameters.get(name)) for name in (*NAMED, *varying) if name not in foreign)


def _about_loss(loss: str) -> tuple[Collection[str], str]:
    """The parameters a loss takes, and its own class weights; of one this version doesn't know, any and none."""
    try:
        return terms.arguments(loss), terms.own_weights(loss)
    except InputError:
        return LOSS_PARAMETERS, "none"


def labels_of(keys: Sequence[Settings]) -> dict[Settings, tuple[str, str]]:
    """(label, key) of each strategy: the label leaves out what all of the group have in common."""
    common = set.intersection(*(set(_parts(key)) for key in keys))
    full = {key: ", ".join(_parts(key)) for key in keys}
    short = {key: ", ".join(part for part in _parts(key) if part not in common) or full[key] for key in keys}
    often = Counter(short.values())
    return {key: (short[key] if often[short[key]] == 1 else full[key], full[key]) for key in keys}


def _parts(key: Settings) -> list[str]:
    settings = dict(key)
    parts = [str(settings["strategy"]), str(settings["loss"])]
    if settings["class_weights"] != _about_loss(parts[1])[1]:
        parts.append(f"class_weights={settings['class_weights']}")
    return parts + [f"{name}={value}" for name, value in key if name not in NAMED]
