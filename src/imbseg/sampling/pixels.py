"""Weights from how much of a class there is to see, counted in pixels or in images' worth of it."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Threshold = Annotated[
    float, Field(0.1, gt=0, le=1, description="repeat_factor: share of images below which a class is drawn more")
]
Exponent = Annotated[
    float, Field(0.5, ge=0, le=4, description="repeat_factor: exponent of threshold / share; 0.5 is the square root")
]
PositiveShare = Annotated[
    float, Field(0.5, gt=0, le=1, description="positive: share of the drawn images with a foreground class")
]


def pixels(pixel_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw an image the more, the fewer pixels the train fold has of the rarest class that it shows.

    A class of n pixels has the value 1 / log(1 + n), and an image the largest value among the classes that it shows.
    It is `label` with pixels for images and every class of the image for its major one. Of counts so large the
    logarithm leaves little: a class with a hundredth of another's 10 million pixels is drawn 1.4 times as often.

    Returns:
        (images,) float64, each > 0 and at most 1 / log 2; an image without labelled pixels gets the smallest value of
        any class, and 1 where no image has one.

    Source: the published experiment's future work (frequencies by pixels; see `label` for 1 + n).

    >>> pixels(np.array([[7, 0], [7, 0], [6, 1]])).round(3)
    array([0.328, 0.328, 1.443])
    """
    return largest_shown(1.0 / np.log1p(np.maximum(pixel_counts.sum(axis=0), 1)), pixel_counts)


def proportion(pixel_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw an image the more, the fewer images' worth the train fold has of the rarest class that it shows.

    As `pixels`, with n the sum over the images of the share that the class has of an image's labelled pixels: as many
    images as it would fill. Below one image it counts as one, else a class of a single pixel would be all that is
    drawn. Image sizes don't matter, and counts are small enough for the logarithm to tell them apart.

    Returns:
        (images,) float64, each > 0 and at most 1 / log 2; an image without labelled pixels gets the smallest value of
        any class, and 1 where no image has one.

    Source: the published experiment's future work (frequencies by the share of the image).

    >>> proportion(np.array([[8, 0], [80, 0], [8, 0], [6, 2]])).round(3)
    array([0.642, 0.642, 0.642, 1.443])
    """
    share = pixel_counts / np.maximum(pixel_counts.sum(axis=1, keepdims=True), 1)  # (images, classes)
    return largest_shown(1.0 / np.log1p(np.maximum(share.sum(axis=0), 1.0)), pixel_counts)


def repeat_factor(
    pixel_counts: NDArray[np.int64], *, repeat_threshold: Threshold, repeat_exponent: Exponent
) -> NDArray[np.float64]:
    """Draw each image as often as the rarest class it shows asks for, counted in images.

    A class that a share f of the images shows has the factor max(1, (repeat_threshold / f) ^ repeat_exponent), and an
    image the largest factor among the classes that it shows. Where no class is below the threshold, that is `x2`. LVIS
    repeats images by their factor; here they are draw weights, so that the steps of an epoch stay those of `x2`.

    Args:
        repeat_threshold: share of the images, in (0, 1], below which a class is drawn more (LVIS: 0.001, of 1,200
            classes).
        repeat_exponent: 0.5 is LVIS's square root; 1 undoes the imbalance below the threshold.

    Returns:
        (images,) float64, each >= 1; 1 for an image without labelled pixels.

    Source: Gupta et al., LVIS, arXiv:1908.03195, appendix B.2.

    >>> pixel_counts = np.array([[9, 0], [9, 0], [9, 0], [8, 1]])
    >>> repeat_factor(pixel_counts, repeat_threshold=1.0, repeat_exponent=0.5)
    array([1., 1., 1., 2.])
    """
    shown = pixel_counts > 0
    share = np.maximum(shown.mean(axis=0), 1 / len(shown))  # (classes,); a class that no image shows draws none
    factor = np.maximum(1.0, (repeat_threshold / share) ** repeat_exponent)
    return np.asarray(np.where(shown, factor, 1.0).max(axis=1))


def positive(
    pixel_counts: NDArray[np.int64], background: int | None, *, positive_share: PositiveShare
) -> NDArray[np.float64]:
    """Draw images that show anything but background with a fixed probability, however few they are.

    Each of P images that do gets positive_share / P, each of the N others (1 - positive_share) / N, times the number of
    images. For binary and mostly empty data. The share is that of the drawn half of an epoch; the other half is
    the train fold as it is.

    Args:
        background: index of the background class; None where there is none, then any labelled pixel counts.
        positive_share: in (0, 1]; with 1 no empty image is drawn.

    Returns:
        (images,) float64 with mean 1; all 1 where all images, or none, show anything.

    >>> positive(np.array([[9, 0], [9, 0], [9, 0], [8, 1]]), 0, positive_share=0.5).round(3)
    array([0.667, 0.667, 0.667, 2.   ])
    """
    counted = pixel_counts if background is None else np.delete(pixel_counts, background, axis=1)
    shows = counted.sum(axis=1) > 0
    if shows.all() or not shows.any():
        return np.ones(len(shows))
    share = shows.mean()
    return np.asarray(np.where(shows, positive_share / share, (1 - positive_share) / (1 - share)))


def largest_shown(value: NDArray[np.float64], pixel_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give an image the largest value among the classes that it shows.

    Returns:
        (images,) float64; the smallest value of a class that is there for an image without labelled pixels, and 1
        where no image has one.

    >>> largest_shown(np.array([0.2, 0.5]), np.array([[9, 0], [8, 1], [0, 0]]))
    array([0.2, 0.5, 0.2])
    """
    shown = pixel_counts > 0
    if not shown.any():
        return np.ones(len(shown))
    lowest = value[shown.any(axis=0)].min()
    return np.asarray(np.where(shown, value, lowest).max(axis=1))
