"""Brightness, contrast, saturation and normalisation as one linear map of each pixel's channels."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

GREY = np.array([0.299, 0.587, 0.114])  # luma of red, green, blue (ITU-R BT.601)
PADDING = (124, 116, 104)  # ImageNet's mean colour, in 0..255
STRIP = 64  # rows that are mapped at a time
Values = tuple[float, ...]


class Normalisation(NamedTuple):
    """How pixels become the network's input: (value - low) / (high - low), less mean, over std; a number a channel.

    Attributes:
        mean: of the values in 0..1.
        std: of the values in 0..1.
        low: becomes 0.
        high: becomes 1.
        is_color: the channels are red, green, blue.
        clips: values beyond low and high are brought to them.
    """

    mean: Values
    std: Values
    low: Values = (0.0, 0.0, 0.0)
    high: Values = (255.0, 255.0, 255.0)
    is_color: bool = True
    clips: bool = False

    def widened(self, low: Values, high: Values, *, is_color: bool, clips: bool) -> Normalisation:
        """For other channels than red, green, blue of 8 bits.

        A channel takes the mean of the one whose kernels it is given (see imbseg.models.weights.widen): red, green,
        blue, red ...; one alone takes the mean of the three.

        >>> Normalisation((0.1, 0.2, 0.3), (1, 1, 1)).widened((0.0,) * 4, (9.0,) * 4, is_color=False, clips=True).mean
        (0.1, 0.2, 0.3, 0.1)
        """
        return Normalisation(_cycled(self.mean, len(low)), _cycled(self.std, len(low)), low, high, is_color, clips)

    @property
    def padding(self) -> Values:
        """What is round an image, in its own values: near 0 in the network's input."""
        shares = _cycled(PADDING, len(self.low))
        return tuple(
            low + grey * (high - low) / 255 for grey, low, high in zip(shares, self.low, self.high, strict=True)
        )


def _cycled(values: Values, channels: int) -> Values:
    if channels == 1:
        return (float(np.mean(values)),)
    return tuple(values[index % len(values)] for index in range(channels))


def draw_color(rng: np.random.Generator, amount: float, channels: int | None = None) -> NDArray[np.float64]:
    """Draw factors of brightness, contrast and saturation, each uniform in 1 +- amount.

    Args:
        channels: of an image that isn't red, green, blue: each has its own brightness and contrast.

    Returns:
        (3,) float64, or (2, channels); always as many numbers are drawn.
    """
    return 1.0 + amount * (2.0 * rng.random(3 if channels is None else (2, channels)) - 1.0)


def color_matrix(factors: NDArray[np.float64], normalisation: Normalisation) -> NDArray[np.float64]:
    """The map from an image's values to the network's normalised input.

    Saturation blends a pixel with its own grey, contrast spreads it round the middle of the range, brightness scales
    it.

    Args:
        factors: (3,) brightness, contrast, saturation, or (2, channels) brightness and contrast of each channel; all 1
            changes nothing.

    Returns:
        (channels, channels + 1) float64: a linear part and an offset.

    >>> color_matrix(np.ones(3), Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)))[0].round(5).tolist()
    [0.00784, 0.0, 0.0, -1.0]
    """
    mean, std = np.array(normalisation[0]), np.array(normalisation[1])
    low, high = np.array(normalisation.low), np.array(normalisation.high)
    brightness, contrast = factors[0], factors[1]
    linear, offset = np.eye(len(mean)), np.full(len(mean), 0.5 * (1 - contrast))
    if factors.ndim == 1:
        linear = factors[2] * linear + (1 - factors[2]) * np.tile(GREY, (3, 1))
    linear = np.reshape(brightness * contrast, (-1, 1)) * linear / (high - low)
    full = np.column_stack([linear, brightness * offset - mean - linear @ low])
    scaled: NDArray[np.float64] = full / std[:, None]
    return scaled


def plain_matrix(normalisation: Normalisation) -> NDArray[np.float64]:
    """The map without any change of colour."""
    return color_matrix(np.ones(3 if normalisation.is_color else (2, len(normalisation.low))), normalisation)


def apply_color(
    image: NDArray[np.generic],
    matrix: NDArray[np.float64],
    normalisation: Normalisation | None = None,
    out: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Map every pixel, and put channels first.

    Args:
        image: (height, width, channels).
        matrix: (channels, channels + 1).
        normalisation: says whether values beyond its range are brought to it first; None: they stay.
        out: of the shape of the result, which is written there; None: memory of its own.

    Returns:
        (channels, height, width) float32, contiguous.
    """
    coefficients, channels = matrix.astype(np.float32), len(matrix)
    clips = normalisation is not None and normalisation.clips
    mapped = np.empty((channels, *image.shape[:2]), np.float32) if out is None else out
    # Strip by strip: blocks of megabytes are fetched from the system and given back for every sample, at six times
    # the cost of the arithmetic
    for top in range(0, image.shape[0], STRIP):
        strip = image[top : top + STRIP].astype(np.float32)
        if clips and normalisation:
            strip = np.clip(strip, *np.array(normalisation[2:4], np.float32))
        if channels == 3:
            strip = cv2.transform(strip, coefficients)
            cv2.split(strip, list(mapped[:, top : top + STRIP]))  # writes into these views
            continue
        for channel, of_channel in enumerate(mapped[:, top : top + STRIP]):  # each by itself: the rest of it is 0
            np.multiply(strip[..., channel], coefficients[channel, channel], out=of_channel)
            of_channel += coefficients[channel, -1]
    return mapped


def to_picture(
    sample: NDArray[np.float32], normalisation: Normalisation, shown: tuple[int, ...] = (0, 1, 2)
) -> NDArray[np.uint8]:
    """What a person sees of a normalised sample.

    Args:
        sample: (channels, height, width) float32.
        shown: the channels that are seen as red, green and blue.

    Returns:
        (height, width, 3) uint8.
    """
    chosen = list(shown)
    mean, std = (np.array(one, np.float32)[chosen] for one in normalisation[:2])
    picture = sample[chosen].transpose(1, 2, 0) * std + mean
    return np.asarray(np.clip(np.rint(picture * 255), 0, 255), np.uint8)
