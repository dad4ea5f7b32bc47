"""A generator -> the source instances pasted into one sample: which, how large, mirrored or not, and where."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from imbseg.copy_paste.donors import Donors


@dataclasses.dataclass(frozen=True)
class Placement:
    """One pasted instance.

    Attributes:
        scale: factor on top of the one that brings the source image to the size of training.
        centre: (x, y) of the object's box, as shares of the sample's width and height, in [0, 1).
    """

    donor: int
    scale: float
    flip: bool
    centre: tuple[float, float]


def draw(
    rng: np.random.Generator,
    donors: Donors,
    class_weights: NDArray[np.float64],
    *,
    probability: float,
    objects: int,
    scale: tuple[float, float],
    flip: float,
) -> list[Placement]:
    """Draw whether, how many (1 to `objects`), and for each a class by weight, one of its instances, and a place.

    Args:
        donors: the source instances; those of a class with weight are equally likely.
        class_weights: (classes,) relative; 0 for every class without a source instance.
        probability: that anything is pasted.
        objects: most pasted instances.
        scale: smallest and largest factor, drawn log-uniform.

    >>> one = np.array([0])
    >>> donors = Donors(one, one, one, np.array([[0, 0, 4, 4]]), np.array([16]), 1)
    >>> draw(np.random.default_rng(1), donors, np.ones(1), probability=0, objects=3, scale=(1, 1), flip=0)
    []
    """
    total = class_weights.sum()
    if rng.random() >= probability or not total:
        return []
    chance = rng.random((int(rng.integers(1, objects, endpoint=True)), 6))
    edges = np.cumsum(class_weights) / total
    low, high = np.log(scale[0]), np.log(scale[1])
    found = []
    for one in chance.tolist():
        label = int(np.searchsorted(edges, one[0], side="right"))
        label = min(label, int(np.flatnonzero(class_weights)[-1]))  # edges may end a rounding below 1
        rows = donors.of_class[label]
        factor = float(np.exp(low + (high - low) * one[2]))
        found.append(Placement(int(rows[int(one[1] * len(rows))]), factor, one[3] < flip, (one[4], one[5])))
    return found
