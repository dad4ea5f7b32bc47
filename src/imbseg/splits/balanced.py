"""Splits that give every fold its share of each class's pixels, or of its share of the images, and of its presence.

Iterative stratification takes labels that an image has or hasn't. Cutting pixel counts into quantiles would make such
labels, but balances how many images are in a bin, not what is in them: one image may hold a tenth of a class's pixels.
So these splits minimise the deviation itself: from shuffled folds of even sizes, two images of two folds change places
as long as that brings the sums of both folds nearer to their targets. Sizes stay, and presence is part of what is
minimised, so that no class is gathered in a few folds that show much of it.
"""

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from imbseg.splits.simple import enough_images, random

UNIT = 2.0**20  # amounts are whole multiples of 1 / UNIT, so float64 sums are exact: the same folds on every machine
CANDIDATES = 256  # images of a fold that are looked at for a swap
ROUNDS = 200  # at most: VOC 2012 train needs 30 to 35, 100,000 images 100


def mskf_pixels(*, pixel_counts: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Stratify by the pixels of every class, and by its presence: the published experiment's future work.

    A fold's pixels of a class, over all pixels of that class, should be the fold's share of the images. Minimised is
    the sum over folds and classes of the squared relative deviation from that, for pixels and for presence (see the
    module's docstring for why, and `swapped` for how). Folds' sizes differ by one at most.

    >>> pixels = np.array([[90, 10], [10, 90], [90, 10], [10, 90]])
    >>> fold = mskf_pixels(pixel_counts=pixels, folds=2, seed=1)
    >>> bool(fold[0] != fold[2] and fold[1] != fold[3])
    True
    """
    return _balanced(pixel_counts, pixel_counts > 0, folds, seed)


def mskf_proportion(*, pixel_counts: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Stratify by the share of its image that every class has, and by its presence: the published future work.

    As `mskf_pixels`, with pixels / labelled pixels of the image in place of pixels: a small image counts as much as a
    large one. They differ where image sizes do. An image without labelled pixels has no share of anything.
    """
    labelled = pixel_counts.sum(axis=1, keepdims=True)  # (images, 1)
    return _balanced(pixel_counts / np.maximum(labelled, 1), pixel_counts > 0, folds, seed)


def swapped(amounts: NDArray[np.float64], fold: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Swap images between folds as long as that lowers the squared deviation of the folds' sums from their targets.

    A fold's target is its share of the images, of every column. With `off` the sums minus the targets and d the
    difference of two images, the swap of image p in fold a and q in fold b changes the sum of squares by
    2 d.(off_a - off_b) + 2 d.d: one matrix product gives it for all candidates of two folds, and the best is done.
    It ends when a round over all pairs of folds finds no swap that helps.

    Args:
        amounts: (images, columns) whole numbers.
        fold: (images,) the folds to start from.
        seed: which candidates are looked at, where a fold has more than CANDIDATES images.

    Returns:
        (images,) int64, folds of the same sizes.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    rng = np.random.default_rng(seed)
    fold, squares = fold.copy(), (amounts * amounts).sum(axis=1)
    sizes = np.bincount(fold)
    targets = np.rint(np.outer(sizes / len(fold), amounts.sum(axis=0)))  # (folds, columns)
    off = np.array([amounts[fold == k].sum(axis=0) for k in range(len(sizes))]) - targets
    with threadpool_limits(1):  # products this small wait for their threads; whole numbers add up alike in any order
        for _ in range(ROUNDS):
            helped = False
            for a, b in combinations(range(len(sizes)), 2):
                of_a, of_b = (rng.permutation(np.flatnonzero(fold == k))[:CANDIDATES] for k in (a, b))
                change = _changes(amounts[of_a], amounts[of_b], squares[of_a], squares[of_b], off[a] - off[b])
                row, column = divmod(int(change.argmin()), len(of_b))
                if change[row, column] < 0:
                    p, q = of_a[row], of_b[column]
                    off[a] += amounts[q] - amounts[p]
                    off[b] -= amounts[q] - amounts[p]
                    fold[p], fold[q], helped = b, a, True
            if not helped:
                break
    return fold


def _changes(
    of_a: NDArray[np.float64],
    of_b: NDArray[np.float64],
    squares_a: NDArray[np.float64],
    squares_b: NDArray[np.float64],
    slope: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(images of a, images of b): half the change of the sum of squares that each swap would bring."""
    alone_a, alone_b = squares_a - of_a @ slope, squares_b + of_b @ slope
    return np.asarray(alone_a[:, None] + alone_b[None, :] - 2 * (of_a @ of_b.T))


def _balanced(amounts: NDArray[np.generic], presence: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.int64]:
    """A class that most images show is stratified by where it lacks, as in `mskf`."""
    enough_images(len(amounts), folds)
    by_lack = presence ^ (presence.mean(axis=0) > 0.5)
    columns = np.column_stack([amounts, by_lack]).astype(np.float64)  # (images, 2 * classes)
    total = columns.sum(axis=0)
    relative = columns * (folds / np.where(total > 0, total, 1.0))  # a fold's target is about 1 in each
    return swapped(np.rint(relative * UNIT), random(n_images=len(amounts), folds=folds, seed=seed), seed)
