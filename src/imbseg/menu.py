"""A menu: names -> where their functions live ("package.module:function"), imported when chosen.

What an entry takes is read from its source (see imbseg.declared), so that --help, the check of a search space and the
preflight know every name and every setting without importing torch or numpy. A menu that takes functions of the
user's own knows them by `module:function` (see imbseg.own).
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from pydantic.fields import FieldInfo

from imbseg import declared, own
from imbseg.errors import InputError, unknown_name

Declared = dict[str, tuple[Any, FieldInfo]]  # a setting's name -> its type, and its default with bounds and help


class Menu(dict[str, Any]):
    """Names -> places, or entries that have a `place`."""

    def __init__(
        self,
        what: str,
        entries: Mapping[str, Any],
        *,
        inputs: Mapping[str, str],
        needs: tuple[str, ...] = (),
        shared: str | None = None,
        takes_own: bool = True,
    ) -> None:
        """Say what a menu offers, and what its functions may ask for.

        Args:
            inputs: arguments that the project fills, such as columns; each with the settings that say how: the place
                of a class which declares them, the name of a setting that stands in Trial, or nothing.
            needs: of the inputs those that every function takes.
            shared: place of a class that declares what all entries but `none` take.
            takes_own: whether `module:function` is a name, too.
        """
        super().__init__(entries)
        self.what, self.inputs, self.needs, self.shared, self.takes_own = what, inputs, needs, shared, takes_own

    def arguments(self, name: str) -> tuple[declared.Argument, ...]:
        """What an entry's function takes.

        Raises:
            InputError: no such entry, file or function, an argument that nothing fills, or one that lacks.
        """
        found = _arguments(self, name)
        if wrong := self._wrong(name, found):
            raise InputError(f"{self.what} {name!r}: {wrong}")
        return found

    def _wrong(self, name: str, found: tuple[declared.Argument, ...]) -> str:
        """What is wrong with a function's arguments; empty where nothing is."""
        names = {one.name for one in found}
        if lacking := [need for need in self.needs if need not in names]:
            return f"takes no argument {lacking[0]!r}; expected a function of {', '.join(self.needs)}"
        for one in found:
            if not (one.name in self.inputs or one.calls or one.optional):
                setting = f"{one.name}: Annotated[float, Field(1.0, description=...)]"
                expected = f"expected one of {', '.join(self.inputs)}, or a setting: {setting}"
                return f"nothing fills its argument {one.name!r}; {expected}"
            if name not in self and "Field" in one.calls and one.name not in (*self.inputs, *self.declares()):
                value = f"give it its value instead: {one.name}: float = 1.0"
                return f"declares {one.name!r}, which is no setting of a trial; {value}"
        return ""

    def settings(self, name: str) -> dict[str, Any]:
        """The settings that an entry takes, each with the default that it declares."""
        found: dict[str, Any] = {}
        for one in self.arguments(name):
            brought = self.inputs.get(one.name, "")
            if one.name in self.inputs and ":" not in brought:
                found |= {brought: one.calls.get("Field", {}).get("default")} if brought else {}
            else:
                found |= {key: field.default for key, (_, field) in self._of(name, one).items()}
        shared = fields(self.shared) if self.shared and name != "none" else {}
        return found | {key: field.default for key, (_, field) in shared.items()}

    def declares(self) -> Declared:
        """Every setting that an entry declares, in the order of the menu.

        Raises:
            InputError: two entries declare the same name in different words; only the default may differ.
        """
        found: Declared = {}
        words: dict[str, Any] = {}
        for name in self:
            for one in self.arguments(name):
                if words.setdefault(one.name, one.words()) != one.words() and one.name not in self.inputs:
                    other = f"declares {one.name!r} otherwise than another entry"
                    raise InputError(f"{self.what} {name!r}: {other}; name both by one alias")
                found |= {key: field for key, field in self._of(name, one).items() if key not in found}
        return found | (fields(self.shared) if self.shared else {})

    def _of(self, name: str, argument: declared.Argument) -> Declared:
        """What an argument declares: itself, or what the input of its name brings."""
        if argument.name in self.inputs:
            brought = self.inputs[argument.name]
            return fields(brought) if ":" in brought else {}
        field = argument.field(f"{self.what} {name!r}")
        return {argument.name: field} if field else {}

    def call(self, name: str, given: Mapping[str, Any], **more: Any) -> Any:
        """Call an entry's function with what it names of `given`, and with `more`."""
        wanted = [one.name for one in self.arguments(name) if one.name in given and one.name not in more]
        return choose(self, name, self.what)(**{key: given[key] for key in wanted}, **more)


def check(menu: Mapping[str, Any], name: str, what: str) -> str:
    """Return `name`, or raise InputError that lists the menu."""
    if name in menu:
        return name
    if ":" in name and isinstance(menu, Menu) and menu.takes_own:
        menu.arguments(name)
        return name
    raise unknown_name(what, name, menu)


def choose(menu: Mapping[str, Any], name: str, what: str) -> Callable[..., Any]:
    """The function that stands behind a name of a menu.

    Raises:
        InputError: the menu has no such name; the message lists it.
    """
    if name not in menu and ":" in name:
        return own.function(check(menu, name, what))
    module, function = place(menu[check(menu, name, what)]).split(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def arguments(menu: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The argument names of a menu's function, read from its source: nothing heavy is imported.

    >>> arguments({"check": "imbseg.menu:check"}, "check")
    ('menu', 'name', 'what')
    """
    return tuple(one.name for one in _arguments(menu, name))


def place(entry: Any) -> str:
    """Where an entry's function lives."""
    return str(getattr(entry, "place", entry))


def fields(where: str) -> Declared:
    """What a class declares: `package.module:Class` -> its settings."""
    module, name = where.split(":")
    found = {one.name: one.field(where) for one in declared.arguments(declared.source_of(module), name)}
    return {name: field for name, field in found.items() if field}


def _arguments(menu: Mapping[str, Any], name: str) -> tuple[declared.Argument, ...]:
    if name in menu:
        module, function = place(menu[name]).split(":")
        return declared.arguments(declared.source_of(module), function)
    file, function = own.locate(name)
    return declared.arguments(file, function, own.source_of)
