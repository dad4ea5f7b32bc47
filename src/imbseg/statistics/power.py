"""The minimum detectable effect of so few seeds, and how many seeds would detect a difference."""

import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import optimize, stats

from imbseg.statistics.difference import CONFIDENCE, ROUNDING

POWER = 0.8
MOST_SEEDS = 1000  # `seeds_needed` says "more" beyond


def detectable(deviation: float, seeds: int, *, family: int = 1) -> float:
    """The smallest true difference that a paired t test finds in 80 % of such experiments.

    Args:
        deviation: standard deviation of one pair's difference.
        seeds: pairs.
        family: tests in the family; the smallest p must stay below 0.05 / family (Holm's first step).

    Returns:
        In the unit of `deviation`; NaN below two seeds, 0 without deviation.

    Source: Cohen, Statistical Power Analysis, 1988, by the noncentral t distribution.

    >>> round(detectable(0.02, 5), 4), round(detectable(0.02, 20), 4)
    (0.0336, 0.0132)
    """
    if seeds < 2 or math.isnan(deviation):
        return math.nan
    return _unit_effect(seeds, family) * deviation


def seeds_needed(effect: float, deviation: float, *, family: int = 1) -> int:
    """How many pairs of seeds show a true difference of `effect` in 80 % of experiments; MOST_SEEDS where more.

    >>> seeds_needed(0.02, 0.02), seeds_needed(0.05, 0.02)
    (10, 4)
    """
    if not effect or math.isnan(effect) or math.isnan(deviation):
        return MOST_SEEDS
    low, high = 2, MOST_SEEDS
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if detectable(deviation, middle, family=family) <= abs(effect) else (middle + 1, high)
    return low


def noise_ratio(scores: Sequence[Sequence[float]]) -> float:
    """Standard deviation between strategies' means over that of the seeds within them: how well data tell them apart.

    Above 1, strategies differ by more than seeds do; near 0, the data set can't tell them apart. The spread between
    means holds a share 1 / n of the seeds' noise, which is not taken out.

    Args:
        scores: of each strategy the scores of its seeds.

    Source: Isensee et al., nnU-Net Revisited, arXiv:2404.09556, section 3 (inter- over intra-method deviation).

    >>> round(noise_ratio([[0.4, 0.5], [0.6, 0.7]]), 3)
    2.0
    """
    several = [np.asarray(one, np.float64) for one in scores if len(one) > 1]
    means = [float(np.mean(one)) for one in scores if len(one)]
    if not several or len(means) < 2:
        return math.nan
    free = sum(len(one) - 1 for one in several)
    within = math.sqrt(sum(float(((one - one.mean()) ** 2).sum()) for one in several) / free)
    between = float(np.std(means, ddof=1))
    if within <= ROUNDING:
        return math.inf if between > ROUNDING else math.nan
    return between / within


@functools.lru_cache(maxsize=4096)
def _unit_effect(seeds: int, family: int) -> float:
    """In standard deviations."""
    high = 4.0
    while _power(high, seeds, family) < POWER:
        high *= 2
    return float(optimize.brentq(lambda effect: _power(effect, seeds, family) - POWER, 0.0, high, xtol=1e-9))


def _power(effect: float, seeds: int, family: int) -> float:
    """Of the two-sided paired t test at a difference of `effect` > 0 standard deviations.

    The chance of a significant difference of the wrong sign is left out: it is nothing where power is near .8, and
    scipy gives NaN for it.
    """
    free, shift = seeds - 1, effect * math.sqrt(seeds)
    critical = stats.t.ppf(1 - (1 - CONFIDENCE) / family / 2, free)
    return float(stats.nct.sf(critical, free, shift))
