"""Brightness, contrast, saturation and normalisation as one linear map of each pixel's colour."""

import cv2
import numpy as np
from numpy.typing import NDArray

Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]
GREY = np.array([0.299, 0.587, 0.114])  # luma of red, green, blue (ITU-R BT.601)
STRIP = 64  # rows that are mapped at a time


def draw_color(rng: np.random.Generator, amount: float) -> NDArray[np.float64]:
    """Draw factors of brightness, contrast and saturation, each uniform in 1 +- amount.

    Returns:
        (3,) float64; always three numbers are drawn.
    """
    return 1.0 + amount * (2.0 * rng.random(3) - 1.0)


def color_matrix(factors: NDArray[np.float64], normalisation: Normalisation) -> NDArray[np.float64]:
    """The map from red, green, blue in 0..255 to the network's normalised input.

    Saturation blends a pixel with its own grey, contrast spreads it round middle grey, brightness scales it.

    Args:
        factors: (3,) brightness, contrast, saturation; all 1 changes nothing.
        normalisation: mean and standard deviation of each channel in 0..1.

    Returns:
        (3, 4) float64: a linear part and an offset.

    >>> color_matrix(np.ones(3), ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))[0].round(5).tolist()
    [0.00784, 0.0, 0.0, -1.0]
    """
    brightness, contrast, saturation = factors
    linear = saturation * np.eye(3) + (1 - saturation) * np.tile(GREY, (3, 1))
    offset = np.full(3, 0.5 * (1 - contrast))
    mean, std = np.array(normalisation[0]), np.array(normalisation[1])
    full = np.column_stack([brightness * contrast * linear / 255.0, brightness * offset - mean])
    scaled: NDArray[np.float64] = full / std[:, None]
    return scaled


def apply_color(image: NDArray[np.uint8], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Map every pixel, and put channels first.

    Args:
        image: (height, width, 3) uint8.
        matrix: (3, 4).

    Returns:
        (3, height, width) float32, contiguous.
    """
    coefficients = matrix.astype(np.float32)
    mapped = np.empty((3, *image.shape[:2]), np.float32)
    # Strip by strip: blocks of megabytes are fetched from the system and given back for every sample, at six times
    # the cost of the arithmetic
    for top in range(0, image.shape[0], STRIP):
        strip = cv2.transform(image[top : top + STRIP].astype(np.float32), coefficients)
        cv2.split(strip, list(mapped[:, top : top + STRIP]))  # writes into these views
    return mapped


def to_picture(sample: NDArray[np.float32], normalisation: Normalisation) -> NDArray[np.uint8]:
    """What a person sees of a normalised sample: (3, height, width) float32 -> (height, width, 3) uint8."""
    mean, std = np.array(normalisation[0], np.float32), np.array(normalisation[1], np.float32)
    picture = sample.transpose(1, 2, 0) * std + mean
    return np.asarray(np.clip(np.rint(picture * 255), 0, 255), np.uint8)
