"""A gain taken apart: what a geometry gives alone, what a remedy gives alone, and what they give only together."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from imbseg.statistics.difference import CONFIDENCE, ROUNDING, pairing, t_interval

CELLS = ("plain", "geometry", "remedy", "both")
PARTS: Mapping[str, tuple[int, int, int, int]] = {  # weights of the four cells' scores
    "geometry_alone": (-1, 1, 0, 0),
    "remedy_alone": (-1, 0, 1, 0),
    "interaction": (1, -1, -1, 1),
    "total": (-1, 0, 0, 1),
}
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Part:
    """A weighted sum of the four cells' scores.

    Attributes:
        mean: in IoU.
        low, high: its 95 % interval by Student's t (Welch-Satterthwaite where unpaired); NaN below two seeds.
        deviation: standard deviation over seeds; where unpaired that of runs with nothing in common.
    """

    mean: float
    low: float = math.nan
    high: float = math.nan
    deviation: float = math.nan


@dataclasses.dataclass(frozen=True)
class Parts:
    """A gain and its parts; `parts[name]` of geometry, remedy and interaction sum to that of the total.

    Attributes:
        paired: whether each seed is held against itself in all four cells.
        seeds: that all four share, or runs of the smallest cell where they share fewer than two.
        levels: mean score of each of CELLS.
        parts: by the names of PARTS.
    """

    paired: bool
    seeds: int
    levels: Mapping[str, float]
    parts: Mapping[str, Part]


def parts_of_gain(cells: Sequence[Mapping[tuple[int, int], float]]) -> Parts:
    """Take the gain from the plain cell to that with both changes apart.

    With S a score: geometry alone S(G) - S(P), remedy alone S(R) - S(P), interaction S(T) - S(G) - S(R) + S(P), total
    S(T) - S(P): the contrasts of a 2 x 2 design (Montgomery, Design and Analysis of Experiments, chapter 6).

    Args:
        cells: seed -> score, without NaN, of plain (P), geometry (G), remedy (R) and both (T).

    Raises:
        ValueError: not four cells, or one without a score.

    >>> found = parts_of_gain([{(1, 0): 0.1}, {(1, 0): 0.15}, {(1, 0): 0.2}, {(1, 0): 0.4}])
    >>> [round(part.mean, 3) for part in found.parts.values()]
    [0.05, 0.1, 0.15, 0.3]
    """
    if len(cells) != len(CELLS) or not all(cells):
        raise ValueError("the parts of a gain need a score of each of four cells")
    if shared := pairing(*cells):
        scores = np.array([[cell[seed] for cell in cells] for seed in shared])  # (seeds, cells)
        means = scores.mean(axis=0)
        parts = {name: _paired(scores @ np.array(weights)) for name, weights in PARTS.items()}
        return Parts(True, len(shared), _levels(means), parts)
    sides = [np.array(list(cell.values())) for cell in cells]
    parts = {name: _unpaired(sides, weights) for name, weights in PARTS.items()}
    return Parts(False, min(map(len, sides)), _levels([side.mean() for side in sides]), parts)


def _levels(means: Sequence[float] | Floats) -> dict[str, float]:
    return dict(zip(CELLS, map(float, means), strict=True))


def _paired(values: Floats) -> Part:
    values = np.where(np.abs(values) <= ROUNDING, 0.0, values)
    return Part(*t_interval(values), float(values.std(ddof=1)) if len(values) > 1 else math.nan)


def _unpaired(sides: Sequence[Floats], weights: Sequence[int]) -> Part:
    """Independent means: their variances add up, with degrees of freedom after Satterthwaite, 1946."""
    mean = float(sum(weight * side.mean() for side, weight in zip(sides, weights, strict=True)))
    used = [side for side, weight in zip(sides, weights, strict=True) if weight]
    if min(map(len, used)) < 2:
        return Part(mean)
    variances = [float(side.var(ddof=1)) for side in used]
    error = [variance / len(side) for variance, side in zip(variances, used, strict=True)]
    if sum(variances) <= ROUNDING**2:
        return Part(mean, mean, mean, 0.0)
    free = sum(error) ** 2 / sum(one**2 / (len(side) - 1) for one, side in zip(error, used, strict=True))
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, free)) * math.sqrt(sum(error))
    return Part(mean, mean - half, mean + half, math.sqrt(sum(variances)))
