"""The rule of a race: matrices of scores in, who stays out; knows nothing of trials, clocks or files."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
ERROR = 0.05  # probability, over all looks, that the best and all within NEAR of it are called beaten
NEAR = 0.01  # a score so close to the best's is as good
SHARES = (0.25, 0.5, 1.0)  # of the epochs, at the looks on one seed


@dataclasses.dataclass(frozen=True)
class Look:
    """A moment at which candidates may leave: after so many epochs, a share of all, with so many seeds."""

    epochs: int
    share: float
    seeds: int


@dataclasses.dataclass(frozen=True)
class Noise:
    """Standard deviation of one run's score, without what all candidates share of a seed; degrees of freedom."""

    deviation: float
    free: float


# Measured on finished runs by `tools/simulate_race.py --measure`, which prints them. Of a run's validation score: what
# data sets' seed SDs have in common; the largest of them, which one seed, that can't tell its own, is judged by; and by
# how much more, in seed SDs, a run at a share of its epochs errs of the whole training.
PRIOR = {"mIoU": Noise(0.0085, 1.8), "tail": Noise(0.0406, 3.0)}
LARGEST = {"mIoU": Noise(0.032, math.inf), "tail": Noise(0.048, math.inf)}
SHORT = {0.25: 2.4, 0.5: 1.5, 1.0: 1.0}


def looks(epochs: int, seeds: int) -> list[Look]:
    """The looks of a race, fixed before its first trial.

    >>> [(look.epochs, look.seeds) for look in looks(7, 3)]
    [(2, 1), (4, 1), (7, 1), (7, 2), (7, 3)]
    >>> [(look.epochs, look.seeds) for look in looks(1, 2)]
    [(1, 1), (1, 2)]
    """
    first = {math.ceil(share * epochs): share for share in SHARES}
    return [
        *(Look(count, share, 1) for count, share in first.items()),
        *(Look(epochs, 1.0, count) for count in range(2, seeds + 1)),
    ]


def seed_noise(scores: Floats, prior: Noise) -> Noise:
    """The noise of a run, from the residuals of candidates and seeds, drawn towards the prior.

    Args:
        scores: (candidates, seeds); rows with a NaN don't count.

    Source: Smyth, 2004, doi:10.2202/1544-6115.1027, equation 1 (the moderated variance).

    >>> found = seed_noise(np.array([[0.1, 0.3], [0.2, 0.2]]), Noise(0.1, 1.0))
    >>> round(found.deviation, 6), found.free  # residuals of .05: squares .01 + .01 over two degrees of freedom
    (0.1, 2.0)
    """
    whole = scores[~np.isnan(scores).any(axis=1)]
    free = max(len(whole) - 1, 0) * (scores.shape[1] - 1)
    rest = whole - whole.mean(axis=1, keepdims=True) if free else np.zeros((1, 1))
    rest = rest - rest.mean(axis=0)
    squares = prior.free * prior.deviation**2 + float((rest**2).sum())
    return Noise(math.sqrt(squares / (prior.free + free)), prior.free + free)


def noise_at(look: Look, scores: Floats, score: str) -> Noise:
    """The noise at a look: of several seeds by their residuals, of one by what other data sets showed.

    Args:
        scores: (candidates, seeds) at the look.
        score: its name.

    >>> noise_at(Look(4, 0.5, 1), np.zeros((3, 1)), "mIoU")
    Noise(deviation=0.048, free=inf)
    """
    if look.seeds > 1:
        return seed_noise(scores, PRIOR[score])
    return Noise(SHORT[look.share] * LARGEST[score].deviation, LARGEST[score].free)


def bar(noise: Noise, seeds: int, opponents: int, error: float, near: float = NEAR) -> float:
    """How far behind the leader a mean over seeds must lie to be beaten.

    One-sided t with Bonferroni's correction over the opponents, less the indifference zone: with probability 1 - error
    nobody leaves who is better than the leader by more than `near`. Never below `near`.

    Args:
        seeds: that leader and candidate share.
        opponents: of a candidate, any of which may lead by chance.
        error: probability for all of them.

    Source: Bechhofer, 1954, doi:10.1214/aoms/1177728845 (indifference zone); Kim and Nelson, 2001,
    doi:10.1145/502109.502111 (elimination with it).

    >>> round(bar(Noise(0.01, 10.0), 2, 1, 0.05), 4), round(bar(Noise(0.1, 10.0), 2, 1, 0.05), 4)  # t = 1.8125
    (0.01, 0.1712)
    """
    critical = float(stats.t.ppf(1 - error / max(opponents, 1), noise.free))
    return max(critical * noise.deviation * math.sqrt(2 / seeds) - near, near)


def beaten(scores: Floats, alive: Mask, baseline: int, height: float) -> Mask:
    """Who of those alive lies too far behind the leader; the baseline stays.

    Args:
        scores: (candidates, seeds); of those alive whole.
        alive: (candidates,).
        height: of the bar.
    """
    if not alive.any():
        return alive
    means = np.where(alive, scores.mean(axis=1), -np.inf)
    far = means.max() - means > height
    found: Mask = alive & far & (np.arange(len(alive)) != baseline)
    return found


def afforded(means: Floats, alive: Mask, baseline: int, costs: Floats, left: float, kept: Floats) -> Mask:
    """Who of those alive the hours hold at the next look: the baseline, then the best by their means.

    Args:
        means: (candidates,) at the last look; equal ones in their order.
        costs: (candidates,) of the next look.
        left: of the hours.
        kept: (candidates,) hours kept back of the leader and the baseline, unless nobody else would be left.

    Returns:
        (candidates,) nobody where not even the baseline and one opponent fit.

    >>> afforded(np.array([0.1, 0.2, 0.4]), np.ones(3, bool), 0, np.ones(3), 2.5, np.zeros(3)).tolist()
    [True, False, True]
    """
    order = [baseline, *(int(one) for one in np.argsort(-means, kind="stable") if alive[one] and one != baseline)]
    chosen = np.zeros(len(alive), np.bool_)
    if len(order) > 1 and costs[order[:2]].sum() <= left:
        spare = left - kept[order[:2]].sum()
        chosen[order[: max(2, int((np.cumsum(costs[order]) <= spare).sum()))]] = True
    return chosen
