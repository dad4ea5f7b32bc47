"""A config and its search space -> the candidates of a race, its baseline, its seeds, and setups to test before it."""

import dataclasses
import itertools
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg.errors import InputError
from imbseg.manager import baseline, config, space
from imbseg.manager.geometries import Settings
from imbseg.runs.collect import FINISHED, Run
from imbseg.runs.strategies import choose_baseline, strategies_of
from imbseg.trial import Resolved, parse_flags, resolve
from imbseg.trial.fields import STRATEGY
from imbseg.trial.remedies import known
from imbseg.trial.sources import flatten
from imbseg.trial.values import show

SEEDS = (1, 2, 3, 4, 5)  # where the search space names at most one; the splits in meta have as many
ONE_FOR_ALL = ("epochs", "patience", "fold", "split_seed", "dataset", "root", "meta")


@dataclasses.dataclass(frozen=True)
class Entries:
    """Who races.

    Attributes:
        program: the words of the trial command up to its script.
        flags: settings that the command gives to all trials, as texts.
        labels: of the candidates, as a report names them; the baseline is the first.
        settings: of each what the search space says, by name, without a seed.
        seeds: in the order in which they are spent.
        epochs: of a whole trial.
    """

    program: tuple[str, ...]
    flags: dict[str, str]
    labels: tuple[str, ...]
    settings: tuple[dict[str, Any], ...]
    seeds: tuple[int, ...]
    epochs: int

    def trial(self, candidate: int, seed: int, setup: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All settings of a trial, those of a setup above the command's; an architecture brings its own."""
        setup = setup or {}
        own = set(known("architecture")) if "architecture" in setup else set()
        flags = {name: value for name, value in self.flags.items() if name not in own}
        return {**flags, **self.settings[candidate], **setup, "seed": seed}

    def resolved(self, candidate: int, seed: int, setup: Mapping[str, Any] | None = None) -> Resolved:
        """The same, checked."""
        return resolve({}, self.trial(candidate, seed, setup))


def read_entries(given: config.Config) -> Entries:
    """Take the grid of a config apart.

    Raises:
        InputError: it is no grid of choices, holds fewer than two candidates, or says what a race decides.
    """
    _check(given)
    flags = parse_flags(given.flags())
    if "seed" in flags:
        raise InputError(f"{given.path}: trialCommand gives --seed, which a race varies; take it out")
    samples = [flatten(one) for one in space.samples(given.space)]
    if varied := sorted({name for one in samples for name in one} & {*ONE_FOR_ALL}):
        raise InputError(
            f"{given.path}: the search space varies {varied[0]}, which is one for all candidates of a race"
        )
    seeds = tuple(dict.fromkeys(int(one["seed"]) for one in samples if "seed" in one))
    found = list({repr(sorted(rest.items(), key=str)): rest for rest in map(_without_seed, samples)}.values())
    parts = shlex.split(given.command)
    program = parts[: next(at for at, word in enumerate(parts) if Path(word).name == config.TRIAL_SCRIPT) + 1]
    every = Entries(
        tuple(program), flags, tuple("" for _ in found), tuple(found), seeds if len(seeds) > 1 else SEEDS, 1
    )
    return _in_order(every, given.path)


def _check(given: config.Config) -> None:
    if given.platform != "local":
        raise InputError(
            f"{given.path}: platform {given.platform}: a race needs its run folders on this machine; local"
        )
    for kind in _kinds(given.space):
        if kind != "choice":
            raise InputError(f"{given.path}: a race takes a grid of choices, found a {kind}; name the values to try")


def _kinds(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "_type" in node:
            yield str(node["_type"])
        yield from itertools.chain.from_iterable(_kinds(inner) for inner in node.values())
    elif isinstance(node, list):
        yield from itertools.chain.from_iterable(map(_kinds, node))


def _without_seed(flat: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flat.items() if name != "seed"}


def _in_order(every: Entries, path: Path) -> Entries:
    """The baseline first, labels as a report has them, candidates of the same settings once."""
    trials = [every.resolved(number, every.seeds[0]) for number in range(len(every.settings))]
    runs = [
        Run(str(number), Path(), FINISHED, "", {"parameters": one.trial.as_json(), "sources": one.sources})
        for number, one in enumerate(trials)
    ]
    strategies = strategies_of(runs)
    if len(strategies) < 2:
        raise InputError(f"{path}: holds one candidate, and a race needs two or more; add losses or strategies")
    best, _ = choose_baseline(strategies, None)
    ordered = [best, *(one for one in strategies if one is not best)]
    settings = tuple(every.settings[int(one.runs[0].name)] for one in ordered)
    labels = tuple(one.label for one in ordered)
    return dataclasses.replace(every, labels=labels, settings=settings, epochs=trials[0].trial.epochs)


def setups(entries: Entries) -> list[tuple[Settings, str]]:
    """What may make a better baseline, and runs with it and with the first remedy; nothing that the race varies."""
    trial = entries.resolved(0, entries.seeds[0]).trial
    varied = {name for one in entries.settings for name in one}
    found = []
    for setup, why in baseline.setups(trial):
        try:
            for candidate in (0, 1):
                entries.resolved(candidate, entries.seeds[0], setup)
        except InputError:
            continue
        if not varied & setup.keys():
            found.append((setup, why))
    return found


def with_setup(entries: Entries, setup: Mapping[str, Any]) -> Entries:
    """The same candidates with other settings in common."""
    common = entries.trial(0, entries.seeds[0], setup)
    kept = {name: str(value) for name, value in common.items() if name in entries.flags or name in setup}
    inner = {name for one in entries.settings for name in one}
    return dataclasses.replace(entries, flags={name: value for name, value in kept.items() if name not in inner})


def split_off(trials: Sequence[Mapping[str, Any]]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """What trials have in common, as flags; of each the rest, which its strategy stands at the head of.

    >>> split_off([{"strategy": "a", "seed": 1, "lr": "1"}, {"strategy": "a", "seed": 2, "lr": "1"}])
    ({'lr': '1'}, [{'strategy': 'a', 'seed': 1}, {'strategy': 'a', 'seed': 2}])
    """
    names = dict.fromkeys(name for one in trials for name in one)
    apart = {name for name in names if len({repr(one.get(name)) for one in trials}) > 1 or name in ("strategy", "seed")}
    common = {name: str(show(trials[0][name])) for name in names if name not in apart}
    return common, [{name: value for name, value in one.items() if name in apart} for one in trials]


def named_by_strategy(trial: Mapping[str, Any]) -> dict[str, Any]:
    """A trial with its four parts as one value, which heads a nested choice."""
    strategy = resolve({}, trial).trial.strategy
    return {
        "strategy": strategy,
        **{name: value for name, value in trial.items() if name not in (*STRATEGY, "strategy")},
    }
