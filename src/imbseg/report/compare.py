"""A strategy minus the baseline on one test score: mean and interval over the seeds, and the words for them."""

from __future__ import annotations

import dataclasses
import math

from imbseg.runs.strategies import Strategy
from imbseg.statistics.difference import difference


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A strategy minus the baseline on one test score, the same that comparisons.csv holds.

    Attributes:
        strategy: its label.
        score: the score's name.
        seeds: pairs, or runs on the smaller side where nothing pairs; 0 where one side lacks the score.
        mean: difference, in IoU; NaN where one side lacks the score.
        low, high: 95 % interval by Student's t (Welch's where unpaired); NaN below two seeds.
        paired: whether seeds are held against themselves.
    """

    strategy: str
    score: str
    seeds: int
    mean: float
    low: float
    high: float
    paired: bool = True

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
    ours, theirs = strategy.values("test", score), baseline.values("test", score)
    if not ours or not theirs:
        return Comparison(strategy.label, score, 0, math.nan, math.nan, math.nan)
    found = difference(ours, theirs)
    return Comparison(strategy.label, score, found.seeds, found.mean, found.low, found.high, found.paired)


def verdict(comparison: Comparison) -> str:
    """What one comparison shows.

    >>> verdict(Comparison("focal", "tail", 3, 0.01, -0.02, 0.04))
    'no difference beyond noise: +0.010 [-0.020, +0.040] over 3 seeds'
    """
    if not comparison.seeds:
        return "not compared: the strategy or the baseline lacks the score"
    unpaired = "" if comparison.paired else "unpaired "
    if comparison.seeds == 1:
        return f"{comparison.mean:+.3f} on one {unpaired}seed: no noise estimate"
    numbers = f"{comparison.mean:+.3f} [{comparison.low:+.3f}, {comparison.high:+.3f}] over "
    numbers += f"{comparison.seeds} {unpaired}seeds"
    if not comparison.beyond_noise:
        return f"no difference beyond noise: {numbers}"
    return f"{'higher' if comparison.mean > 0 else 'lower'} by {numbers}"
