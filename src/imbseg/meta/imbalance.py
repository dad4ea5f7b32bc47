"""The deliberate imbalance: which train images stay when a share of the images of chosen classes is kept."""

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Reached:
    """Images of one chosen class: before, aimed at, and kept (never more; fewer where classes share images)."""

    images: int
    target: int
    kept: int


def keep(presence: NDArray[np.bool_], *, ratio: float, seed: int) -> NDArray[np.bool_]:
    """Choose the images that survive.

    The images are gone through in random order. One that shows chosen classes is kept only while every chosen class
    it shows is still below its target; one that shows none of them stays. So no class ends above its target, and no
    image that was left out could be added at the end: a class stays below its target only where each of its
    remaining images shows a full class too.

    Args:
        presence: (images, chosen classes) bool, whether an image shows a class.
        ratio: share of a class's images to keep, in [0, 1]; see `target`.
        seed: of the order.

    Returns:
        (images,) bool.

    >>> keep(np.array([[True]] * 5 + [[False]]), ratio=0.2, seed=1).sum()
    np.int64(2)
    """
    targets = np.array([target(int(images), ratio) for images in presence.sum(axis=0)], np.int64)
    reached = np.zeros_like(targets)
    kept = np.asarray(~presence.any(axis=1))
    for image in np.random.default_rng(seed).permutation(np.flatnonzero(~kept)):
        if (reached < targets)[presence[image]].all():
            kept[image] = True
            reached += presence[image]
    return kept


def target(images: int, ratio: float) -> int:
    """How many of a class's images to keep: ratio x images, halves rounded up, at least one.

    >>> [target(images, 0.2) for images in (0, 1, 12, 13)], target(5, 0.5)
    ([1, 1, 2, 3], 3)
    """
    # A product such as 0.2 * 12.5 may miss a half by its last bits
    return max(1, math.floor(round(ratio * images, 9) + 0.5))


def reached(presence: NDArray[np.bool_], kept: NDArray[np.bool_], ratio: float) -> list[Reached]:
    """Count what `keep` reached, a class each."""
    before, after = presence.sum(axis=0), presence[kept].sum(axis=0)
    return [Reached(int(b), min(target(int(b), ratio), int(b)), int(a)) for b, a in zip(before, after, strict=True)]
