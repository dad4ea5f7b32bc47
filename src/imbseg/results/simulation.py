"""Experiments whose truth is known: what the intervals and tests of a report are worth.

A world has strategies, seeds and images. The IoU counts of a run on an image come from a toy: each image
shows a number of pixels of a class, and a run finds a share of them that depends on the strategy, the seed, the image,
and both together. The truth is the score expected over seeds and images, taken from one large sample of both.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from numpy.typing import NDArray

from imbseg.results.bootstrap import crossed_interval, draw_images, mean_of, percentile_interval
from imbseg.results.statistics import difference, t_interval

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


def runs(world: World, scenes: Scenes, number: int, effect: float, rng: np.random.Generator) -> tuple[Integers, ...]:
    """Counts of runs with seeds of their own on given images.

    Args:
        world: its spreads.
        scenes: the images.
        number: of runs.
        effect: added to the baseline.
        rng: where the chance comes from.

    Returns:
        tp, fp, fn: (runs, images, 1) pixels.
    """
    run = world.base + effect + rng.normal(0, world.seeds, (number, 1))
    found = 1 / (1 + np.exp(-(run + scenes.ease + rng.normal(0, world.both, (number, len(scenes.ease))))))
    tp = np.rint(found * scenes.shown).astype(np.int64)
    fp = np.rint((1 - found) * scenes.shown * 0.5).astype(np.int64)
    return tp[..., None], fp[..., None], (scenes.shown - tp)[..., None]


def expected(world: World, scenes: Scenes, effect: float, number: int, rng: np.random.Generator) -> float:
    """The mean IoU of many runs on given images."""
    tp, fp, fn = (part[..., 0].sum(axis=1) for part in runs(world, scenes, number, effect, rng))
    return float((tp / (tp + fp + fn)).mean())


@functools.cache
def truth(world: World) -> tuple[float, float]:
    """The expected IoU of baseline and strategy over seeds and images: 400 runs on 40,000 images."""
    scenes = Scenes.drawn(world, 40_000, np.random.default_rng(2024))
    scores = [  # the same chance on both sides
        [expected(world, scenes, effect, 20, np.random.default_rng(part)) for part in range(20)]
        for effect in (0.0, world.effect)
    ]
    return float(np.mean(scores[0])), float(np.mean(scores[1]))


@dataclasses.dataclass(frozen=True)
class Rates:
    """Shares of the simulated experiments.

    Attributes:
        seeds_cover: intervals over seeds that hold the difference expected on these very images: what they promise.
        crossed_cover: intervals over seeds and images that hold the difference expected on new images.
        score_cover: the same of the strategy's own score.
        percentile_cover: the plain crossed bootstrap's, of the difference.
        t_rejects, permutation_rejects, rank_sum_rejects: p at most .05.
    """

    seeds_cover: float
    crossed_cover: float
    score_cover: float
    percentile_cover: float
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


def _one(world: World, seeds: int, images: int, draws: int, rng: np.random.Generator) -> list[bool]:
    scenes = Scenes.drawn(world, images, rng)
    sides = [runs(world, scenes, seeds, effect, rng) for effect in (0.0, world.effect)]
    tp, fp, fn = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    drawn = draw_images(tp, fp, fn, draws=draws, seed=int(rng.integers(2**31)))
    observed, moved = mean_of(drawn.observed, [0]), mean_of(drawn.iou, [0])  # (runs,), (runs, draws)
    pairs, pairs_moved = observed[seeds:] - observed[:seeds], moved[seeds:] - moved[:seeds]
    baseline, strategy = truth(world)
    here = [expected(world, scenes, effect, 50, rng) for effect in (0.0, world.effect)]
    plain = percentile_interval(pairs_moved)
    ours, theirs = (
        {(k, 0): float(value) for k, value in enumerate(side)} for side in (observed[seeds:], observed[:seeds])
    )
    found = difference(ours, theirs)
    return [
        _holds(t_interval(pairs), here[1] - here[0]),
        _holds(crossed_interval(pairs, pairs_moved, drawn.units), strategy - baseline),
        _holds(crossed_interval(observed[seeds:], moved[seeds:], drawn.units), strategy),
        _holds((0.0, *plain), strategy - baseline),
        found.p_t <= 0.05,
        found.p_permutation <= 0.05,
        found.p_rank_sum <= 0.05,
    ]


def _holds(interval: tuple[float, float, float], value: float) -> bool:
    return interval[1] <= value <= interval[2]
