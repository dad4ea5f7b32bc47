"""The course of a race from look to look: the same for a real one, a replay and a simulation."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from imbseg.racing.rule import ERROR, Floats, Look, Mask, afforded, bar, beaten, noise_at


class Field(Protocol):
    """What runs the trials of a race."""

    def costs(self, number: int, now: int) -> Floats:
        """(candidates,) what look `number` takes of each, beyond the looks before it, as known when `now` begins."""

    def left(self, number: int) -> float:
        """What is left of the budget when look `number` begins."""

    def run(self, number: int, chosen: Mask) -> Floats:
        """Train those chosen up to look `number`; (candidates, seeds) scores, NaN of others and where one failed."""


@dataclasses.dataclass(frozen=True)
class Step:
    """What happened at a look.

    Attributes:
        scores: (candidates, seeds), NaN of those that didn't take part.
        bar: how far behind the leader the beaten are.
        unaffordable, failed, beaten: (candidates,) who left, and why.
        alive: (candidates,) who goes on.
    """

    look: Look
    scores: Floats
    bar: float
    unaffordable: Mask
    failed: Mask
    beaten: Mask
    alive: Mask

    @property
    def means(self) -> Floats:
        """(candidates,) over the seeds; NaN of those that didn't take part."""
        found: Floats = self.scores.mean(axis=1)
        return found


def run_course(
    field: Field,
    plan: Sequence[Look],
    candidates: int,
    baseline: int,
    *,
    score: str = "mIoU",
    error: float = ERROR,
    watch: Callable[[Sequence[Step]], None] | None = None,
) -> list[Step]:
    """Run a race until its looks or its budget end, or nobody but the baseline is left.

    Args:
        plan: the looks; each spends the same share of the error budget.
        baseline: index of the candidate that always stays.
        score: that the field gives, mIoU or tail.
        error: the error budget.
        watch: called after each look with the steps so far.

    Returns:
        A step a look.
    """
    steps: list[Step] = []
    alive, means = np.ones(candidates, np.bool_), np.zeros(candidates)
    for number, look in enumerate(plan):
        whole = [field.costs(later, number) for later in range(number + 1, len(plan)) if plan[later].seeds == 1]
        kept = np.sum([np.zeros(candidates), *whole], axis=0)  # the leader and the baseline are trained whole once
        chosen = afforded(means, alive, baseline, field.costs(number, number), field.left(number), kept)
        if not chosen.any():
            break
        scores = field.run(number, chosen)
        failed = chosen & np.isnan(scores).any(axis=1)
        going = chosen & ~failed
        noise = noise_at(look, scores[going], score)
        height = bar(noise, look.seeds, int(going.sum()) - 1, error / len(plan))
        out = beaten(scores, going, baseline, height)
        steps.append(Step(look, scores, height, alive & ~chosen, failed, out, going & ~out))
        if watch:
            watch(steps)
        alive, means = going & ~out, np.where(going, np.nan_to_num(scores.mean(axis=1)), -np.inf)
        if not alive[baseline] or alive.sum() < 2:
            break
    return steps
