"""Resize, scale, crop and flip as one step for the image and one for its mask."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.augment.photometry import PADDING
from imbseg.datasets.labels import ignored_in
from imbseg.datasets.readers.layout import Padding, by_fours, resized, with_channels

Size = tuple[int, int]  # (width, height)
Label = TypeVar("Label", bound=np.generic)
Pixel = TypeVar("Pixel", bound=np.generic)
GREY: Padding = PADDING
MARGIN = 16  # pixels round a window: what is averaged and interpolated
HALVED = 0.5  # a scale from which on an image is averaged down first
MOST_SCALED = 4  # a scaled image of at most so many samples' pixels is made whole: cheaper than a warp of the crop


@dataclasses.dataclass(frozen=True)
class Geometry:
    """Where a training sample lies in its image.

    Attributes:
        scale: (x, y) factors from the file's pixels to the sample's.
        offset: (x, y) of the crop's corner in the scaled image; negative where it is padded.
        size: (width, height) of the sample.
        corner: (x, y) of the pixel with which what is given of the file begins; None: all of it is given.
    """

    scale: tuple[float, float]
    offset: tuple[int, int]
    flip: bool
    size: Size
    corner: tuple[int, int] | None = None

    def window(self, image: Size) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in the file of all pixels that the sample is made of.

        Args:
            image: (width, height) of the file.

        >>> Geometry((0.5, 2.0), (100, 100), False, (64, 64)).window((1000, 90))
        (184, 34, 344, 90)
        """
        shrink = _shrink(self.scale) if max(self.scale) <= HALVED else 1
        edges = []
        for side, factor, first, length in zip(image, self.scale, self.offset, self.size, strict=True):
            begin = max(int(first / factor) - MARGIN, 0) // shrink * shrink
            end = int(np.ceil((first + length) / factor)) + MARGIN
            edges.append((begin, min(begin + -(-(end - begin) // shrink) * shrink, side)))
        return edges[0][0], edges[1][0], edges[0][1], edges[1][1]

    def scaled(self, image: NDArray[Any]) -> Size:
        """(width, height) of the whole image at this scale."""
        return max(1, round(image.shape[1] * self.scale[0])), max(1, round(image.shape[0] * self.scale[1]))

    def is_cheap(self, image: NDArray[Any]) -> bool:
        """Whether the whole scaled image has few enough pixels to be made and cut."""
        width, height = self.scaled(image)
        return self.corner is None and width * height <= MOST_SCALED * self.size[0] * self.size[1]

    def matrix(self) -> NDArray[np.float64]:
        """(2, 3): coordinates of a pixel's centre in the image -> in the sample."""
        (sx, sy), (ox, oy), (left, top) = self.scale, self.offset, self.corner or (0, 0)
        x = [sx, 0.0, 0.5 * sx - 0.5 - ox + sx * left]
        if self.flip:
            x = [-sx, 0.0, self.size[0] - 1 - x[2]]
        return np.array([x, [0.0, sy, 0.5 * sy - 0.5 - oy + sy * top]])


def draw_geometry(
    rng: np.random.Generator,
    image: Size,
    *,
    resize: Size | None,
    crop: Size | None,
    scale: tuple[float, float],
    flip: float,
    point: tuple[int, int] | None = None,
) -> Geometry:
    """Draw a scale (log-uniform), a crop (uniform over all places, of the padded image where it is smaller) and a flip.

    Args:
        rng: where the chance comes from; always four numbers are drawn.
        image: (width, height) of the file.
        resize: size the whole image is brought to first; None: as it is.
        crop: size of the sample; None: resize.
        scale: smallest and largest factor on top of `resize`.
        point: (x, y) of a pixel of the file that the crop must hold: it is then uniform over the places that do. The
            other draws are the same with and without it.

    Raises:
        ValueError: neither resize nor crop is given.
    """
    size = crop or resize
    if size is None:
        raise ValueError("a sample's size is needed: resize or crop")
    base = resize or image
    low, high = np.log(scale[0]), np.log(scale[1])
    chance = rng.random(4)
    factor = float(np.exp(low + (high - low) * chance[0]))
    scaled = (max(1, round(base[0] * factor)), max(1, round(base[1] * factor)))
    slack = (scaled[0] - size[0], scaled[1] - size[1])
    factors = (scaled[0] / image[0], scaled[1] / image[1])
    held = (None, None) if point is None else [int((p + 0.5) * f) for p, f in zip(point, factors, strict=True)]
    offset = (
        _place(slack[0], float(chance[1]), size[0], held[0]),
        _place(slack[1], float(chance[2]), size[1], held[1]),
    )
    return Geometry(factors, offset, bool(chance[3] < flip), size)


def _place(slack: int, chance: float, side: int, held: int | None) -> int:
    """A crop's corner: anywhere inside a larger image; a smaller image anywhere inside the crop.

    Args:
        chance: in [0, 1).
        held: coordinate in the scaled image that the crop must hold; None: any.

    >>> _place(90, 0.5, 10, None), _place(90, 0.5, 10, 99), _place(90, 0.0, 10, 50), _place(-4, 0.5, 10, 3)
    (45, 90, 41, -2)
    """
    if slack < 0:
        return -int(chance * (-slack + 1))
    low, high = (0, slack) if held is None else (max(0, held - side + 1), min(slack, held))
    return low + int(chance * (high - low + 1))


def warp_image(image: NDArray[Pixel], geometry: Geometry, padding: Padding = GREY) -> NDArray[Pixel]:
    """Cut the sample out of an image, bilinear.

    An image shrunk below half is averaged down, since bilinear reading skips pixels there.

    Args:
        image: (height, width, channels).
        padding: what is round it, by default grey (124, 116, 104).

    Returns:
        (sample height, sample width, channels) of the same type.
    """
    halved = max(geometry.scale) <= HALVED
    if geometry.is_cheap(image):
        how = cv2.INTER_AREA if halved else cv2.INTER_LINEAR
        return _cut(resized(image, geometry.scaled(image), how), geometry, padding)
    matrix = geometry.matrix()
    if halved:
        shrink = _shrink(geometry.scale)
        small = (max(1, image.shape[1] // shrink), max(1, image.shape[0] // shrink))
        factor = np.array([image.shape[1] / small[0], image.shape[0] / small[1]])
        image = resized(image, small, cv2.INTER_AREA)
        linear = matrix[:, :2] * factor  # (2, 2)
        matrix = np.column_stack([linear, matrix[:, 2] + matrix[:, :2] @ (factor - 1) / 2])
    return _warp(image, matrix, geometry.size, cv2.INTER_LINEAR, padding)


def warp_mask(labels: NDArray[Label], geometry: Geometry, padding: float | None = None) -> NDArray[Label]:
    """Cut the sample out of a mask or another map, nearest pixel: every map takes the same pixels.

    Args:
        labels: (height, width) class indices, or float32.
        padding: value of pixels outside the image; None: that of ignored ones.

    Returns:
        (sample height, sample width) of the same kind.
    """
    padding = ignored_in(labels) if padding is None else padding
    if geometry.is_cheap(labels):
        # EXACT takes the nearest centre, as the image's bilinear reading does; plain INTER_NEAREST the nearest corner
        return _cut(resized(labels, geometry.scaled(labels), cv2.INTER_NEAREST_EXACT), geometry, padding)
    return _warp(labels, geometry.matrix(), geometry.size, cv2.INTER_NEAREST, padding)


def pad(values: NDArray[Label], multiple: int, padding: Padding, least: int = 0) -> NDArray[Label]:
    """Widen an image, a mask or a map at right and below until its sides are multiples of a number.

    Args:
        values: (height, width) or (height, width, channels).
        padding: value of the new pixels.
        least: the sides have at least as many pixels.
    """
    below, right = (max(-(-side // multiple) * multiple, least) - side for side in values.shape[:2])
    if not (right or below):
        return values
    return bordered(values, (0, below, 0, right), padding)


def bordered(values: NDArray[Pixel], sides: tuple[int, int, int, int], padding: Padding) -> NDArray[Pixel]:
    """An image, a mask or a map with new pixels above, below, at the left and at the right."""
    return by_fours(values, padding, lambda some, own: cv2.copyMakeBorder(some, *sides, cv2.BORDER_CONSTANT, value=own))


def _shrink(scale: tuple[float, float]) -> int:
    """The whole factor by which an image is averaged down first."""
    return min(int(1 / max(scale)), 8)


def _cut(scaled: NDArray[Pixel], geometry: Geometry, padding: Padding) -> NDArray[Pixel]:
    """Crop, mirror and pad a whole scaled image."""
    x, y = geometry.offset
    part = scaled[max(y, 0) : y + geometry.size[1], max(x, 0) : x + geometry.size[0]]
    left, above = max(-x, 0), max(-y, 0)
    right, below = geometry.size[0] - left - part.shape[1], geometry.size[1] - above - part.shape[0]
    if geometry.flip:
        part, left, right = with_channels(cv2.flip(part, 1), part), right, left
    return bordered(part, (above, below, left, right), padding)


def _warp(image: NDArray[Pixel], matrix: NDArray[np.float64], size: Size, how: int, padding: Padding) -> NDArray[Pixel]:
    """The crop alone out of an image that is large beside it."""
    given: dict[str, Any] = {"flags": how, "borderMode": cv2.BORDER_CONSTANT}
    return by_fours(image, padding, lambda some, own: cv2.warpAffine(some, matrix, size, borderValue=own, **given))


def resize_image(image: NDArray[Pixel], size: Size) -> NDArray[Pixel]:
    """Bring a whole image to a size, averaging along a side that shrinks: what evaluation sees.

    Each in a step of its own: OpenCV's INTER_AREA averages only where no side grows.
    """
    height, width = image.shape[:2]
    smaller = (min(size[0], width), min(size[1], height))
    for step, how in ((smaller, cv2.INTER_AREA), (size, cv2.INTER_LINEAR)):
        if step != (image.shape[1], image.shape[0]):
            image = resized(image, step, how)
    return image


def typical_size(sizes: Sequence[tuple[int, int]]) -> list[float]:
    """Median width and median height: what a trial's `resize` is a size of, for an image of any other size.

    >>> typical_size([(480, 360), (480, 360), (240, 360)])
    [480.0, 360.0]
    """
    return [float(np.median([size[side] for size in sizes])) for side in (0, 1)]
