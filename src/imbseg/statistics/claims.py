"""What may be claimed of a difference: above 0, not worse by more than a margin, and not by the luck of the best."""

import dataclasses
import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import integrate
from scipy.special import ndtr

MARGIN = 0.01  # IoU
HOLDS, FAILS, OPEN = "holds", "fails", "can't be told"
Floats = NDArray[np.float64]


def not_worse(low: float, high: float, margin: float = MARGIN) -> str:
    """Whether a strategy is worse than the baseline by no more than a margin.

    Args:
        low, high: the 95 % interval of strategy minus baseline; NaN where there is none.
        margin: largest loss that counts as none, in the same unit, >= 0.

    Returns:
        HOLDS where the whole interval lies above -margin (a one-sided test at .025), FAILS where it lies below, else
        OPEN.

    Source: Piaggio et al., Reporting of noninferiority trials (CONSORT), JAMA 2012, figure 1.

    >>> not_worse(-0.005, 0.02), not_worse(-0.03, -0.02), not_worse(-0.03, 0.02), not_worse(math.nan, math.nan)
    ('holds', 'fails', "can't be told", "can't be told")
    """
    if low > -margin:
        return HOLDS
    return FAILS if high < -margin else OPEN


def probability_not_above(mean: float, deviation: float, p_t: float) -> float:
    """The probability that the true difference isn't above 0, given the one that was measured.

    The posterior of the mean of normal differences under a flat prior of their mean and of log(deviation) is Student's
    t round the measured mean: half the two-sided p of the t test where that mean is above 0, else 1 minus it. Welch's
    where seeds don't pair, as an approximation. It doesn't know how many strategies were compared.

    Args:
        mean, deviation, p_t: of a `difference`.

    Returns:
        NaN of one seed.

    Source: Gelman et al., Bayesian Data Analysis, 3rd edition, section 3.2.
    """
    if math.isnan(p_t):
        return math.nan
    if not deviation:
        return float(mean <= 0)
    return p_t / 2 if mean > 0 else 1 - p_t / 2


@dataclasses.dataclass(frozen=True)
class Winner:
    """The strategy with the best mean on the validation images, and what its choice flatters.

    Attributes:
        place: its index.
        chosen: its mean validation score.
        luck: expected optimism of the best, were all strategies equal.
        tested: its mean test score; of the same runs, so that lucky seeds count here too.
        left_out: mean test score of each seed under the strategy that the other seeds choose on validation.
    """

    place: int
    chosen: float
    luck: float
    tested: float
    left_out: float


def winner(validation: Floats, test: Floats) -> Winner:
    """Choose the best of several strategies on validation, and judge the choice on test.

    luck = e(k) s / sqrt(n), with e(k) the expected maximum of k standard normals and s the residual standard deviation
    of the scores after strategies' and seeds' means. No more than that is expected: where strategies differ, the best
    is chosen less by luck. `left_out` is chosen and judged on other seeds and other images, which takes both kinds of
    luck away; its choice rests on one seed fewer.

    Args:
        validation, test: (strategies, seeds) scores, or gains over a baseline; two or more of each.

    Raises:
        ValueError: other shapes.

    Source: e(k): David and Nagaraja, Order Statistics, section 3.1. Choice apart from judgement: Cawley and Talbot, On
        Over-fitting in Model Selection, JMLR 11, 2010.
    """
    if validation.shape != test.shape or min(validation.shape) < 2:
        raise ValueError(f"expected (strategies, seeds) twice, found {validation.shape} and {test.shape}")
    count, seeds = validation.shape
    place = int(validation.mean(axis=1).argmax())
    residual = validation - validation.mean(axis=1, keepdims=True) - validation.mean(axis=0) + validation.mean()
    deviation = math.sqrt(float((residual**2).sum()) / ((count - 1) * (seeds - 1)))
    others = [int(np.delete(validation, seed, axis=1).mean(axis=1).argmax()) for seed in range(seeds)]
    return Winner(
        place,
        float(validation[place].mean()),
        expected_maximum(count) * deviation / math.sqrt(seeds),
        float(test[place].mean()),
        float(np.mean([test[other, seed] for seed, other in enumerate(others)])),
    )


@functools.cache
def expected_maximum(count: int) -> float:
    """The expected maximum of some independent standard normals.

    >>> round(expected_maximum(2), 4), round(expected_maximum(10), 4)
    (0.5642, 1.5388)
    """
    scale = count / math.sqrt(2 * math.pi)
    found = integrate.quad(lambda x: x * scale * math.exp(-x * x / 2) * float(ndtr(x)) ** (count - 1), -10, 10)
    return float(found[0])
