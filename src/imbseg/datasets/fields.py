"""Single values of a data set's YAML file, checked: each error names file, key, what was found and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from imbseg.errors import InputError


def check_keys(raw: Any, allowed: Sequence[str], required: Iterable[str], where: str) -> None:
    """Refuse keys that are unknown (naming the nearest) or missing."""
    if not isinstance(raw, dict):
        raise InputError(f"{where}: expected keys such as {', '.join(allowed)}, found {raw!r}")
    for key in raw:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(f"{where}: unknown key {key!r}{hint} Known keys: {', '.join(allowed)}")
    missing = [key for key in required if raw.get(key) is None]
    if missing:
        raise InputError(f"{where}: lacks the key {missing[0]!r}; add it (needed: {', '.join(required)})")


def text(raw: Any, key: str, where: str) -> str:
    """A non-empty string."""
    if not isinstance(raw, str) or not raw:
        raise InputError(f"{where}: {key}: expected a text, found {raw!r}")
    return raw


def pattern(raw: Any, key: str, where: str) -> str:
    """A path pattern that holds {id}."""
    if "{id}" not in text(raw, key, where):
        raise InputError(f"{where}: {key}: expected a path with {{id}} in it, such as images/{{id}}.png, found {raw!r}")
    return str(raw)


def listed(raw: Any, key: str, where: str) -> list[str]:
    """A string, or a list of strings."""
    values = raw if isinstance(raw, list) else [raw]
    if not values:
        raise InputError(f"{where}: {key}: expected at least one entry, found an empty list")
    return [text(value, key, where) for value in values]


def number(raw: Any, key: str, where: str, low: float, high: float) -> float:
    """A number within [low, high]."""
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not low <= raw <= high:
        raise InputError(f"{where}: {key}: expected a number between {low} and {high}, found {raw!r}")
    return raw


def folder_name(raw: Any, where: str) -> str:
    """A name that can be a folder's: data/meta/<name> is written, and replaced."""
    if not re.fullmatch(r"[\w-][\w.-]*", text(raw, "name", where)):
        raise InputError(f"{where}: name: expected letters, digits, '-', '_' and '.', found {raw!r}")
    return str(raw)


def whole(raw: Any, key: str, where: str, low: int, high: int) -> int:
    """A whole number within [low, high]; 3.7 isn't cut to 3."""
    if isinstance(raw, bool) or not isinstance(raw, int) or not low <= raw <= high:
        raise InputError(f"{where}: {key}: expected a whole number between {low} and {high}, found {raw!r}")
    return raw


def group_pattern(raw: Any, where: str) -> str | None:
    """A regular expression with a parenthesis round what names the group, or None."""
    if raw is None:
        return None
    try:
        if re.compile(text(raw, "group", where)).groups >= 1:
            return str(raw)
    except re.error as error:
        raise InputError(f"{where}: group: {raw!r} is no regular expression ({error})") from error
    raise InputError(
        f"{where}: group: {raw!r} has no parenthesis; put one round the part of the id that names the group"
    )


def trial_defaults(raw: Any, where: str) -> dict[str, Any]:
    """Settings of a trial; their names and values are checked where trials are."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise InputError(f"{where}: trial: expected settings such as {{crop: 256}}, found {raw!r}")
    misplaced = [key for key in ("dataset", "root", "meta") if key in raw]
    if misplaced:
        raise InputError(f"{where}: trial: {misplaced[0]} is no default of a trial; take it out")
    return dict(raw)


def class_list(
    raw: Any, encoding: str, ignore_index: Any, where: str
) -> list[tuple[str, int, tuple[int, int, int] | None]]:
    """The classes in index order: (name, value in the mask, colour), without repeated names, values or colours."""
    if not isinstance(raw, list) or not raw:
        raise InputError(f"{where}: classes: expected a list such as [{{name: sky}}, {{name: road}}], found {raw!r}")
    if len(raw) > 255:
        raise InputError(f"{where}: classes: at most 255 fit a mask of one byte a pixel, found {len(raw)}")
    classes = [_one_class(one, index, where) for index, one in enumerate(raw)]
    _no_repeats([name for name, _, _ in classes], "name", where)
    if any(name == "ignore" for name, _, _ in classes):
        raise InputError(f"{where}: classes: 'ignore' is what pixels without a class are called (see ignore_index); "
                         f"choose another name")  # fmt: skip
    if encoding == "rgb":
        colorless = [name for name, _, color in classes if color is None]
        if colorless:
            raise InputError(f"{where}: classes: {colorless[0]!r} lacks a color, which mask_encoding 'rgb' needs")
        _no_repeats([color for _, _, color in classes], "color", where)
    else:
        _no_repeats([value for _, value, _ in classes], "value", where)
        clash = [name for name, value, _ in classes if value == ignore_index]
        if clash:
            raise InputError(f"{where}: class {clash[0]!r} has the value {ignore_index}, the ignore_index too; "
                             f"set ignore_index: null if no pixel is ignored")  # fmt: skip
    return classes


def _one_class(raw: Any, index: int, where: str) -> tuple[str, int, tuple[int, int, int] | None]:
    one = {"name": raw} if isinstance(raw, str) else raw
    if not isinstance(one, dict):
        raise InputError(f"{where}: classes: entry {index}: expected a name or {{name: sky}}, found {raw!r}")
    check_keys(one, ("name", "value", "color"), ("name",), f"{where}: classes: entry {index}")
    value = whole(one.get("value", index), f"classes: value of {one['name']}", where, 0, 255)
    return text(one["name"], "classes: name", where), value, _color(one.get("color"), one["name"], where)


def _color(raw: Any, name: str, where: str) -> tuple[int, int, int] | None:
    if raw is None:
        return None
    if not isinstance(raw, list) or len(raw) != 3 or not all(type(v) is int and 0 <= v <= 255 for v in raw):
        raise InputError(f"{where}: classes: color of {name!r}: expected [R, G, B] of 0..255, found {raw!r}")
    return raw[0], raw[1], raw[2]


def _no_repeats(values: Sequence[Any], what: str, where: str) -> None:
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{where}: classes: the {what} {value!r} stands there {values.count(value)} times; "
                             f"each class needs its own")  # fmt: skip
