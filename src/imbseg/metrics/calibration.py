"""Calibration class by class: of the pixels that give a class a probability, how many are of that class."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
BINS = 15  # of equal width, as in Guo et al., arXiv:1706.04599
COLUMNS = ("pixels", "hits", "probability")
MOST_PIXELS = 2**14  # of an image


def spread(height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of an even grid over an image, of at most MOST_PIXELS pixels.

    Its step is odd, so that it falls into step with no decoder's grid: a network is surest in the middle of a cell.

    >>> spread(360, 480), spread(64, 64)
    ((slice(2, None, 5), slice(2, None, 5)), (slice(0, None, 1), slice(0, None, 1)))
    """
    step = math.ceil(math.sqrt(height * width / MOST_PIXELS)) | 1
    return slice(min(step // 2, height - 1), None, step), slice(min(step // 2, width - 1), None, step)


def calibration_counts(logits: torch.Tensor, mask: Labels) -> Floats:
    """Count one image: each class against the rest, at the labelled pixels of `spread`.

    Args:
        logits: (classes, height, width) float, at the mask's size.
        mask: (height, width) class indices, see read_mask.

    Returns:
        (classes, 15, 3): of the pixels whose probability of the class lies in a bin, how many there are, how many are
        of the class, and the sum of the probabilities. A bin holds its lower end, the last both.
    """
    grid = spread(*mask.shape)
    return calibration_at(logits[:, *grid], mask[grid])


def calibration_at(logits: torch.Tensor, mask: Labels) -> Floats:
    """The same at all labelled pixels of a mask (height, width); logits are (classes, height, width)."""
    truth = mask.ravel()
    labelled = np.flatnonzero(truth != ignored_in(mask))
    chances = logits.float().softmax(dim=0).flatten(start_dim=1).cpu().numpy()  # (classes, pixels)
    return binned(chances.take(labelled, axis=1).astype(np.float64), truth[labelled])


def binned(probabilities: Floats, truth: NDArray[np.integer]) -> Floats:
    """Sort probabilities (classes, pixels) of pixels whose class indices are `truth` into (classes, 15, 3).

    >>> binned(np.array([[0.9, 0.5], [0.1, 0.5]]), np.array([0, 0]))[1, [1, 7]].tolist()
    [[1.0, 0.0, 0.1], [1.0, 0.0, 0.5]]
    """
    classes, cells = len(probabilities), len(probabilities) * BINS
    code = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    code += BINS * np.arange(classes)[:, None]
    own = code[truth, np.arange(len(truth))]  # the place of each pixel's own class
    sums = [np.bincount(places, minlength=cells) for places in (code.ravel(), own)]
    sums += [np.bincount(code.ravel(), probabilities.ravel(), minlength=cells)]
    return np.stack(sums, axis=-1).reshape(classes, BINS, len(COLUMNS)).astype(np.float64)


def calibration_error(counted: Floats) -> Floats:
    """Expected calibration error of each class: sum over the bins of |hits - probabilities| / pixels.

    Args:
        counted: (..., bins, 3) as `calibration_counts` sums; of all bins Nixon's class-wise error, of the upper ones
            the same above a threshold, without the many pixels that give a rare class nearly nothing.

    Returns:
        (...,), NaN where there is no pixel.

    Source: Nixon et al., Measuring Calibration in Deep Learning, arXiv:1904.01685: static calibration error of one
        class, |mean probability - share of hits| weighted by a bin's share of the pixels; and its thresholding.
    """
    pixels = counted[..., 0].sum(axis=-1)
    gaps = np.abs(counted[..., 1] - counted[..., 2]).sum(axis=-1)
    errors: Floats = np.divide(gaps, pixels, out=np.full(np.shape(gaps), np.nan), where=np.asarray(pixels) > 0)
    return errors
