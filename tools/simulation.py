"""Experiments whose truth is known: what the intervals and tests of a report are worth.

A world has strategies, seeds and images. The IoU counts of a run on an image come from a toy: each image
shows a number of pixels of a class, and a run finds a share of them that depends on the strategy, the seed, the image,
and both together. The truth is the score expected over seeds, by quadrature, on these very images or on 40,000 others.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from imbseg.metrics.scores import mean
from imbseg.statistics.bootstrap import crossed_interval, draw_images, percentile_interval
from imbseg.statistics.difference import difference, holm, t_interval

TESTS = ("p_t", "p_permutation", "p_rank_sum")
ALARM = 0.05
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class World:
    """How much chance there is, in logits of the share of pixels that a run finds.

    Attributes:
        effect: what the strategy adds to the baseline.
        seeds: standard deviation of a run.
        images: standard deviation of an image, for all runs alike.
        both: standard deviation of a run on an image.
        base: of the baseline.
    """

    effect: float = 0.0
    seeds: float = 0.1
    images: float = 0.8
    both: float = 0.3
    base: float = 0.5


@dataclasses.dataclass(frozen=True)
class Scenes:
    """Test images.

    Attributes:
        shown: (images,) pixels of the class.
        ease: (images,) how easy each is, for all runs alike.
    """

    shown: Integers
    ease: Floats

    @classmethod
    def drawn(cls, world: World, images: int, rng: np.random.Generator) -> Scenes:
        """Images as a world has them: log-normal sizes, normal ease."""
        return cls(np.ceil(rng.lognormal(7.0, 1.0, images)).astype(np.int64), rng.normal(0, world.images, images))


def levels(world: World, number: int, effect: float, rng: np.random.Generator) -> Floats:
    """(number,) logits of runs with seeds of their own."""
    drawn: Floats = world.base + effect + rng.normal(0, world.seeds, number)
    return drawn


def counts(world: World, scenes: Scenes, runs: Floats, rng: np.random.Generator) -> tuple[Integers, ...]:
    """Counts of runs on images.

    Args:
        world: its spreads.
        scenes: the images.
        runs: (runs,) logits, see `levels`.
        rng: of what a run does on an image.

    Returns:
        tp, fp, fn: (runs, images, 1) pixels.
    """
    found = 1 / (1 + np.exp(-(runs[:, None] + scenes.ease + rng.normal(0, world.both, (len(runs), len(scenes.ease))))))
    tp = np.rint(found * scenes.shown).astype(np.int64)
    fp = np.rint((1 - found) * scenes.shown * 0.5).astype(np.int64)
    return tp[..., None], fp[..., None], (scenes.shown - tp)[..., None]


def expected(world: World, scenes: Scenes, runs: Floats) -> Floats:
    """(runs,) IoU of runs on images, over what they do there by chance."""
    offsets, weights = _quadrature(world.both, 9)
    total = scenes.shown.sum()
    shares = [
        weights @ ((scenes.shown / (1 + np.exp(-(run + offsets[:, None] + scenes.ease)))).sum(axis=1) / total)
        for run in runs
    ]
    found = np.array(shares)
    iou: Floats = found / (1 + 0.5 * (1 - found))
    return iou


def over_seeds(world: World, scenes: Scenes, effect: float) -> float:
    """The IoU that seeds give on average on these images."""
    offsets, weights = _quadrature(world.seeds, 9)
    return float(weights @ expected(world, scenes, world.base + effect + offsets))


@functools.cache
def population(world: World) -> Scenes:
    """The images that all test images are drawn from, as good as."""
    return Scenes.drawn(world, 40_000, np.random.default_rng(2024))


@functools.cache
def truth(world: World) -> tuple[float, float]:
    """The expected IoU of baseline and strategy over seeds and images."""
    return over_seeds(world, population(world), 0.0), over_seeds(world, population(world), world.effect)


@functools.cache
def _curve(world: World) -> tuple[Floats, Floats]:
    """Logits of a run, and its IoU on the population."""
    reach = 6 * world.seeds
    grid = np.linspace(world.base - reach, world.base + world.effect + reach, 60)
    return grid, expected(world, population(world), grid)


def _quadrature(deviation: float, nodes: int) -> tuple[Floats, Floats]:
    """Points of a normal distribution and their weights (Gauss-Hermite)."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return deviation * points, weights / weights.sum()


@dataclasses.dataclass(frozen=True)
class Rates:
    """Shares of the simulated experiments.

    Attributes:
        seeds_cover: intervals over seeds that hold the difference expected on these very images: what they promise.
        crossed_cover: intervals over seeds and images that hold the difference expected on new images.
        score_cover: the same of the strategy's own score.
        images_cover: the images' part alone, and the difference of these very runs on new images.
        percentile_cover: the plain crossed bootstrap's, of the difference on new images; promised nowhere.
        seeds_new_cover: intervals over seeds of the strategy's own score, and that score on new images: they don't
            promise it, and this tells by how much.
        t_rejects, permutation_rejects, rank_sum_rejects: p at most .05.
    """

    seeds_cover: float
    crossed_cover: float
    score_cover: float
    images_cover: float
    percentile_cover: float
    seeds_new_cover: float
    t_rejects: float
    permutation_rejects: float
    rank_sum_rejects: float


def simulate(world: World, *, seeds: int, images: int, repeats: int, draws: int = 400) -> Rates:
    """Run many small experiments and count how often each method keeps its promise.

    Args:
        world: its spreads.
        seeds: runs a side.
        images: test images.
        repeats: experiments; a rate of 95 % has a standard error of 2.2 points / sqrt(repeats / 100).
        draws: of the bootstrap.
    """
    kept = [
        _one(world, seeds, images, draws, np.random.default_rng([7, seeds, images, number]))
        for number in range(repeats)
    ]
    return Rates(*np.mean(kept, axis=0).tolist())


def simulate_family(world: World, *, seeds: int, images: int, repeats: int, family: int = 9) -> dict[str, float]:
    """How often Holm's correction finds what is there, or raises a false alarm, in a family of tests of one baseline.

    Args:
        world: its effect is that of the first strategy; the others are the baseline under other names.
        seeds: runs a side.
        images: test images.
        repeats: experiments.
        family: strategies held against the baseline.

    Returns:
        For each of TESTS the share of experiments in which the first strategy is significant (`found/p_t`), and in
        which any of the others is (`alarm/p_t`; without an effect the first counts as well).
    """
    kept = [_family(world, seeds, images, family, np.random.default_rng([8, seeds, images, number]))
            for number in range(repeats)]  # fmt: skip
    return {name: float(np.mean([one[name] for one in kept])) for name in kept[0]}


def _one(world: World, seeds: int, images: int, draws: int, rng: np.random.Generator) -> list[bool]:
    scenes = Scenes.drawn(world, images, rng)
    runs = np.concatenate([levels(world, seeds, effect, rng) for effect in (0.0, world.effect)])
    drawn = draw_images(*counts(world, scenes, runs, rng), draws=draws, seed=int(rng.integers(2**31)))
    observed, moved = mean(drawn.observed, axis=-1), mean(drawn.iou, axis=-1)  # (runs,), (runs, draws)
    pairs, pairs_moved = observed[seeds:] - observed[:seeds], moved[seeds:] - moved[:seeds]
    baseline, strategy = truth(world)
    here = over_seeds(world, scenes, world.effect) - over_seeds(world, scenes, 0.0)
    lasting = np.interp(runs, *_curve(world))
    alone = crossed_interval(pairs.mean(keepdims=True), pairs_moved.mean(axis=0, keepdims=True), drawn.units)
    found = difference(_by_seed(observed[seeds:]), _by_seed(observed[:seeds]))
    return [
        _holds(t_interval(pairs), here),
        _holds(crossed_interval(pairs, pairs_moved, drawn.units), strategy - baseline),
        _holds(crossed_interval(observed[seeds:], moved[seeds:], drawn.units), strategy),
        _holds(alone, float(lasting[seeds:].mean() - lasting[:seeds].mean())),
        _holds((0.0, *percentile_interval(pairs_moved)), strategy - baseline),
        _holds(t_interval(observed[seeds:]), strategy),
        *(getattr(found, test) <= ALARM for test in TESTS),
    ]


def _family(world: World, seeds: int, images: int, family: int, rng: np.random.Generator) -> dict[str, bool]:
    scenes = Scenes.drawn(world, images, rng)
    effects = [0.0, world.effect, *[0.0] * (family - 1)]
    runs = np.concatenate([levels(world, seeds, effect, rng) for effect in effects])
    tp, fp, fn = (part[..., 0].sum(axis=1) for part in counts(world, scenes, runs, rng))
    scores = (tp / (tp + fp + fn)).reshape(family + 1, seeds)
    found = [difference(_by_seed(one), _by_seed(scores[0])) for one in scores[1:]]
    result: dict[str, bool] = {}
    for test in TESTS:
        below = [p <= ALARM for p in holm([getattr(one, test) for one in found])]
        result |= {f"found/{test}": below[0], f"alarm/{test}": any(below[1 if world.effect else 0 :])}
    return result


def _by_seed(scores: Floats) -> dict[tuple[int, int], float]:
    return {(seed, 0): float(value) for seed, value in enumerate(scores)}


def _holds(interval: tuple[float, float, float], value: float) -> bool:
    return interval[1] <= value <= interval[2]
