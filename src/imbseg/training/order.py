"""Which image stands at which place of an epoch: the same for the same seed, whatever loads the samples."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Key = tuple[int, int, int]  # (epoch, position in the epoch, image)
ORDER, AUGMENTATION, PASTE = 1, 2, 3  # streams of chance that must not meet


def epoch_order(weights: NDArray[np.float64], *, doubled: bool, seed: int, epoch: int) -> NDArray[np.int64]:
    """The images of one epoch, in the order in which they are shown.

    Args:
        weights: (images,) relative draw weights.
        doubled: whether as many images again, drawn by weight with replacement, join the train fold. With equal
            weights the fold simply stands there twice.
        seed: of the trial.
        epoch: counted from 1.

    Returns:
        (images,) or (2 * images,) int64.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.
    """
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("draw weights must be finite, at least 0, and not all 0")
    rng = np.random.default_rng([seed, ORDER, epoch])
    images = np.arange(len(weights))
    if doubled:
        equal = bool((weights == weights[0]).all())
        drawn = images if equal else rng.choice(len(weights), len(weights), p=weights / weights.sum())
        images = np.concatenate([images, drawn])
    return rng.permutation(images)


class EpochBatches:
    """A batch sampler whose epoch is set before each pass; a last batch of one sample is left out.

    Batch normalisation can't tell a variance from one sample.
    """

    def __init__(self, weights: NDArray[np.float64], *, doubled: bool, seed: int, batch_size: int) -> None:
        """Take what decides the order."""
        self.weights, self.doubled, self.seed, self.batch_size = weights, doubled, seed, batch_size
        self.epoch = 1

    def __len__(self) -> int:
        """Steps an epoch."""
        samples = len(self.weights) * (2 if self.doubled else 1)
        full, rest = divmod(samples, self.batch_size)
        return full + (rest > 1)

    def __iter__(self) -> Iterator[list[Key]]:
        """The batches of the current epoch, as keys that say everything about a sample."""
        order = epoch_order(self.weights, doubled=self.doubled, seed=self.seed, epoch=self.epoch)
        keys = [(self.epoch, position, int(image)) for position, image in enumerate(order)]
        for step in range(len(self)):
            yield keys[step * self.batch_size : (step + 1) * self.batch_size]
