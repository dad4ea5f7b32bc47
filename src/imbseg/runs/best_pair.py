"""The best strategy against the baseline, as the two runs that a picture can show."""

import dataclasses

import numpy as np

from imbseg.errors import InputError
from imbseg.runs.collect import Run, Seed
from imbseg.runs.recorded import class_groups
from imbseg.runs.strategies import Group, Strategy, differences
from imbseg.trial.stored import dataset_of


@dataclasses.dataclass(frozen=True)
class Pair:
    """A run of the best strategy and the baseline's of the same seed.

    Attributes:
        strategy, baseline: labels.
        after: the strategy's run.
        before: the baseline's run.
        score: what "best" means: tail, or mIoU where no class is of the tail.
        gain: of the two runs, strategy minus baseline.
        seeds: how many both have run.
    """

    strategy: str
    baseline: str
    after: Run
    before: Run
    score: str
    gain: float
    seeds: int


def best_pair(group: Group, label: str = "") -> Pair:
    """A strategy against the baseline, and of their shared seeds the one nearest its mean gain.

    Args:
        label: of the strategy; empty, or where it shares no seed: the one with the largest mean gain.

    Raises:
        InputError: there is no other strategy, or none shares a seed with the baseline.
    """
    score = "tail" if any(one.values("test", "tail") for one in group.strategies) else "mIoU"
    gains = [(one, differences(one, group.baseline, "test", score)) for one in group.others]
    gains = [(one, found) for one, found in gains if found]
    if not gains:
        raise InputError("no strategy shares a seed with the baseline")
    named = [pair for pair in gains if pair[0].label == label]
    best, found = max(named or gains, key=lambda pair: float(np.mean(list(pair[1].values()))))
    middle = float(np.mean(list(found.values())))
    seed = min(found, key=lambda one: (abs(found[one] - middle), one))
    return Pair(
        best.label, group.baseline.label, _run(best, seed), _run(group.baseline, seed), score, found[seed], len(found)
    )


def _run(strategy: Strategy, seed: Seed) -> Run:
    return next(run for run in strategy.runs if run.seed == seed)


def classes_in_question(pair: Pair) -> tuple[str, ...]:
    """The tail, as the run records it; without one all classes but the background.

    Raises:
        InputError: the data set's file or its meta are missing or of another version.
    """
    run = pair.after
    tail = class_groups(run).get("tail", ()) if pair.score == "tail" else ()
    if tail:
        return tuple(tail)
    dataset = dataset_of(run.about)
    return tuple(name for name in dataset.class_names if name != dataset.background)
