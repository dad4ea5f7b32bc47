"""Strategies -> four cells: plain and a remedy, each in the baseline's geometry and in another."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from imbseg.runs.labels import Settings, labels_of, own_weights
from imbseg.runs.strategies import Group, Strategy
from imbseg.trial.remedies import known

# Settings that change the network, its grid, or its steps; every other one is a remedy
GEOMETRY = ("architecture", *known("architecture"), "encoder", "resize", "crop", "batch_size")
Key = tuple[Settings, Settings]  # geometry, remedy
Names = tuple[Mapping[Settings, str], Mapping[Settings, str]]


@dataclasses.dataclass(frozen=True)
class Cells:
    """A geometry and a remedy, alone and together, beside the baseline.

    Attributes:
        geometry, remedy: what changes, for people.
        held: strategies in the order of `statistics.parts.CELLS`: plain, geometry, remedy, both.
    """

    geometry: str
    remedy: str
    held: tuple[Strategy, Strategy, Strategy, Strategy]


@dataclasses.dataclass(frozen=True)
class Missing:
    """A cell that was not trained.

    Attributes:
        geometry, remedy: what it is made of; the baseline's where empty.
        flags: of src/train_nni.py, beside the baseline's settings.
        completes: remedies and geometries whose joint gain it lets be taken apart.
    """

    geometry: str
    remedy: str
    flags: str
    completes: tuple[str, ...]


def four_cells(group: Group) -> list[Cells]:
    """Every geometry and remedy of a group of which all four cells have been trained."""
    found = _by_key(group)
    names = _names(group, found)
    return [
        Cells(names[0][key[0]], names[1][key[1]], (group.baseline, found[moved], found[treated], found[key]))
        for key, moved, treated in _corners(group, found)
        if key in found and moved in found and treated in found
    ]


def missing_cells(group: Group) -> list[Missing]:
    """The cells without which a gain can't be taken apart, those first that complete most.

    Of a geometry and a remedy that were trained together each of the two alone is asked for; of two that were trained
    alone, both together.
    """
    found = _by_key(group)
    names, lacking = _names(group, found), dict[Key, list[Key]]()
    for key, moved, treated in _corners(group, found):
        wanted = [one for one in (key, moved, treated) if one not in found]
        if key in found or len(wanted) == 1:
            for one in wanted:
                lacking.setdefault(one, []).append(key)
    told = [_missing(group, names, key, completed) for key, completed in lacking.items()]
    return sorted(told, key=lambda one: -len(one.completes))


def _split(strategy: Strategy) -> Key:
    pairs = strategy.settings.items()
    return tuple(pair for pair in pairs if pair[0] in GEOMETRY), tuple(
        pair for pair in pairs if pair[0] not in GEOMETRY
    )


def _by_key(group: Group) -> dict[Key, Strategy]:
    return {_split(one): one for one in group.strategies}


def _corners(group: Group, found: Mapping[Key, Strategy]) -> Iterator[tuple[Key, Key, Key]]:
    """(both, geometry alone, remedy alone) of every geometry and remedy that aren't the baseline's."""
    plain = _split(group.baseline)
    geometries, remedies = (dict.fromkeys(key[place] for key in found) for place in (0, 1))
    for geometry in geometries:
        for remedy in remedies:
            if geometry != plain[0] and remedy != plain[1]:
                yield (geometry, remedy), (geometry, plain[1]), (plain[0], remedy)


def _names(group: Group, found: Mapping[Key, Strategy]) -> Names:
    """Geometries by what differs from the baseline's, remedies as strategies are named."""
    geometries, remedies = (list(dict.fromkeys(key[place] for key in found)) for place in (0, 1))
    plain = _split(group.baseline)[0]
    labels = {key: label for key, (label, _) in labels_of(remedies).items()}
    return {key: ", ".join(f"{name}={value}" for name, value in _changed(key, plain)) for key in geometries}, labels


def _changed(settings: Settings, plain: Settings) -> Settings:
    before = dict(plain)
    return tuple((name, value) for name, value in settings if name not in before or value != before[name])


def _missing(group: Group, names: Names, key: Key, completed: Sequence[Key]) -> Missing:
    plain = _split(group.baseline)
    changed = dict(pair for own, before in zip(key, plain, strict=True) for pair in _changed(own, before))
    geometry = names[0][key[0]] if key[0] != plain[0] else ""
    remedy = names[1][key[1]] if key[1] != plain[1] else ""
    completes = tuple(f"{names[1][one[1]]} in {names[0][one[0]]}" for one in completed)
    return Missing(geometry, remedy, _flags(changed, group.baseline), completes)


def _flags(changed: dict[str, Any], baseline: Strategy) -> str:
    """As src/train_nni.py takes them; class weights that go with the loss, or that it doesn't take, aren't named."""
    loss = str(changed.get("loss", baseline.settings["loss"]))
    if changed.get("class_weights") == own_weights(loss):
        del changed["class_weights"]
    return " ".join(f"--{name} {'none' if value is None else value}" for name, value in changed.items())
