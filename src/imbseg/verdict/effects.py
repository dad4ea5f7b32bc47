"""Strategies of a data set -> the effect of each remedy: pairs that differ in nothing else, averaged seed by seed."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from imbseg.runs.changes import parts_of
from imbseg.runs.collect import Run
from imbseg.runs.four_cells import GEOMETRY
from imbseg.runs.strategies import Group, Strategy
from imbseg.statistics.difference import Difference, difference
from imbseg.statistics.power import detectable

Score = Callable[[Run], float]
NO_REMEDY = ("imbalance", "strategy", "")
REFERENCES = {  # what a choice of these axes is held against; of another setting it is the baseline's value
    "split": ("random",),
    "sampling": ("none", "x2"),
    "copy_paste": ("none",),
    "loss": ("cross_entropy", "weighted_cross_entropy"),
}
PUBLISHED = {  # names of the published trials -> this project's
    "split": {"skf_prop_cluster": "skf_cluster"},
    "sampling": {"cnt": "label"},
    "copy_paste": {"cnt": "rare", "performance": "weak"},
}
Pair = tuple[Strategy, Strategy]  # (with the remedy, without)


@dataclasses.dataclass(frozen=True)
class Effect:
    """A remedy on one data set.

    Attributes:
        dataset: its name.
        remedy: axis, choice, and what it is in place of.
        found: difference over the seeds; of several pairs the mean of each seed.
        pairs: labels of the strategies, with the remedy and without.
        detectable: minimum detectable effect; NaN on one seed.
        what: of a geometry, the settings that change; else empty.
    """

    dataset: str
    remedy: str
    found: Difference
    pairs: tuple[tuple[str, str], ...]
    detectable: float
    what: str = ""

    @property
    def paid(self) -> bool:
        """Whether its interval lies above 0."""
        return self.found.low > 0


def effects(dataset: str, groups: Sequence[Group], score: Score) -> list[Effect]:
    """Every remedy that the groups of one data set allow to tell, on one score of a run."""
    pairs: dict[str, list[Pair]] = {}
    for group in groups:
        for name, own in remedies(group).items():
            pairs.setdefault(name, []).extend(own)
    made = [_effect(dataset, name, own, score) for name, own in _by_geometry(pairs).items()]
    return [one for one in made if one is not None]


def _by_geometry(pairs: Mapping[str, list[Pair]]) -> dict[str, list[Pair]]:
    """`geometry` is the one that most strategies were trained in; any other is a remedy of its own."""
    found = {name: own for name, own in pairs.items() if name != "geometry"}
    trained = Counter(_geometry(pair) for pair in pairs.get("geometry", ()))
    for place, (what, _) in enumerate(trained.most_common()):
        found[f"geometry: {what}" if place else "geometry"] = [
            pair for pair in pairs["geometry"] if _geometry(pair) == what
        ]
    return found


def remedies(group: Group) -> dict[str, list[Pair]]:
    """The pairs of a group that differ in one remedy, by the remedy's name."""
    parts = {id(one): _named(parts_of(one)) for one in group.strategies}
    baseline = parts[id(_plainest(group))]
    found: dict[str, list[Pair]] = {}
    for before in group.strategies:
        for after in group.strategies:
            if name := _remedy(parts[id(before)], parts[id(after)], baseline):
                found.setdefault(name, []).append((after, before))
    return found


def _plainest(group: Group) -> Strategy:
    """The baseline, or where another geometry was asked for in it, the first strategy in the data set's own."""
    own = [one for one in (group.baseline, *group.strategies) if not _asked(one)]
    return own[0] if own else group.baseline


def _asked(strategy: Strategy) -> bool:
    """Whether its geometry was a flag or sampled, neither the data set's nor the default."""
    sources = strategy.runs[0].about.get("sources") or {}
    return any(sources.get(name, "default") not in ("default", "dataset") for name in GEOMETRY)


def _named(parts: Mapping[str, str]) -> dict[str, str]:
    return {axis: PUBLISHED.get(axis, {}).get(value, value) for axis, value in parts.items()}


def _remedy(before: Mapping[str, str], after: Mapping[str, str], baseline: Mapping[str, str]) -> str:
    """The one thing that differs; empty where none or several do, or `before` is nothing to hold a remedy against."""
    differing = [axis for axis in before if axis in after and before[axis] != after[axis]]
    if differing and set(differing) <= {*GEOMETRY}:
        own = all(before[axis] == baseline.get(axis) for axis in GEOMETRY if axis in before)
        return "geometry" if own else ""
    if len(differing) != 1 or differing[0] in NO_REMEDY:
        return ""
    axis = differing[0]
    if before[axis] not in REFERENCES.get(axis, (baseline.get(axis),)):
        return ""
    if axis in REFERENCES and after[axis] in REFERENCES[axis][: REFERENCES[axis].index(before[axis])]:
        return ""
    return f"{axis} {after[axis]} in place of {before[axis]}"


def _effect(dataset: str, name: str, pairs: list[Pair], score: Score) -> Effect | None:
    """Of the pairs that share most seeds."""
    shared = [_shared(pair, score) for pair in pairs]
    most = max((sorted(own) for own in shared), key=len)
    if not most:
        return None
    used = [place for place, own in enumerate(shared) if own.keys() >= {*most}]
    ours, theirs = (
        {seed: math.fsum(shared[place][seed][side] for place in used) / len(used) for seed in most} for side in (0, 1)
    )
    found = difference(ours, theirs)
    labels = tuple((pairs[place][0].label, pairs[place][1].label) for place in used)
    what = _geometry(pairs[0]) if name.startswith("geometry") else ""
    return Effect(dataset, name, found, labels, detectable(found.deviation, found.seeds), what)


def _shared(pair: Pair, score: Score) -> dict[tuple[int, int], tuple[float, float]]:
    """Seed -> score with the remedy and without, of the seeds that have both."""
    after, before = ({run.seed: score(run) for run in one.runs} for one in pair)
    both = {seed: (after[seed], before[seed]) for seed in after if seed in before}
    return {seed: values for seed, values in both.items() if not any(map(math.isnan, values))}


def _geometry(pair: Pair) -> str:
    """What changes in it, such as `architecture deeplabv3plus -> unet`."""
    after, before = (parts_of(one) for one in pair)
    changed = [axis for axis in GEOMETRY if axis in after and before.get(axis) != after[axis]]
    return ", ".join(f"{axis} {before.get(axis)} -> {after[axis]}" for axis in changed).replace("None", "none")
