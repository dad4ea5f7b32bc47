"""Labelled pixels of each class in the train fold -> one weight a class, with mean 1 over the classes present.

A class without a pixel gets the weight 1: no pixel of the train fold is of it, so its weight reaches the losses that
score every class at every pixel only.
"""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Counts = NDArray[np.int64]
Weights = NDArray[np.float64]


def none(pixel_counts: Counts) -> Weights:
    """Weight 1 for every class."""
    return np.ones(len(pixel_counts))


def inverse(pixel_counts: Counts) -> Weights:
    """1 / pixel share.

    Returns:
        (classes,) float64, mean 1 over the classes with pixels, 1 for the others.

    >>> inverse(np.array([300, 100, 0]))
    array([0.5, 1.5, 1. ])
    """
    return _normalised(pixel_counts, lambda share: 1.0 / share)


def inverse_sqrt(pixel_counts: Counts) -> Weights:
    """1 / square root of the pixel share: halves the exponent of `inverse`, which overshoots on long tails.

    >>> inverse_sqrt(np.array([900, 100]))
    array([0.5, 1.5])
    """
    return _normalised(pixel_counts, lambda share: 1.0 / np.sqrt(share))


def power(
    pixel_counts: Counts,
    *,
    weight_exponent: Annotated[
        float, Field(0.5, ge=0, le=2, description="exponent of 1 / pixel share; 0.5: inverse_sqrt, 1: inverse")
    ],
) -> Weights:
    """1 / pixel share to the power of an exponent: the strength between `none` and `inverse`, and beyond.

    >>> power(np.array([900, 100]), weight_exponent=0.5), power(np.array([300, 100]), weight_exponent=1.0)
    (array([0.5, 1.5]), array([0.5, 1.5]))
    """
    return _normalised(pixel_counts, lambda share: share**-weight_exponent)


def inverse_log(pixel_counts: Counts) -> Weights:
    """1 / log(1.02 + pixel share), which bounds the ratio of two weights near 35.

    Source: Paszke et al., ENet, arXiv:1606.02147, section 5.2 (c = 1.02).
    """
    return _normalised(pixel_counts, lambda share: 1.0 / np.log(1.02 + share))


def effective_number(pixel_counts: Counts) -> Weights:
    """(1 - beta) / (1 - beta^n), with beta = 1 - 1/N and N the mean pixels of a class present.

    Neighbouring pixels tell nearly the same, so a class's pixels count the less, the more there are: for n much
    below N the weight is that of `inverse`, above N it levels off at 1/N.

    Source: Cui et al., Class-Balanced Loss, arXiv:1901.05555, equation 4; N is left to the user there.
    """
    present = pixel_counts[pixel_counts > 0]
    beta = 1.0 - 1.0 / max(float(present.mean()), 2.0) if len(present) else 0.5
    total = max(float(pixel_counts.sum()), 1.0)
    return _normalised(pixel_counts, lambda share: (1.0 - beta) / -np.expm1(share * total * np.log(beta)))


def median_frequency(pixel_counts: Counts, image_pixel_counts: Counts) -> Weights:
    """Median class frequency / class frequency, a class's frequency taken over the images that show it.

    Args:
        image_pixel_counts: (classes,) all labelled pixels of the images that show the class.

    Source: Eigen and Fergus, arXiv:1411.4734, section 6.3.2.

    >>> median_frequency(np.array([50, 20]), np.array([100, 80])).round(3)
    array([0.667, 1.333])
    """
    shares = pixel_counts / np.maximum(image_pixel_counts, 1)
    return _mean_one(np.where(pixel_counts > 0, 1.0 / np.maximum(shares, 1e-12), 1.0), pixel_counts)


def _normalised(pixel_counts: Counts, formula: object) -> Weights:
    shares = pixel_counts / max(int(pixel_counts.sum()), 1)
    safe = np.where(pixel_counts > 0, shares, 1.0)
    return _mean_one(formula(safe), pixel_counts)  # type: ignore[operator]


def _mean_one(weights: Weights, pixel_counts: Counts) -> Weights:
    present = pixel_counts > 0
    if not present.any():
        return np.ones(len(pixel_counts))
    return np.where(present, weights / weights[present].mean(), 1.0)
