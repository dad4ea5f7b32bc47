"""What a field accepts, in words; and a text of a flag, of YAML or of NNI as the value that it stands for."""

import dataclasses
import math
import re
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

Size = tuple[int, int]
WORDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
WORDS |= {"tuple": "a size in pixels such as 512 or 256x192 (width x height)"}


@dataclasses.dataclass(frozen=True)
class Kind:
    """What a field accepts, taken from its annotation.

    Attributes:
        type: int, float, bool, str or tuple (a size).
        optional: whether `none` may stand there.
        low, high: bounds of a number or of a size's sides.
        open_low, open_high: whether the bound itself is out.
        choices: all that may stand there, where that is a menu.
        words: values of another type that may stand there, too.
    """

    type: str
    optional: bool = False
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    choices: tuple[Any, ...] = ()
    also: str = ""
    words: tuple[str, ...] = ()

    def describe(self) -> str:
        """What is expected, for an error message and for --help."""
        if self.choices and self.type == "str":
            return "one of " + ", ".join(self.choices) + self.also
        if self.choices:
            return " or ".join(map(str, self.choices))
        bounds = [f"{'>' if self.open_low else '>='} {self.low:g}"] if self.low > -math.inf else []
        bounds += [f"{'<' if self.open_high else '<='} {self.high:g}"] if self.high < math.inf else []
        others = "".join(f", or {one}" for one in (*self.words, *(["none"] if self.optional else [])))
        return WORDS[self.type] + (" " + " and ".join(bounds) if bounds else "") + others

    def value(self, raw: Any) -> Any:
        """What a raw value stands for; itself where it can't be of this kind, which pydantic then says."""
        if raw is None or (isinstance(raw, str) and raw.lower() in ("none", "null")):
            return "none" if "none" in self.choices else None  # YAML's null, too, is how one writes it
        if raw in self.words:
            return raw
        read = {"int": _int, "float": _float, "bool": _bool, "tuple": _size}.get(self.type)
        return read(raw) if read else raw


def kind_of(field: FieldInfo) -> Kind:
    """What a field accepts."""
    parts = get_args(field.annotation) if get_origin(field.annotation) not in (tuple, Literal, None) else ()
    kinds = [one for one in parts or (field.annotation,) if one is not type(None)]
    literals = [value for one in kinds if get_origin(one) is Literal for value in get_args(one)]
    plain = next((one for one in kinds if get_origin(one) is not Literal), type(literals[0]) if literals else str)
    found = Kind(_name(plain), optional=len(kinds) < len(parts))
    for one in (*_inner(plain), *field.metadata):
        found = dataclasses.replace(found, **_said(one))
    if literals:
        choices, words = (literals, []) if len(kinds) == 1 else ([], literals)
        found = dataclasses.replace(found, choices=tuple(choices), words=tuple(words))
    return found


def _name(kind: Any) -> str:
    origin = get_origin(kind)
    return str((get_args(kind)[0] if origin is Annotated else origin or kind).__name__)


def _inner(kind: Any) -> list[Any]:
    """What Annotated says inside a type: of a number beside a word, of the sides of a size."""
    side = get_args(kind)[0] if get_origin(kind) is tuple else kind
    said = get_args(side)[1:] if get_origin(side) is Annotated else ()
    return [one for info in said for one in (info.metadata if isinstance(info, FieldInfo) else [info])]


def _said(info: Any) -> dict[str, Any]:
    """The part of a Kind that one piece of metadata says."""
    if isinstance(info, AfterValidator):
        return {"choices": getattr(info.func, "choices", ()), "also": getattr(info.func, "also", "")}
    keys = {"ge": "low", "gt": "low", "le": "high", "lt": "high"}
    found = {keys[key]: getattr(info, key) for key in keys if hasattr(info, key)}
    return found | {f"open_{keys[key]}": True for key in ("gt", "lt") if hasattr(info, key)}


def show(value: Any) -> Any:
    """A field's value as JSON and flags have it: sizes as 256x192.

    >>> show((256, 192)), show(0.5)
    ('256x192', 0.5)
    """
    return f"{value[0]}x{value[1]}" if isinstance(value, tuple) else value


def short(text: str) -> str:
    """A text, cut where it is long."""
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text)} characters)"


def _int(raw: Any) -> Any:
    """NNI's quniform gives whole numbers as floats; Python itself refuses to read more than 4,300 digits."""
    if isinstance(raw, float):
        return int(raw) if raw.is_integer() else raw
    return int(raw) if isinstance(raw, str) and re.fullmatch(r"[+-]?[0-9]{1,4000}", raw.strip()) else raw


def _float(raw: Any) -> Any:
    if not isinstance(raw, str) or "_" in raw:  # Python's 1_0 is 10
        return raw
    try:
        return float(raw)
    except ValueError:
        return raw


def _bool(raw: Any) -> Any:
    return {"true": True, "false": False, "1": True, "0": False}.get(str(raw).lower(), raw)


def _size(raw: Any) -> Any:
    """A side, two of them, or a text such as 256x192."""
    sides = raw.strip().split("x") if isinstance(raw, str) else raw if isinstance(raw, list | tuple) else [raw]
    numbers = [_int(side) for side in sides]
    whole = all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
    return (numbers[0], numbers[-1]) if whole and 1 <= len(numbers) <= 2 else raw
