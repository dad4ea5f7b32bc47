"""Simulated experiments of what a report claims: interactions, margins, probabilities of no gain, winners."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from simulation import ALARM, Scenes, World, counts, levels, over_seeds

from imbseg.statistics.claims import HOLDS, not_worse, probability_not_above, winner
from imbseg.statistics.difference import t_interval
from imbseg.statistics.parts import parts_of_gain

Floats = NDArray[np.float64]
CELLS = (0.0, 0.05, 0.2, 0.5)  # effects of plain, geometry, remedy and both, in logits
REACH, DRAWS = 2.0, 1000  # true effects lie between -REACH and REACH; gains an experiment
SPREADS, INNER = (0.001, 1.0), (0.01, 0.1)  # true deviations, even in their logarithm; measured ones that count


@dataclasses.dataclass(frozen=True)
class Claims:
    """Rates and mean errors over the experiments, each with its standard error where it is no share.

    Attributes:
        interaction_cover: intervals that hold the interaction expected on these very images.
        margin_alarms: "not worse" said to hold where the true loss is the margin itself.
        calibration: of gains with p (t) of .01 to .05, the share that is none minus the mean probability told of it;
            deviations differ, as the flat prior says.
        alike: the same where all deviations are alike.
        chosen, luck, tested, left_out: mean error of the winner's validation gain, of that gain less its expected
            luck, of its test gain, and of the test gain that other seeds chose; all strategies are the baseline.
    """

    interaction_cover: float
    margin_alarms: float
    calibration: tuple[float, float]
    alike: tuple[float, float]
    chosen: tuple[float, float]
    luck: tuple[float, float]
    tested: tuple[float, float]
    left_out: tuple[float, float]


def simulate_claims(world: World, *, seeds: int, images: int, repeats: int, family: int) -> Claims:
    """Run many small experiments.

    Args:
        world: its spreads; its effect isn't used.
        seeds: runs a strategy.
        images: test images, and validation images.
        repeats: experiments.
        family: strategies that validation chooses from.
    """
    kept, winners = [], []
    claimed, alike = list[tuple[float, float]](), list[tuple[float, float]]()
    for number in range(repeats):
        rng = np.random.default_rng([9, seeds, images, number])
        scenes = Scenes.drawn(world, images, rng)
        kept.append((_interaction(world, scenes, seeds, rng), _margin(world, scenes, seeds, rng)))
        claimed += _claims(seeds, rng, np.exp(rng.uniform(*np.log(SPREADS), DRAWS)))
        alike += _claims(seeds, rng, np.full(DRAWS, INNER[1] / 2))
        winners.append(_winner(world, (Scenes.drawn(world, images, rng), scenes), seeds, family, rng))
    means, errors = np.mean(winners, axis=0), np.std(winners, axis=0, ddof=1) / math.sqrt(repeats)
    cover, alarms = np.mean(kept, axis=0).tolist()
    return Claims(
        cover, alarms, _calibration(claimed), _calibration(alike), *zip(means.tolist(), errors.tolist(), strict=True)
    )


def _iou(world: World, scenes: Scenes, runs: Floats, rng: np.random.Generator) -> Floats:
    """(strategies, seeds) IoU of runs with these logits."""
    tp, fp, fn = (part[..., 0].sum(axis=1) for part in counts(world, scenes, runs.ravel(), rng))
    found: Floats = (tp / (tp + fp + fn)).reshape(runs.shape)
    return found


def _interaction(world: World, scenes: Scenes, seeds: int, rng: np.random.Generator) -> bool:
    scores = _iou(world, scenes, np.array([levels(world, seeds, effect, rng) for effect in CELLS]), rng)
    found = parts_of_gain([{(seed, 0): float(value) for seed, value in enumerate(cell)} for cell in scores])
    plain, geometry, remedy, both = (over_seeds(world, scenes, effect) for effect in CELLS)
    part = found.parts["interaction"]
    return part.low <= both - geometry - remedy + plain <= part.high


def _margin(world: World, scenes: Scenes, seeds: int, rng: np.random.Generator) -> bool:
    loss = -0.05
    margin = over_seeds(world, scenes, 0.0) - over_seeds(world, scenes, loss)
    before, after = _iou(world, scenes, np.array([levels(world, seeds, effect, rng) for effect in (0.0, loss)]), rng)
    _, low, high = t_interval(after - before)
    return not_worse(low, high, margin) == HOLDS


def _claims(seeds: int, rng: np.random.Generator, spreads: Floats) -> list[tuple[float, float]]:
    """Of gains with p (t) of .01 to .05: whether it is none, and the probability that is told of it.

    True effects are drawn evenly, and of gains only those count whose deviation is far from the ends of what is drawn:
    there a flat prior is what the effects come from.
    """
    effects = rng.uniform(-REACH, REACH, DRAWS)
    pairs = effects[:, None] + spreads[:, None] * rng.normal(size=(DRAWS, seeds))
    means, deviations = pairs.mean(axis=1), pairs.std(axis=1, ddof=1)
    p_values = 2 * stats.t.sf(np.abs(means) / (deviations / math.sqrt(seeds)), seeds - 1)
    inner = (deviations > INNER[0]) & (deviations < INNER[1])
    claimed = np.flatnonzero(inner & (means > 0) & (p_values >= ALARM / 5) & (p_values <= ALARM))
    told = [probability_not_above(float(means[at]), float(deviations[at]), float(p_values[at])) for at in claimed]
    return list(zip((effects[claimed] <= 0).astype(float).tolist(), told, strict=True))


def _winner(
    world: World, scenes: tuple[Scenes, Scenes], seeds: int, family: int, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Gains over a baseline that all strategies equal: what is told of the best is its error."""
    runs = levels(world, (family + 1) * seeds, 0.0, rng).reshape(family + 1, seeds)
    val, test = (_iou(world, one, runs, rng) for one in scenes)
    found = winner(val[1:] - val[0], test[1:] - test[0])
    return found.chosen, found.chosen - found.luck, found.tested, found.left_out


def _calibration(claims: list[tuple[float, float]]) -> tuple[float, float]:
    """Share of gains that are none minus the mean probability told, and the standard error that these promise."""
    none, told = np.array(claims).T
    return float(none.mean() - told.mean()), math.sqrt(float((told * (1 - told)).sum())) / len(told)
