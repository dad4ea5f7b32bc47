"""A menu is a dict from a name to where its function lives ("package.module:function"), imported when chosen."""

from __future__ import annotations

import ast
import functools
import importlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from imbseg.errors import unknown_name


def check(menu: Mapping[str, str], name: str, what: str) -> str:
    """Return `name`, or raise InputError that lists the menu."""
    if name not in menu:
        raise unknown_name(what, name, menu)
    return name


def choose(menu: Mapping[str, str], name: str, what: str) -> Callable[..., Any]:
    """The function that stands behind a name of a menu.

    Raises:
        InputError: the menu has no such name; the message lists it.
    """
    module, function = menu[check(menu, name, what)].split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def arguments(menu: Mapping[str, str], name: str) -> tuple[str, ...]:
    """The argument names of a menu's function, read from its source: nothing heavy is imported.

    >>> arguments({"check": "imbseg.menu:check"}, "check")
    ('menu', 'name', 'what')
    """
    return _parameters(menu[name])


@functools.cache  # the checks of an experiment ask for each of 1,500 settings; a source doesn't change meanwhile
def _parameters(place: str) -> tuple[str, ...]:
    module, function = place.split(":")
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise AssertionError(f"{place}: no such module")
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return tuple(argument.arg for argument in [*node.args.args, *node.args.kwonlyargs])
    raise AssertionError(f"{place}: no such function")
