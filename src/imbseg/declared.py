"""What a function takes, read from its source: names, types, defaults, bounds and help, and nothing is imported for it.

A setting is declared in the signature of the function that takes it, as pydantic has it:

    def focal(logits, target, *, gamma: Annotated[float, Field(2.0, ge=0, description="focusing exponent")]): ...

Functions that share one name it by an alias of their module, `Gamma = Annotated[float, Field(...)]`, which others
import; `Annotated[Gamma, Field(3.0)]` is the same with another default. What stands in Field(...) must be literal.
"""

import ast
import dataclasses
import functools
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo

from imbseg.errors import InputError, first_line

TYPES = {"float": float, "int": int, "str": str, "bool": bool, "Literal": Literal}
INSIDE = {"Annotated": Annotated, "Field": Field}  # may stand in a type, too
Node = tuple[ast.expr, Path]  # a piece of source, and the file it stands in
Find = Callable[[str], Path]


@dataclasses.dataclass(frozen=True)
class Argument:
    """An argument of a function, or a field of a class.

    Attributes:
        type: source of the annotation's type; empty where it isn't Annotated.
        calls: the other parts of Annotated by name, with the keywords of all that have that name merged.
    """

    name: str
    type: str = ""
    calls: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    optional: bool = False

    def words(self) -> Any:
        """All that the declaration says but its default, which may differ between functions."""
        field = {key: value for key, value in self.calls.get("Field", {}).items() if key != "default"}
        return self.type, {**self.calls, "Field": field}

    def field(self, where: str) -> tuple[Any, FieldInfo] | None:
        """(type, default with bounds and help) of a setting; None where it declares none.

        Raises:
            InputError: the type is none of a setting's, or Field doesn't take what it is given.
        """
        if "Field" not in self.calls:
            return None
        if "default" not in self.calls["Field"]:
            raise InputError(f"{where}: {self.name}: has no default; write Field(DEFAULT, ...)")
        try:
            kind = eval(self.type, {"__builtins__": {}}, TYPES | INSIDE)
            gap = self.calls.get("Gap", {}).get("default")
            return Annotated[kind, AfterValidator(Gap(*gap).check)] if gap else kind, Field(**self.calls["Field"])
        except (NameError, TypeError, SyntaxError, AttributeError) as error:
            raise InputError(
                f"{where}: {self.name}: expected Annotated[TYPE, Field(DEFAULT, description=...)] with a type of "
                f"{', '.join(TYPES)}, found {self.type!r} ({first_line(error)})"
            ) from error


class Gap(NamedTuple):
    """Numbers between two bounds, these left out, are refused: Gap(0, 1, "why"), behind Field."""

    low: float
    high: float
    why: str

    def check(self, value: float) -> float:
        """Return the value.

        Raises:
            InputError: it lies in the gap.
        """
        if self.low < value < self.high:
            raise InputError(f"expected {self.low:g} or a number >= {self.high:g}, found {value:g}; {self.why}")
        return value


@functools.cache
def source_of(module: str) -> Path:
    """The file of a module of this package; of no other, since finding torch.nn would import torch.

    Raises:
        InputError: there is none.
    """
    try:
        spec = find_spec(module) if module.split(".")[0] == __package__ else None
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise InputError(f"{module}: {__package__} has no such module")
    return Path(spec.origin)


def arguments(file: Path, function: str, find: Find = source_of) -> tuple[Argument, ...]:
    """The arguments of a function, or the fields of a class, in their order.

    Args:
        find: module -> file, for aliases that another module declares.

    Raises:
        InputError: it can't be read, or has no such function.
    """
    return _arguments(file, file.stat().st_mtime_ns, function, find)


@functools.cache  # the checks of an experiment ask for each of 1,500 settings
def _arguments(file: Path, _: int, function: str, find: Find) -> tuple[Argument, ...]:
    for node in _tree(file, _).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return tuple(_argument(*one, file, find) for one in _given(node.args))
        if isinstance(node, ast.ClassDef) and node.name == function:
            fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
            return tuple(_argument(ast.unparse(one.target), one.annotation, False, file, find) for one in fields)
    raise InputError(f"{file}: has no function {function!r} at its top level")


def _given(args: ast.arguments) -> list[tuple[str, ast.expr | None, bool]]:
    """(name, annotation, whether it has a default) of each argument."""
    placed = [*args.posonlyargs, *args.args]
    has_default = [False] * (len(placed) - len(args.defaults)) + [True] * len(args.defaults)
    has_default += [value is not None for value in args.kw_defaults]
    given = zip([*placed, *args.kwonlyargs], has_default, strict=True)
    return [(one.arg, one.annotation, has) for one, has in given]


@functools.cache
def _tree(file: Path, _: int) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file}: can't be read as Python ({first_line(error)})") from error


def _argument(name: str, annotation: ast.expr | None, optional: bool, file: Path, find: Find) -> Argument:
    kind, calls = _annotated(annotation, file, find) if annotation else (None, [])
    merged: dict[str, dict[str, Any]] = {}
    for call in calls:
        word = _word(call)
        merged[word] = merged.get(word, {}) | _literals(call, f"{file}: {name}")
    return Argument(name, ast.unparse(kind) if kind else "", merged, optional)


def _word(call: ast.Call) -> str:
    """The last part of what is called: Field of pydantic.Field(...)."""
    return ast.unparse(call.func).rpartition(".")[2]


def _literals(call: ast.Call, where: str) -> dict[str, Any]:
    """The keywords of a call; positional arguments are the default: one of Field, a tuple of any other."""
    try:
        found = {one.arg or "": ast.literal_eval(one.value) for one in call.keywords}
        given = [ast.literal_eval(one) for one in call.args]
    except ValueError as error:
        raise InputError(f"{where}: expected literal values in {ast.unparse(call)}; write numbers and texts") from error
    return found | ({"default": given[0] if _word(call) == "Field" else tuple(given)} if given else {})


def _annotated(node: ast.expr, file: Path, find: Find) -> tuple[ast.expr | None, list[ast.Call]]:
    """The type and the other parts of Annotated[...], aliases followed; (None, []) of any other annotation."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    if isinstance(node, ast.Name):
        alias = _definition(node.id, file, find)
        return _annotated(*alias, find) if alias else (None, [])
    if not isinstance(node, ast.Subscript) or ast.unparse(node.value).rpartition(".")[2] != "Annotated":
        return None, []
    if not isinstance(node.slice, ast.Tuple):
        return None, []
    first, *rest = node.slice.elts
    kind, calls = _annotated(first, file, find)
    return kind or first, [*calls, *(one for one in rest if isinstance(one, ast.Call))]


def _definition(name: str, file: Path, find: Find) -> Node | None:
    """What an alias of a module stands for, and where; None where the module doesn't say."""
    for node in _tree(file, file.stat().st_mtime_ns).body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value and any(isinstance(one, ast.Name) and one.id == name for one in targets):
                return node.value, file
        if isinstance(node, ast.ImportFrom):
            for one in node.names:
                if (one.asname or one.name) == name:
                    other = _imported(node, file, find)
                    return _definition(one.name, other, find) if other else None
    return None


def _imported(node: ast.ImportFrom, file: Path, find: Find) -> Path | None:
    if node.level:
        base = file.parents[node.level - 1].joinpath(*(node.module or "__init__").split("."))
        return base.with_suffix(".py") if base.with_suffix(".py").is_file() else None
    try:
        return find(node.module or "")
    except InputError:  # a C module, say: it declares no setting
        return None
