"""The keys `channels`, `range` and `shown` of a data set file; a check of the file does without numpy."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from imbseg.errors import InputError

RGB = ("red", "green", "blue")
WHOLE = {"uint8": 255.0, "uint16": 65535.0}  # ranges by name: all values of a type
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


EIGHT_BITS = Range()


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
    if not number or not -math.inf < pair[0] < pair[1] < math.inf or (percentile and not 0 <= pair[0] < pair[1] <= 100):
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
