"""One raw value (from a flag, NNI or YAML) -> the value of one field, with its type, range and menu checked."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any

from imbseg.errors import InputError, unknown_name
from imbseg.losses.terms import parse_terms

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a field accepts: its type, whether `none` may stand there, its bounds and its choices."""

    type: str  # int, float, bool, text, size, loss
    optional: bool = False
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False  # low itself is out
    choices: tuple[str, ...] = ()
    word: str | None = None  # a text that may stand there too

    def describe(self) -> str:
        """What is expected, for an error message and for --help."""
        if self.choices:
            sums = ", or a weighted sum such as weighted_cross_entropy+0.5*lovasz" if self.type == "loss" else ""
            return "one of " + ", ".join(self.choices) + sums
        words = {"int": "a whole number", "float": "a number", "bool": "true or false", "text": "a text",
                 "size": "a size in pixels such as 512 or 256x192 (width x height)"}[self.type]  # fmt: skip
        bounds = [f"{'>' if self.open_low else '>='} {self.low:g}"] if self.low > -math.inf else []
        bounds += [f"<= {self.high:g}"] if self.high < math.inf else []
        others = [*([self.word] if self.word else []), *(["none"] if self.optional else [])]
        return words + (" " + " and ".join(bounds) if bounds else "") + "".join(f", or {one}" for one in others)


def parse(name: str, raw: Any, kind: Kind) -> Any:
    """Turn a raw value into a field's value.

    Args:
        name: the field's name, for the message.
        raw: a text from a flag, or a value from JSON or YAML.
        kind: what the field accepts.

    Raises:
        InputError: it is of another type, out of range, or no choice of the menu.
    """
    if raw is None or (isinstance(raw, str) and raw.lower() in ("none", "null")):
        if kind.optional:
            return None
        if "none" in kind.choices:  # YAML's null, too, is how one writes it
            return "none"
        raise InputError(f"{name}: expected {kind.describe()}, found none")
    if kind.type == "loss":
        parse_terms(str(raw))
        return str(raw)
    if kind.word and raw == kind.word:
        return kind.word
    if kind.choices:
        if str(raw) not in kind.choices:
            raise unknown_name(name.replace("_", " "), raw, kind.choices)
        return str(raw)
    value: Any = {"int": _int, "float": _float, "bool": _bool, "text": _text, "size": _size}[kind.type](raw)
    if value is None:
        raise InputError(f"{name}: expected {kind.describe()}, found {_short(repr(raw))}")
    if kind.type in ("int", "float") and not _within(value, kind):
        found = f"{value:g}" if isinstance(value, float) else str(value)
        raise InputError(f"{name}: expected {kind.describe()}, found {_short(found)}")
    if kind.type == "size" and not kind.low <= min(value) <= max(value) <= kind.high:
        raise InputError(
            f"{name}: expected sides of at least {kind.low:g} pixels, which the network takes, and at most "
            f"{kind.high:g}, found {_short(str(raw))}"
        )
    return value


def show(value: Any) -> Any:
    """A field's value as JSON and flags have it: sizes as 256x192.

    >>> show((256, 192)), show(0.5)
    ('256x192', 0.5)
    """
    return f"{value[0]}x{value[1]}" if isinstance(value, tuple) else value


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def _within(value: float, kind: Kind) -> bool:
    # A whole number of 400 digits is no float: it is compared as it is.
    finite = isinstance(value, int) or math.isfinite(value)
    return finite and kind.low <= value <= kind.high and not (kind.open_low and value == kind.low)


def _int(raw: Any) -> int | None:
    if isinstance(raw, bool):
        return None
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() else None
    if isinstance(raw, int):
        return raw
    # Python itself refuses to read more than 4,300 digits.
    return int(raw) if isinstance(raw, str) and re.fullmatch(r"[+-]?[0-9]{1,4000}", raw.strip()) else None


def _float(raw: Any) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    if isinstance(raw, str) and "_" in raw:  # Python's 1_0 is 10
        return None
    try:
        return float(raw)
    except (ValueError, OverflowError):  # a whole number of 400 digits overflows
        return None


def _bool(raw: Any) -> bool | None:
    if isinstance(raw, bool):
        return raw
    return {"true": True, "false": False, "1": True, "0": False}.get(str(raw).lower())


def _text(raw: Any) -> str | None:
    return raw if isinstance(raw, str) and raw else None


def _size(raw: Any) -> Size | None:
    """A side, two of them, or a text such as 256x192; whole floats count, since NNI's quniform gives those."""
    sides = raw.strip().split("x") if isinstance(raw, str) else raw if isinstance(raw, list | tuple) else [raw]
    numbers = [_int(side) for side in sides]
    found = [number for number in numbers if number is not None]
    return (found[0], found[-1]) if len(found) == len(numbers) and 1 <= len(found) <= 2 else None
