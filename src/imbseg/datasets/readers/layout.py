"""How the pixels of a data set's images lie in memory: names of the channels, type and range of the values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError

RGB = ("red", "green", "blue")
WHOLE = {"uint8": 255.0, "uint16": 65535.0}  # ranges by name: all values of a type
Limits = tuple[tuple[float, ...], tuple[float, ...]]  # low and high of each channel
Padding = float | tuple[float, ...]  # of all channels, or of each
Pixel = TypeVar("Pixel", bound=np.generic)
AT_ONCE = 4  # channels that OpenCV resizes and gives borders of their own
ASKED = "uint8, uint16, [low, high], or percentile: [low, high] of the train images' values"


@dataclasses.dataclass(frozen=True)
class Range:
    """Which values become 0 and 1.

    Attributes:
        kind: type of the values in memory: uint8, uint16 or float32.
        low: becomes 0; of a percentile range, the share of the values in percent.
        high: becomes 1.
        percentile: whether low and high are shares, which the train images turn into values.
    """

    kind: str = "uint8"
    low: float = 0.0
    high: float = 255.0
    percentile: bool = False

    @property
    def clips(self) -> bool:
        """Whether there are values beyond it."""
        return self.kind == "float32"


@dataclasses.dataclass(frozen=True)
class Layout:
    """What an image of a data set is in memory: (height, width, channels) of a type.

    Attributes:
        channels: names, in the order of the file.
        values: their type and range.
        shown: places of the channels that a person sees as red, green and blue.
    """

    channels: tuple[str, ...] = RGB
    values: Range = Range()
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


def value_range(raw: Any) -> Range:
    """Read the key `range`.

    Raises:
        InputError: it is nothing that a range can be.
    """
    if isinstance(raw, Range):
        return raw
    if isinstance(raw, str) and raw in WHOLE:
        return Range(raw, 0.0, WHOLE[raw])
    percentile = isinstance(raw, dict) and list(raw) == ["percentile"]
    pair = raw["percentile"] if percentile else raw
    number = isinstance(pair, list | tuple) and len(pair) == 2 and all(type(one) in (int, float) for one in pair)
    if not number or not -np.inf < pair[0] < pair[1] < np.inf or (percentile and not 0 <= pair[0] < pair[1] <= 100):
        raise InputError(f"expected {ASKED}, the low one first, found {raw!r}")
    return Range("float32", float(pair[0]), float(pair[1]), percentile)


def shown_channels(channels: tuple[str, ...], names: tuple[str, ...] | None) -> tuple[int, int, int]:
    """Places of the channels that are shown: those named, else red, green, blue, else the first three, or the first.

    >>> shown_channels(("nir", "red", "green", "blue"), None), shown_channels(("a", "b"), ("b",))
    ((1, 2, 3), (1, 1, 1))
    """
    if names is None:
        names = RGB if set(RGB) <= set(channels) else channels[:3] if len(channels) > 2 else channels[:1]
    places = [channels.index(name) for name in names]
    first, *others = places if len(places) == 3 else places * 3
    return first, others[0], others[1]


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
