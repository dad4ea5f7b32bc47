"""Runs -> groups that may be compared, and in each the strategies: runs that differ by nothing but their seed."""

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg.errors import InputError
from imbseg.runs.collect import FINISHED, Run
from imbseg.runs.labels import NAMED, Settings, departures, labels_of, setting, settings_of
from imbseg.trial.fields import STRATEGY, WITHOUT_EFFECT

APART = ("dataset", "fold", "epochs")  # what keeps groups apart, and is no strategy
NO_REMEDY = (*NAMED, *STRATEGY, *APART, *WITHOUT_EFFECT, "seed", "split_seed", "threads", "device", "post_hoc")


@dataclasses.dataclass(frozen=True)
class Strategy:
    """Runs of the same settings, one a seed.

    Attributes:
        label: what tells it apart from the others of its group, for people.
        key: all of it: strategy, loss, class weights, and every other setting that varies in the group.
        settings: the same, by name.
        runs: finished ones, by seed.
    """

    label: str
    key: str
    settings: Mapping[str, Any]
    runs: tuple[Run, ...]

    def values(self, subset: str, score: str) -> dict[tuple[int, int], float]:
        """Seed -> a score, of the seeds that have it."""
        scores = {run.seed: run.score(subset, score) for run in self.runs}
        return {seed: value for seed, value in scores.items() if not math.isnan(value)}


@dataclasses.dataclass(frozen=True)
class Group:
    """Strategies of one data set, meta, fold and epoch budget: what may be compared.

    Attributes:
        name: what it is, for people.
        classes: names in index order.
        strategies: the baseline first, the others in the order of their runs' names.
        baseline: the one that the others are held against.
        chosen: how the baseline was chosen.
    """

    name: str
    classes: tuple[str, ...]
    strategies: tuple[Strategy, ...]
    baseline: Strategy
    chosen: str

    @property
    def others(self) -> tuple[Strategy, ...]:
        """All strategies but the baseline."""
        return self.strategies[1:]


@dataclasses.dataclass(frozen=True)
class Results:
    """Everything a report tells: the groups, and the runs that stand in none, each with its reason."""

    root: Path
    groups: tuple[Group, ...]
    left_out: tuple[Run, ...]


def arrange(runs: Sequence[Run], root: Path | str, baseline: str | None = None) -> Results:
    """Sort runs into groups and strategies.

    Args:
        baseline: a strategy's key or label, or a loss or strategy that only one has; None: see `choose_baseline`.

    Raises:
        InputError: no run has finished, or no group has the baseline (the message lists what is there).
    """
    finished, left_out = _without_duplicates(runs)
    if not finished:
        told = "; ".join(f"{run.name}: {run.status}, {run.reason}" for run in left_out[:3])
        more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        raise InputError(
            f"{root}: none of {len(runs)} run(s) has finished ({told}{more}); wait for one, or start "
            f"them again: they go on where they stopped"
        )
    parts: dict[tuple[Any, ...], list[Run]] = {}
    for run in finished:
        parts.setdefault(_group_key(run), []).append(run)
    strategies = {key: strategies_of(members) for key, members in parts.items()}
    if baseline is not None:
        _check_baseline(baseline, strategies.values())
    names = _group_names(list(parts))
    groups = [_group(names[key], strategies[key], baseline) for key in parts]
    return Results(Path(root), tuple(groups), tuple(left_out))


def strategies_of(runs: Sequence[Run]) -> list[Strategy]:
    """Runs of one group -> its strategies, in the order in which they first appear."""
    varying = varying_settings(runs)
    members: dict[Settings, list[Run]] = {}
    for run in runs:
        members.setdefault(settings_of(run.parameters, varying), []).append(run)
    labels = labels_of(list(members))
    return [
        Strategy(*labels[key], dict(key), tuple(sorted(own, key=lambda run: run.seed))) for key, own in members.items()
    ]


def varying_settings(runs: Sequence[Run]) -> list[str]:
    """Settings that differ between runs, beside the strategy, the loss, its weights, and what is chance or place."""
    names = dict.fromkeys(name for run in runs for name in run.parameters if name not in NO_REMEDY)
    return [name for name in names if len({repr(setting(run.parameters, name)) for run in runs}) > 1]


def choose_baseline(strategies: Sequence[Strategy], wanted: str | None) -> tuple[Strategy, str]:
    """The strategy that the others are compared with, and how it was chosen.

    By default plain cross-entropy, then what takes as many steps as most of the strategies, then what neither resamples
    nor pastes; between equals the one on the imbalanced data (full data is no fair opponent of a remedy), then a random
    split, then the fewest settings that were given and aren't the default, then the first.
    """
    found = matching(strategies, wanted) if wanted else []
    if len(found) == 1:
        return found[0], "named with --baseline"
    doubled = sum(one.runs[0].parameters.get("sampling") != "none" for one in strategies) > len(strategies) / 2
    best = min(strategies, key=lambda one: _plainness(one, doubled=doubled))
    if len(strategies) == 1:
        return best, "the only strategy"
    parameters, missing = best.runs[0].parameters, _missed(wanted, len(found))
    if best.settings["loss"] == "cross_entropy":
        return best, f"{missing}taken by default: the plainest with cross_entropy"
    if parameters.get("copy_paste") == "none" and parameters.get("sampling") in PLAIN:
        return best, f"{missing}taken by default: nothing resampled or pasted"
    return best, f"{missing}taken by default: the first"


def _missed(wanted: str | None, matches: int) -> str:
    if wanted is None:
        return ""
    return f"{wanted!r} fits several strategies here; " if matches else f"{wanted!r} isn't here; "


def differences(strategy: Strategy, baseline: Strategy, subset: str, score: str) -> dict[tuple[int, int], float]:
    """Strategy minus baseline of each seed that both have run, where both have the score."""
    ours, theirs = strategy.values(subset, score), baseline.values(subset, score)
    return {seed: ours[seed] - theirs[seed] for seed in ours if seed in theirs}


PLAIN = ("none", "x2")


def _plainness(strategy: Strategy, *, doubled: bool) -> tuple[int, ...]:
    settings, about, parameters = strategy.settings, strategy.runs[0].about, strategy.runs[0].parameters
    sampling = parameters.get("sampling")
    return (
        settings["loss"] != "cross_entropy",
        (sampling != "none") != doubled,  # all samplers but `none` take twice its steps
        PLAIN.index(sampling) if sampling in PLAIN else len(PLAIN),
        parameters.get("copy_paste") != "none",
        settings["class_weights"] != "none",
        parameters.get("imbalance") != "imbalanced",
        parameters.get("split") != "random",
        departures(settings, about.get("sources")),
    )


def matching(strategies: Iterable[Strategy], wanted: str) -> list[Strategy]:
    """The strategies that a label or key names, else those of that strategy and loss, else of one of the two."""
    exact = [one for one in strategies if wanted in (one.key, one.label)]
    exact = exact or [one for one in strategies if wanted == f"{one.settings['strategy']}, {one.settings['loss']}"]
    return exact or [one for one in strategies if wanted in (one.settings["strategy"], one.settings["loss"])]


def _check_baseline(wanted: str, groups: Iterable[Sequence[Strategy]]) -> None:
    found = [matching(strategies, wanted) for strategies in groups]
    if any(len(matches) == 1 for matches in found):
        return
    there = sorted({one.label for strategies in groups for one in strategies})
    problem = "fits several strategies" if any(found) else "is no strategy here"
    listed = "; ".join(repr(label) for label in there[:20]) + ("; ..." if len(there) > 20 else "")
    raise InputError(f"--baseline: {wanted!r} {problem}; choose from: {listed}")


def _group(name: str, strategies: list[Strategy], wanted: str | None) -> Group:
    baseline, chosen = choose_baseline(strategies, wanted)
    others = [one for one in strategies if one is not baseline]
    return Group(name, baseline.runs[0].classes, (baseline, *others), baseline, chosen)


def _group_key(run: Run) -> tuple[Any, ...]:
    settings = [run.parameters.get(name) for name in APART]
    if run.about.get("dataset_sha256"):  # the same file by its name and by its path is one data set
        settings[0] = Path(str(settings[0])).stem
    return (*settings, str(run.about.get("dataset_sha256")), str(run.about.get("meta_sha256")), run.classes)


def _group_names(keys: list[tuple[Any, ...]]) -> dict[tuple[Any, ...], str]:
    """Names from data set, fold and epochs; digests only where those don't tell two groups apart."""
    plain = {key: ", ".join([Path(str(key[0])).stem, *_fold_and_budget(key)]) for key in keys}
    often = Counter(plain.values())
    told = {
        key: name if often[name] == 1 else f"{name}, data set file {key[3][:8]}, meta {key[4][:8]}"
        for key, name in plain.items()
    }
    seen: Counter[str] = Counter()
    for key, name in told.items():  # every table of a report goes by these names
        seen[name] += 1
        told[key] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return told


def _fold_and_budget(key: tuple[Any, ...]) -> list[str]:
    """Nothing of what a table of trials from elsewhere doesn't tell."""
    fold, epochs = key[1:3]
    parts = [] if fold is None else [f"fold {fold}"]
    return parts if epochs is None else [*parts, "1 epoch" if epochs == 1 else f"up to {epochs} epochs"]


def _without_duplicates(runs: Sequence[Run]) -> tuple[list[Run], list[Run]]:
    """A trial that was run twice would count twice: its numbers are the same by construction."""
    kept: dict[tuple[Any, ...], Run] = {}
    left_out, aside = [], {*NO_REMEDY, *STRATEGY} - {*NAMED}
    names = sorted({name for run in runs for name in run.parameters} - aside)
    for run in runs:
        key = (_group_key(run), run.seed, *(repr(setting(run.parameters, name)) for name in names))
        if run.status != FINISHED:
            left_out.append(run)
        elif key in kept:
            reason = f"same settings and seed as {kept[key].name}, which counts once"
            left_out.append(dataclasses.replace(run, status="duplicate", reason=reason))
        else:
            kept[key] = run
    return list(kept.values()), left_out
