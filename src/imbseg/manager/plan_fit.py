"""What a number of hours holds: epochs, trials, seeds; in that order they give way."""

import bisect
import dataclasses
import itertools
import math
from collections.abc import Sequence

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.manager.candidates import Candidate
from imbseg.trial import Trial
from imbseg.trial.pace import Pace

MOST_SEEDS = 5  # the splits in meta have as many
RISING = {"cpu": 200, "gpu": 2000}  # optimizer steps that a baseline needs to rise: a fifth of what it gets by default


@dataclasses.dataclass(frozen=True)
class Timed:
    """A trial and what it takes."""

    candidate: Candidate
    pace: Pace


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a budget holds.

    Attributes:
        kept, left_out: trials.
        seeds: of each.
        epochs: of each.
        wished: epochs that they would have without a budget.
        at_once: trials.
    """

    kept: tuple[Timed, ...]
    left_out: tuple[Timed, ...]
    seeds: int
    epochs: int
    wished: int
    at_once: int

    @property
    def hours(self) -> float:
        """Of all."""
        return self.hours_of(self.seeds)

    def hours_of(self, seeds: int) -> float:
        """Of all with so many seeds."""
        return hours(self.kept, self.epochs, seeds, self.at_once)

    @property
    def bytes(self) -> int:
        """Of all run folders, and what those that train at once take beside."""
        beside = self.at_once * max((one.pace.beside for one in self.kept), default=0)
        return self.seeds * sum(one.pace.bytes for one in self.kept) + beside


def hours(timed: Sequence[Timed], epochs: int, seeds: int, at_once: int) -> float:
    """Hours of all trials with all seeds, so many at once.

    >>> pace = Pace(steps=10, step_s=358.8, loader_s=0.0, val_s=0.0, end_s=0.0, save_s=0.0)  # 3588 s an epoch, and 12
    >>> hours([Timed(Candidate(), pace)] * 2, epochs=1, seeds=3, at_once=2)
    3.0
    """
    seconds = [one.pace.seconds(epochs) for one in timed]
    return max(sum(seconds) * seeds / at_once, max(seconds)) / 3600


def least_epochs(trial: Trial, steps: int, device: str, *, fixed: bool = False) -> int:
    """The fewest epochs that a budget may shorten trials to: RISING steps of the baseline, or what is asked for.

    Args:
        trial: the baseline.
        steps: of its epoch.
        device: `cpu` or `gpu`.
        fixed: epochs given on the command line aren't shortened.
    """
    if fixed:
        return trial.epochs
    return min(trial.epochs, max(math.ceil(RISING[device] / steps), trial.finish_epochs + 1))


def fit(timed: Sequence[Timed], epochs: Sequence[int], budget: float | None, at_once: int) -> Fitted:
    """Shorten epochs until all trials fit, then leave trials out; add epochs again as far as it goes, then seeds.

    Trials are taken in their order while they fit, those of a block together; one in a setup of its own goes where its
    remedy without it goes.

    Args:
        timed: the baseline, which must fit, then the others, the most valuable first.
        epochs: the fewest, and those that are wished.
        budget: hours; None takes all, with one seed.
        at_once: trials.
    """
    least, most = epochs
    if budget is None:
        return Fitted(tuple(timed), (), 1, most, most, at_once)
    kept = [timed[0]]
    for _, block in itertools.groupby(timed[1:], lambda one: one.candidate.block or id(one)):
        more = [*kept, *block]
        if _twins(more) and hours(more, least, 1, at_once) <= budget:
            kept = more
    at = bisect.bisect_right(range(least, most + 1), budget, key=lambda count: hours(kept, count, 1, at_once))
    reached = max(least, least + at - 1)
    seeds = 1
    while seeds < MOST_SEEDS and hours(kept, reached, seeds + 1, at_once) <= budget:
        seeds += 1
    return Fitted(tuple(kept), tuple(one for one in timed if one not in kept), seeds, reached, most, at_once)


def _twins(timed: Sequence[Timed]) -> bool:
    """Whether each trial in a setup of its own has its remedy without it beside it."""
    return all(one.candidate.remedy in _plain(timed) for one in timed)


def _plain(timed: Sequence[Timed]) -> set[tuple[str, str, str]]:
    """The remedies that run in the common setup."""
    return {one.candidate.remedy for one in timed if not one.candidate.setup}


def fit_measured(
    wanted: Sequence[Candidate],
    paces: Sequence[Pace | InputError],
    *,
    epochs: Sequence[int],
    budget: float | None,
    at_once: int,
) -> tuple[Fitted, list[str]]:
    """Fit what can run into the budget, and tell of what can't.

    Args:
        wanted: the baseline, then the others, the most valuable first.
        paces: what each takes, or why it can't run; the first is a pace.
        epochs: see `fit`.
        budget: hours, see `check_baseline`; None: unlimited.
        at_once: trials.
    """
    pairs = list(zip(wanted, paces, strict=True))
    refused = [f"Can't run: {one.label}: {why}." for one, why in pairs if isinstance(why, InputError)]
    timed = [Timed(one, pace) for one, pace in pairs if isinstance(pace, Pace)]
    broken = {one.block for one, pace in pairs if isinstance(pace, InputError)} - {""}
    broken |= {one.candidate.block for one in timed if one.candidate.remedy not in _plain(timed)}
    refused += [f"Left out beside it: {one.candidate.label}." for one in timed if one.candidate.block in broken]
    timed = [one for one in timed if one.candidate.block not in broken]
    return fit(timed, epochs, budget, at_once), refused


def check_baseline(pace: Pace, epochs: int, budget: float, dataset: Dataset) -> None:
    """Refuse a budget in which not even the baseline fits.

    Args:
        epochs: the fewest, see `least_epochs`.

    Raises:
        InputError: it doesn't; the message says how many hours would do.
    """
    needs = pace.seconds(epochs) / 3600
    if needs <= budget:
        return
    raise InputError(
        f"--hours {budget:g}: the baseline alone takes {needs:.2g} hours ({epochs} epochs of {pace.steps} steps of "
        f"{pace.step_s:.2g} s and {pace.val_s:.2g} s of validation; with fewer it would not rise); allow more hours, "
        f"or take a smaller `resize`, `crop` or `encoder` under `trial:` in {dataset.path.name}"
    )
