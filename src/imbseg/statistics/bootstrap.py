"""How a score would have moved with other test images and other seeds: a crossed bootstrap on stored counts."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imbseg.errors import InputError
from imbseg.metrics.scores import ratio
from imbseg.statistics.difference import CONFIDENCE

DRAWS = 2000
FEWEST_UNITS = 10  # images, or groups of them, below which their draw says nothing
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Side = tuple[Floats, Floats]
Part = tuple[float, int]  # a variance and its degrees of freedom


@dataclasses.dataclass(frozen=True)
class Drawn:
    """The IoU of every run and class in every draw of the test images.

    Attributes:
        iou: (runs, draws, classes) float64; NaN where a draw shows a class neither in truth nor in prediction.
        observed: (runs, classes): on the images as they are.
        units: how many images, or groups of them, were drawn from.
    """

    iou: Floats
    observed: Floats
    units: int


def draw_images(
    tp: Integers,
    fp: Integers,
    fn: Integers,
    *,
    seed: int = 0,
    draws: int = DRAWS,
    groups: NDArray[np.str_] | None = None,
) -> Drawn:
    """Count the IoU of the whole set anew in draws of its images, with replacement; all runs see the same draws.

    Args:
        tp, fp, fn: (runs, images, classes) pixels of the same images in every run.
        seed: of the draws.
        draws: how many.
        groups: (images,) name of the patient, scene or video; images of one group are drawn together, since they are
            no independent evidence.

    Raises:
        InputError: fewer than ten images, or groups, to draw from.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993; the score is recounted, not averaged over
        images, so that intervals belong to the score that is reported.
    """
    hits, union = tp.astype(np.float64), (tp + fp + fn).astype(np.float64)
    if groups is not None:
        _, inverse = np.unique(groups, return_inverse=True)
        member = np.eye(inverse.max() + 1)[inverse].T  # (groups, images)
        hits, union = member @ hits, member @ union
    runs, units, classes = hits.shape
    if units < FEWEST_UNITS:
        what = "images" if groups is None else "groups of images (scenes, patients or videos)"
        raise InputError(
            f"intervals over test images: expected at least {FEWEST_UNITS} {what}, found {units}; the "
            f"intervals over seeds stand"
        )
    times = np.random.default_rng(seed).multinomial(units, np.full(units, 1 / units), size=draws).astype(np.float64)
    columns = np.concatenate([hits, union]).transpose(1, 0, 2).reshape(units, 2 * runs * classes)
    sums = (times @ columns).reshape(draws, 2, runs, classes)  # exact: whole numbers below 2^53
    return Drawn(ratio(sums[:, 0], sums[:, 1]).transpose(1, 0, 2), ratio(hits.sum(axis=1), union.sum(axis=1)), units)


def crossed_interval(observed: Floats, drawn: Floats, units: int) -> tuple[float, float, float]:
    """Mean of the seeds' scores (or differences) and a 95 % interval for new seeds and new images.

    The variance of the mean has two parts: the seeds', s^2 / n, with n - 1 degrees of freedom, and the images', the
    variance of the seeds' mean over draws of images. The interval is Student's t of their sum, with Satterthwaite's
    degrees of freedom, but no narrower than either part's own: with three seeds the images' many degrees of freedom
    would else make it narrower than that of the seeds alone. Percentiles of a bootstrap that draws both cover too
    little with 3 seeds, since it takes s^2 (n - 1) / n for the seeds' variance and the normal distribution for t
    (docs/statistics.md has the simulation).

    Args:
        observed: (seeds,) on the images as they are; of a paired difference, the pairs' differences.
        drawn: (seeds, draws) of the same.
        units: images, or groups, that were drawn from.

    Returns:
        Mean, low, high; with one seed the interval tells the images' part alone.

    Source: Satterthwaite, An Approximate Distribution of Estimates of Variance Components, 1946; crossed random
        factors as in Owen, The pigeonhole bootstrap, 2007.
    """
    seeds = len(observed)
    of_seeds = [(float(observed.var(ddof=1)) / seeds, seeds - 1)] if seeds > 1 else []
    of_images = (float(np.nanvar(drawn.mean(axis=0), ddof=1)), units - 1)
    return _both(float(observed.mean()), of_seeds, of_images)


def unpaired_interval(
    observed: tuple[Floats, Floats], drawn: tuple[Floats, Floats], units: int
) -> tuple[float, float, float]:
    """The same of a difference between runs that share no seed: each side's seeds are a part of their own (Welch).

    Args:
        observed: (seeds,) of either side, two or more; the sides' numbers may differ.
        drawn: (seeds, draws) of either side; both saw the same draws.
        units: images, or groups, that were drawn from.

    Returns:
        Mean of the first side less that of the second, low, high.
    """
    of_seeds = [(float(side.var(ddof=1)) / len(side), len(side) - 1) for side in observed]
    moved = drawn[0].mean(axis=0) - drawn[1].mean(axis=0)  # (draws,)
    mean = float(observed[0].mean() - observed[1].mean())
    return _both(mean, of_seeds, (float(np.nanvar(moved, ddof=1)), units - 1))


def _both(mean: float, of_seeds: Sequence[Part], of_images: Part) -> tuple[float, float, float]:
    """An interval for two sources of chance, no narrower than that for either alone."""
    half = max(_half([*of_seeds, of_images]), _half(of_seeds), _half([of_images]))
    return mean, mean - half, mean + half


def _half(parts: Sequence[Part]) -> float:
    """Half of Student's interval for a sum of independent variances, with Satterthwaite's degrees of freedom."""
    total = math.fsum(variance for variance, _ in parts)
    if not total:
        return 0.0
    free = total**2 / math.fsum(variance**2 / degrees for variance, degrees in parts)
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, free)) * math.sqrt(total)


def image_intervals(ours: Side, theirs: Side, units: int, *, paired: bool) -> tuple[float, ...]:
    """A difference with its interval for new seeds and new images, and with that for new images alone.

    Args:
        ours, theirs: of either side (seeds,) on the images as they are, and (seeds, draws).
        units: images, or groups, that were drawn from.
        paired: whether the sides' seeds are the same, in the same order.

    Returns:
        mean, low, high (NaN with one seed on a side), and low and high of the images alone.
    """
    (one, one_drawn), (other, other_drawn) = ours, theirs
    moved = one_drawn.mean(axis=0) - other_drawn.mean(axis=0)  # (draws,)
    alone = crossed_interval(np.array([one.mean() - other.mean()]), moved[None], units)
    if min(len(one), len(other)) < 2:
        return alone[0], math.nan, math.nan, *alone[1:]
    if paired:
        return *crossed_interval(one - other, one_drawn - other_drawn, units), *alone[1:]
    return *unpaired_interval((one, other), (one_drawn, other_drawn), units), *alone[1:]


def percentile_interval(drawn: Floats, seed: int = 0) -> tuple[float, float]:
    """The plain crossed bootstrap: each draw of images meets a draw of seeds; 2.5 and 97.5 % of the means.

    Args:
        drawn: (seeds, draws).
        seed: of the draws of seeds.
    """
    seeds, draws = drawn.shape
    times = np.random.default_rng([seed, 1]).multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
    means = (times.T * drawn).sum(axis=0) / seeds
    low, high = np.nanquantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
