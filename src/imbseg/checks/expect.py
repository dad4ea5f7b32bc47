"""What the checks share: a failed one, and a function filled with what its menu offers."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from imbseg.errors import InputError
from imbseg.menu import Menu, choose

Named = str | Callable[..., Any]  # a name of a menu, module:function, or the function itself


class CheckFailed(InputError):
    """A function doesn't keep what its kind must keep; the message says what was expected and found."""


def run(checks: Iterable[Callable[..., None]], *given: Any) -> None:
    """Run checks one by one.

    Raises:
        CheckFailed: one fails; its name stands before the message.
    """
    for check in checks:
        try:
            check(*given)
        except CheckFailed as error:
            raise CheckFailed(f"{check.__name__.replace('_', ' ')}: {error}") from error


def expect(kept: bool, what: str, found: Any) -> None:
    """Raise CheckFailed where something isn't kept."""
    if not kept:
        raise CheckFailed(f"expected {what}, found {found}")


def filled(menu: Menu, what: Named, settings: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """A function of the inputs of its menu; its settings have their defaults, or those given."""
    function = choose(menu, what, menu.what) if isinstance(what, str) else what
    given = {**defaults(menu), **settings}
    return lambda inputs: function(**wanted(function, {**given, **inputs}))


def wanted(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a function names of what there is."""
    return {name: given[name] for name in inspect.signature(function).parameters if name in given}


def defaults(menu: Menu) -> dict[str, Any]:
    """The settings that a menu's entries declare, by default."""
    return {name: field.default for name, (_, field) in menu.declares().items()}
