"""A strategy minus the baseline on one test score: mean and interval over the seeds, and the words for them."""

from __future__ import annotations

import dataclasses
import math

from imbseg.results.statistics import t_interval
from imbseg.results.strategies import Strategy, differences


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A strategy minus the baseline on one test score, over the seeds that both have run.

    Attributes:
        strategy: its label.
        score: the score's name.
        seeds: how many seeds both have.
        mean: difference, in IoU; NaN without a shared seed.
        low, high: 95 % interval by Student's t; NaN below two shared seeds.
    """

    strategy: str
    score: str
    seeds: int
    mean: float
    low: float
    high: float

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def compare(strategy: Strategy, baseline: Strategy, score: str) -> Comparison:
    """Compare on the test images.

    Args:
        strategy: the one in question.
        baseline: the one it is held against.
        score: mIoU, head, medium, tail or IoU/<class>.
    """
    found = differences(strategy, baseline, "test", score)
    interval = t_interval(list(found.values())) if found else (math.nan, math.nan, math.nan)
    return Comparison(strategy.label, score, len(found), *interval)


def verdict(comparison: Comparison) -> str:
    """What one comparison shows.

    >>> verdict(Comparison("focal", "tail", 3, 0.01, -0.02, 0.04))
    'no difference beyond noise: +0.010 [-0.020, +0.040] over 3 seeds'
    """
    if not comparison.seeds:
        return "not compared: no seed in common with the baseline has the score"
    if comparison.seeds == 1:
        return f"{comparison.mean:+.3f} on one seed: no noise estimate"
    numbers = f"{comparison.mean:+.3f} [{comparison.low:+.3f}, {comparison.high:+.3f}] over {comparison.seeds} seeds"
    if not comparison.beyond_noise:
        return f"no difference beyond noise: {numbers}"
    return f"{'higher' if comparison.mean > 0 else 'lower'} by {numbers}"
