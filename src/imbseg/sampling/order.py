"""Which image stands at which place of an epoch: the same for the same seed, whatever loads the samples."""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Key = tuple[int, int, int, int]  # (epoch, position in the epoch, image, class that its crop is placed on)
NO_FOCUS = -1  # the crop lies anywhere
# Streams of chance that must not meet; a seed shorter by a number is the longer one with a 0
ORDER, AUGMENTATION, PASTE, FOCUS, PLACE, DRAWN_CLASS = 1, 2, 3, 11, 12, 13
Ints = NDArray[np.int64]


def epoch_order(
    weights: NDArray[np.float64], *, doubled: bool, seed: int, epoch: int, repeats: int = 1
) -> tuple[Ints, Ints]:
    """The images of one epoch, in the order in which they are shown, and the class each was drawn for.

    Args:
        weights: (images,) relative draw weights, or (classes, images) of a class and an image together.
        doubled: whether as many images again, drawn by weight with replacement, join the train fold. Where all images
            are equally likely the fold simply stands there twice.
        epoch: counted from 1.
        repeats: how often each image of the fold stands there.

    Returns:
        (samples,) images and (samples,) classes, NO_FOCUS where none was drawn; samples is images times repeats, or
        twice as many.

    Raises:
        ValueError: a weight is negative or not finite, or all are 0.
    """
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("draw weights must be finite, at least 0, and not all 0")
    rng = np.random.default_rng([seed, ORDER, epoch])
    share = weights.sum(axis=0) if weights.ndim == 2 else weights  # (images,)
    images = np.tile(np.arange(len(share)), repeats)
    focus = np.full(len(images), NO_FOCUS)
    if doubled:
        equal = bool((share == share[0]).all())
        drawn = images if equal else rng.choice(len(share), len(images), p=share / share.sum())
        images = np.concatenate([images, drawn])
        focus = np.concatenate([focus, _classes_of(drawn, weights, seed, epoch) if weights.ndim == 2 else focus])
    order = rng.permutation(len(images))
    return images[order], focus[order]


def _classes_of(drawn: Ints, weights: NDArray[np.float64], seed: int, epoch: int) -> Ints:
    """(drawn,) the class that each drawn image is drawn for: the same pairs as with the class drawn first."""
    below = weights[:, drawn].cumsum(axis=0)  # (classes, drawn)
    chance = np.random.default_rng([seed, DRAWN_CLASS, epoch]).random(len(drawn)) * below[-1]
    return np.asarray((below > chance).argmax(axis=0))


def focus_more(
    rng: np.random.Generator, images: Ints, focus: Ints, has_object: NDArray[np.bool_], share: float
) -> Ints:
    """Place a share of the crops on an object: of a class drawn alike from those that have one in the image.

    Args:
        rng: where the chance comes from; two numbers a sample are drawn.
        focus: (samples,) classes that were drawn; dropped where the image has no object of the class (background).
        has_object: (images, classes) whether the image has an object of the class.
        share: of the samples without a class, in 0..1, that get one.

    Returns:
        (samples,) classes, NO_FOCUS where the crop lies anywhere: also in images without objects.

    Source: nnU-Net (Isensee et al., 2021) forces a third of a batch's patches onto foreground, the class drawn alike.
    """
    there = has_object[images]  # (samples, classes)
    kept = np.where(there[np.arange(len(images)), focus] & (focus != NO_FOCUS), focus, NO_FOCUS)
    wanted = (rng.random(len(images)) < share) & (kept == NO_FOCUS) & there.any(axis=1)
    number = (rng.random(len(images)) * there.sum(axis=1)).astype(np.int64)  # which of the classes there
    drawn = (there.cumsum(axis=1) > number[:, None]).argmax(axis=1)
    return np.asarray(np.where(wanted, drawn, kept))


@dataclasses.dataclass(eq=False)
class EpochBatches:
    """A batch sampler whose epoch is set before each pass; a last batch of one sample is left out.

    Batch normalisation can't tell a variance from one sample. See `epoch_order` and `focus_more` for what decides the
    order; the latter needs `has_object`.
    """

    weights: NDArray[np.float64]
    _: dataclasses.KW_ONLY
    doubled: bool
    seed: int
    batch_size: int
    has_object: NDArray[np.bool_] | None = None
    crop_on_object: float = 0.0
    repeats: int = 1
    rank: int = 0  # of the processes that share each batch
    ranks: int = 1
    epoch: int = dataclasses.field(default=1, init=False)
    first: int = dataclasses.field(default=0, init=False)  # step to begin with; those before it aren't loaded

    def __len__(self) -> int:
        """Steps an epoch."""
        full, rest = divmod(self.samples, self.batch_size)
        return full + (rest > 1)

    @property
    def samples(self) -> int:
        """Samples an epoch; the last may be left out."""
        return int(self.weights.shape[-1]) * self.repeats * (2 if self.doubled else 1)

    def keys(self) -> list[Key]:
        """The samples of the current epoch in their order, as keys that say everything about a sample."""
        how = {"doubled": self.doubled, "seed": self.seed, "epoch": self.epoch, "repeats": self.repeats}
        images, focus = epoch_order(self.weights, **how)  # type: ignore[arg-type]
        if self.has_object is not None:
            rng = np.random.default_rng([self.seed, FOCUS, self.epoch])
            focus = focus_more(rng, images, focus, self.has_object, self.crop_on_object)
        pairs = zip(images.tolist(), focus.tolist(), strict=True)
        return [(self.epoch, position, image, label) for position, (image, label) in enumerate(pairs)]

    def __iter__(self) -> Iterator[list[Key]]:
        """The batches of the current epoch, from the first step on."""
        keys = self.keys()
        for step in range(self.first, len(self)):
            yield self._part(keys[step * self.batch_size : (step + 1) * self.batch_size])

    def _part(self, batch: list[Key]) -> list[Key]:
        """What this process loads of a batch: as much as the others, and two samples or more.

        Where the last batch hasn't so many, the first of it are lent, behind the process's own.
        """
        if self.ranks == 1:
            return batch
        each = max(2, -(-len(batch) // self.ranks))
        own = batch[self.rank * each : (self.rank + 1) * each]
        return own + batch[: each - len(own)]

    def shown(self, step: int) -> tuple[int, int]:
        """Samples of a step, counted from 0: in all processes, and in this one without those that are lent."""
        together = min(self.batch_size, self.samples - step * self.batch_size)
        each = max(2, -(-together // self.ranks))
        return together, min(max(together - self.rank * each, 0), each)
