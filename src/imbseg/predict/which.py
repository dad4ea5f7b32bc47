"""RUN, as a user names it -> the runs whose networks predict: one, or the best strategy's seeds and folds together."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError, listed
from imbseg.files import runs_folder
from imbseg.metrics.scores import mean
from imbseg.runs.collect import FINISHED, MARKERS, Run, collect
from imbseg.runs.strategies import Strategy, arrange, matching, strategies_of

LATEST = "latest"
BY = ("mIoU", "tail")


class Chosen(NamedTuple):
    """Finished runs of one strategy, and how they were chosen, for people."""

    runs: tuple[Run, ...]
    said: str


def choose(run: str, *, by: str = "mIoU", strategy: str | None = None, seeds: Sequence[int] = ()) -> Chosen:
    """Find the runs that a name stands for; of several strategies the best on validation, never on test.

    Args:
        run: a run folder, a folder of runs, the name of one in data/runs, or `latest`.
        by: score of the validation images that decides: mIoU or tail.
        strategy: as the report names it, instead of the best one.
        seeds: of which runs; all, where none is named.

    Raises:
        InputError: there is no such run, strategy or seed (the message lists what is there), or none has finished.
    """
    if by not in BY:
        raise InputError(f"by: expected one of {', '.join(BY)}, found {by!r}")
    folder = find(run)
    runs = collect(folder)
    if any((folder / name).is_file() for name in MARKERS):
        return _alone(runs[0], strategy, seeds)
    strategies = _strategies(runs, folder)
    best, how = _named(strategies, strategy) if strategy else _best(strategies, by)
    kept = tuple(one for one in best.runs if not seeds or one.seed[0] in seeds)
    if lacking := [seed for seed in seeds if seed not in {one.seed[0] for one in best.runs}]:
        there = ", ".join(str(seed) for seed in sorted({one.seed[0] for one in best.runs}))
        raise InputError(f"seeds: {best.label} has no run of seed {lacking[0]}; there are: {there}")
    told = ", ".join(one.name for one in kept)
    return Chosen(kept, f"{best.label}: {how}; {_count(len(kept), 'network')}: {told}")


def find(run: str) -> Path:
    """The folder that a name stands for.

    Raises:
        InputError: there is none.
    """
    root = runs_folder()
    there = sorted(one.name for one in root.iterdir() if one.is_dir()) if root.is_dir() else []
    if run == LATEST and there:
        return max((root / name for name in there), key=_ended)
    for folder in (Path(run), root / run):
        if run and folder.is_dir():
            return folder
    known = f"in {root}: {', '.join([*there, LATEST])}" if there else f"{root} holds no run"
    raise InputError(f"run {run!r}: expected a run folder, or a folder of runs; {known}")


def _ended(folder: Path) -> float:
    """When a run of a folder last said how it stands."""
    return max((file.stat().st_mtime for file in folder.rglob("status.json")), default=-math.inf)


def _alone(run: Run, strategy: str | None, seeds: Sequence[int]) -> Chosen:
    for name, given in (("strategy", strategy), ("seeds", seeds)):
        if given:
            raise InputError(f"{name}: {run.folder} is one run; leave it out, or name the folder above it")
    if run.status != FINISHED:
        raise InputError(f"{run.folder}: {run.reason or run.status}; predict with it once it has finished")
    return Chosen((run,), f"{run.name}: one network")


def _strategies(runs: Sequence[Run], folder: Path) -> list[Strategy]:
    """The strategies of a folder, those of all folds together."""
    groups = arrange(runs, folder).groups
    parts: dict[object, list[Run]] = {}
    for group in groups:
        for run in (one for strategy in group.strategies for one in strategy.runs):
            parts.setdefault(run.parameters.get("epochs"), []).append(run)
    data = {(Path(str(run.parameters.get("dataset"))).stem, run.classes) for own in parts.values() for run in own}
    if len(data) > 1:
        names = ", ".join(sorted(name for name, _ in data))
        raise InputError(f"{folder}: holds runs of several data sets ({names}); name the folder of one")
    return [strategy for own in parts.values() for strategy in strategies_of(own)]


def _named(strategies: Sequence[Strategy], wanted: str) -> tuple[Strategy, str]:
    found = matching(strategies, wanted)
    if len(found) != 1:
        problem = "fits several strategies" if found else "is no strategy here"
        labels = listed([repr(one.label) for one in strategies], 20, "; ")
        raise InputError(f"strategy: {wanted!r} {problem}; choose from: {labels}")
    return found[0], "named"


def _best(strategies: Sequence[Strategy], by: str) -> tuple[Strategy, str]:
    scored = [(float(mean(_values(one, by))), one) for one in strategies]
    ranked = sorted((pair for pair in scored if not math.isnan(pair[0])), key=lambda pair: -pair[0])
    if not ranked:
        raise InputError(f"by {by}: no run has that score; take mIoU, or name a strategy")
    (score, best), *others = ranked
    of = f"best of {_count(len(strategies), 'strategy')} by validation {by}, {score:.3f}"
    return best, of + (f" (next: {others[0][1].label}, {others[0][0]:.3f})" if others else "")


def _values(strategy: Strategy, by: str) -> NDArray[np.float64]:
    return np.array([run.score("val", by) for run in strategy.runs])


def _count(number: int, what: str) -> str:
    """A number of things.

    >>> _count(1, "strategy"), _count(2, "strategy"), _count(2, "network")
    ('1 strategy', '2 strategies', '2 networks')
    """
    return f"{number} {what if number == 1 else what[:-1] + 'ies' if what.endswith('y') else what + 's'}"
