"""Types of the keys in a data set's YAML file: what each takes, and what it says where it doesn't."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from imbseg.errors import InputError

GROUPS = ("head", "medium", "tail")
CLOSED = ConfigDict(extra="forbid")
IGNORE = 255  # the value that an ignored pixel has in every mask of at most 255 classes
Lists = dict[str, tuple[str, ...]]


def _path_pattern(raw: str) -> str:
    if "{id}" not in raw:
        raise InputError(f"expected a path with {{id}} in it, such as images/{{id}}.png, found {raw!r}")
    return raw


def folder_name(raw: str) -> str:
    """A name that a folder can have."""
    if not re.fullmatch(r"[\w-][\w.-]*", raw):  # data/meta/<name> is written, and replaced
        raise InputError(f"expected letters, digits, '-', '_' and '.', found {raw!r}")
    return raw


def group_pattern(raw: str) -> str:
    """A regular expression with a parenthesis."""
    try:
        if re.compile(raw).groups >= 1:
            return raw
    except re.error as error:
        raise InputError(f"{raw!r} is no regular expression ({error})") from error
    raise InputError(f"{raw!r} has no parenthesis; put one round the part of the id that names the group")


def _listed(raw: Any) -> Any:
    return raw if isinstance(raw, list | tuple) else (raw,)


def or_none(raw: Any) -> Any:
    """A key that is there without a value says as much as one that isn't."""
    return raw or None


def _empty_as_none(raw: Any) -> Any:
    return () if raw is None else raw


def numbered(raw: Any) -> Any:
    """Classes with what is left out: a name alone is a class, and its value is its place in the list."""
    if not isinstance(raw, list | tuple):
        return raw
    named = [{"name": one} if isinstance(one, str) else one for one in raw]
    return [{"value": index} | one if isinstance(one, dict) else one for index, one in enumerate(named)]


def found_root(raw: Any, info: ValidationInfo) -> Path:
    """What load says: the place that was found. In a file: one path, or several."""
    if info.context is None:
        return Path(raw)
    find: Callable[[Sequence[str]], Path] = info.context
    if not (paths := _listed(raw)):
        raise InputError("expected at least one entry, found an empty list")
    if wrong := [one for one in paths if not isinstance(one, str) or not one]:
        raise InputError(f"expected a text, found {wrong[0]!r}")
    return find(paths)


def all_groups(groups: Lists) -> Lists:
    """Head, medium and tail, also where one isn't there."""
    return {name: groups.get(name, ()) for name in GROUPS}


def no_place(raw: Any) -> Any:
    """Settings without those that say where the data lies; they are checked where trials are."""
    if isinstance(raw, dict) and (misplaced := [key for key in ("dataset", "root", "meta") if key in raw]):
        raise InputError(f"{misplaced[0]} is no default of a trial; take it out")
    return {} if raw is None else raw


Text = Annotated[str, Strict(), Field(min_length=1)]
Byte = Annotated[int, Strict(), Field(ge=0, le=255)]
Number = Annotated[int, Strict(), Field(ge=0, le=65535)]
Pattern = Annotated[Text, AfterValidator(_path_pattern)]
ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
Texts = Annotated[tuple[Text, ...], Field(min_length=1), BeforeValidator(_listed), WithJsonSchema(ONE_OR_MORE)]
NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
ClassNames = Annotated[
    tuple[Text, ...], BeforeValidator(_listed), BeforeValidator(_empty_as_none), WithJsonSchema(NAMES)
]
RGB = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}, "minItems": 3, "maxItems": 3}
Color = Annotated[tuple[Byte, Byte, Byte], WithJsonSchema(RGB)]
PAIR = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
OF_SHARES = {
    "type": "object",
    "properties": {"percentile": PAIR},
    "required": ["percentile"],
    "additionalProperties": False,
}
RANGE = {"anyOf": [{"enum": ["uint8", "uint16"]}, PAIR, OF_SHARES]}


class ClassSpec(BaseModel):
    """One class."""

    model_config = CLOSED | {"frozen": True, "json_schema_extra": {"examples": [{"name": "sky"}]}}

    name: Text = Field(description="What it is called in every table and figure.")
    value: Number = Field(
        0, description="Its number in the masks (mask_encoding index); default: its place in the list."
    )
    color: Color | None = Field(
        None, description="[R, G, B], each 0 to 255: in the masks (mask_encoding rgb), and in pictures."
    )


class Imbalance(BaseModel):
    """A deliberate imbalance: of the train images that show one of `classes`, `ratio` is kept."""

    model_config = CLOSED | {"frozen": True}

    classes: ClassNames = Field(description="The classes whose images are cut.")
    ratio: Annotated[float, Strict()] = Field(ge=0, le=1, description="Share of their images that is kept, 0 to 1.")
    seed: Annotated[int, Strict()] = Field(1, ge=0, le=2**31, description="Decides which images are kept.")

    @field_validator("classes")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or repeated(names):
            raise InputError(
                f"expected one class or more, each once, found {list(names)!r}; mend it, or take 'imbalance' out"
            )
        return names


def repeated(values: Sequence[Any]) -> Any:
    """The first value that stands there more than once; None where each stands once.

    >>> repeated(["sky", "road", "sky"])
    'sky'
    """
    return next((value for value in values if values.count(value) > 1), None)
