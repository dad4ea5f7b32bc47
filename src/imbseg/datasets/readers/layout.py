"""How the pixels of a data set's images lie in memory: names of the channels, type and range of the values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.readers.values import EIGHT_BITS, RGB, WHOLE, Range
from imbseg.errors import InputError

Limits = tuple[tuple[float, ...], tuple[float, ...]]  # low and high of each channel
Padding = float | tuple[float, ...]  # of all channels, or of each
Pixel = TypeVar("Pixel", bound=np.generic)
AT_ONCE = 4  # channels that OpenCV resizes and gives borders of their own


@dataclasses.dataclass(frozen=True)
class Layout:
    """What an image of a data set is in memory: (height, width, channels) of a type.

    Attributes:
        channels: names, in the order of the file.
        values: their type and range.
        shown: places of the channels that a person sees as red, green and blue.
    """

    channels: tuple[str, ...] = RGB
    values: Range = EIGHT_BITS
    shown: tuple[int, int, int] = (0, 1, 2)

    @property
    def kind(self) -> np.dtype[Any]:
        """Type of the values in memory."""
        return np.dtype(self.values.kind)

    @property
    def is_color(self) -> bool:
        """Whether the channels are red, green, blue."""
        return self.channels == RGB

    @property
    def is_photograph(self) -> bool:
        """Whether images are what a camera gives: red, green, blue of 8 bits, all of them."""
        return self.is_color and not self.values.clips and self.values.kind == "uint8"

    @property
    def limits(self) -> Limits:
        """Low and high of each channel, as declared; of a percentile range they are shares."""
        return (self.values.low,) * len(self.channels), (self.values.high,) * len(self.channels)

    def bytes_of(self, pixels: int) -> int:
        """Memory that an image takes."""
        return pixels * len(self.channels) * self.kind.itemsize

    def fitted(self, image: NDArray[Any], where: str) -> NDArray[Any]:
        """An image as a reader decodes it -> one of this layout.

        Args:
            image: (height, width, channels) of any type.
            where: what the message calls it.

        Raises:
            InputError: it has another number of channels, another type, or values that are no numbers.
        """
        found, wanted = image.shape[2], len(self.channels)
        if self.is_color and found in (1, 2, 4):  # grey is shown as a colour; what is transparent is seen all the same
            image = np.repeat(image[..., :1], 3, axis=2) if found < 3 else image[..., :3]
        elif found != wanted:
            names = ", ".join(self.channels)
            raise InputError(f"{where}: expected {wanted} channels ({names}), found {found}; mend 'channels'")
        if not self.values.clips and image.dtype != self.kind:
            other = f"write range: {image.dtype}" if str(image.dtype) in WHOLE else "write range: [low, high]"
            raise InputError(f"{where}: expected {self.values.kind} values ('range'), found {image.dtype}; {other}")
        if image.dtype.kind not in "uifb":
            raise InputError(f"{where}: expected real numbers, found {image.dtype}; export them one a channel")
        if image.dtype.kind == "f" and (missing := int((~np.isfinite(image)).any(axis=2).sum())):
            other = "fill them with a number, and ignore them in the mask"
            raise InputError(f"{where}: {missing} pixels hold no number (NaN or infinite); {other}")
        return np.ascontiguousarray(image, self.kind)

    def taken(self, image: Any) -> NDArray[Any]:
        """An array that a user gives as an image.

        Raises:
            InputError: it is no array of this layout.
        """
        found = type(image).__name__
        wanted = f"(height, width, {len(self.channels)}) {self.kind}, {', '.join(self.channels)}"
        if isinstance(image, np.ndarray):
            found, fits = f"{image.dtype} {image.shape}", image.dtype == self.kind or self.values.clips
            if image.ndim == 3 and image.size and image.shape[2] == len(self.channels) and fits:
                return self.fitted(image, "image")
        raise InputError(f"image: expected {wanted}, found {found}")

    def picture(self, image: NDArray[Any], limits: Limits | None = None) -> NDArray[np.uint8]:
        """What a person sees of an image: (height, width, 3) uint8.

        Args:
            image: (height, width, channels) of this layout.
            limits: of a percentile range; None: percentiles of this image.
        """
        if self.is_photograph:
            return np.asarray(image, np.uint8)
        chosen = list(self.shown)
        low, high = (np.array(one, np.float32)[chosen] for one in limits or self.limits)
        seen = image[..., chosen].astype(np.float32)
        if limits is None and self.values.percentile:
            low, high = np.percentile(seen.reshape(-1, 3), (self.values.low, self.values.high), axis=0)
        scaled = (seen - low) * (255 / np.where(high > low, high - low, 1))
        return np.asarray(np.clip(np.rint(scaled), 0, 255), np.uint8)


PHOTOGRAPH = Layout()


def with_channels(found: Any, like: NDArray[Pixel]) -> NDArray[Pixel]:
    """OpenCV drops the axis of a single channel."""
    return np.asarray(found if found.ndim == like.ndim else found[..., None], like.dtype)


def resized(values: NDArray[Pixel], size: tuple[int, int], how: int) -> NDArray[Pixel]:
    """An image, a mask or a map at another size (width, height), by one of OpenCV's ways."""
    return by_fours(values, (), lambda some, _: cv2.resize(some, size, interpolation=how))


def by_fours(values: NDArray[Pixel], padding: Padding, work: Callable[[Any, Padding], Any]) -> NDArray[Pixel]:
    """What OpenCV does with four channels at most, for any number of them.

    Args:
        padding: one value, or one a channel; handed on to `work` with the channels.
    """
    if values.ndim < 3 or values.shape[2] <= AT_ONCE:
        return with_channels(work(values, padding), values)
    own = padding if isinstance(padding, tuple) else (padding,) * values.shape[2]
    starts = range(0, values.shape[2], AT_ONCE)
    parts = [(np.ascontiguousarray(values[..., at : at + AT_ONCE]), own[at : at + AT_ONCE]) for at in starts]
    return np.concatenate([with_channels(work(*part), part[0]) for part in parts], axis=2)
