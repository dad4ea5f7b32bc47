"""What the YAML file of a data set may hold: every key, its description, its type and what must fit together."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Required, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, InstanceOf, WithJsonSchema, model_validator
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import TypedDict

from imbseg.datasets.key_types import (
    CLOSED,
    IGNORE,
    ONE_OR_MORE,
    RANGE,
    ClassNames,
    ClassSpec,
    Imbalance,
    Lists,
    Number,
    Pattern,
    Text,
    Texts,
    all_groups,
    folder_name,
    found_root,
    group_pattern,
    no_place,
    numbered,
    or_none,
    repeated,
)
from imbseg.datasets.readers.values import RGB, Range, shown_channels, value_range
from imbseg.errors import InputError, unknown_name

MOST_CLASSES = 2**15 - 1  # int16 holds their indices

if TYPE_CHECKING:
    from imbseg.datasets.readers.layout import Layout

    Subsets: TypeAlias = Lists
    Groups: TypeAlias = Lists
else:

    class Subsets(TypedDict, total=False):
        """Id lists (one id a line), or globs such as images/train/*.png."""

        __pydantic_config__ = CLOSED
        train: Required[Annotated[Texts, Field(description="Id lists or globs of the images that are trained on.")]]
        val: Annotated[Texts, Field(description="Optional: a validation subset of its own, for `full/given`.")]
        test: Required[Annotated[Texts, Field(description="Of those that a trial is tested on, once, at its end.")]]

    class Groups(TypedDict, total=False):
        """Classes by how common they are."""

        __pydantic_config__ = CLOSED
        head: Annotated[ClassNames, Field(description="The common classes.")]
        medium: Annotated[ClassNames, Field(description="Those between.")]
        tail: Annotated[ClassNames, Field(description="The rare classes, whose mean IoU is the tail's.")]


class Dataset(BaseModel):
    """A data set as its YAML file declares it, with the root that was found."""

    model_config = CLOSED | {"frozen": True, "title": "Data set of imbseg"}

    path: SkipJsonSchema[Path]
    digest: SkipJsonSchema[str]
    name: Annotated[Text, AfterValidator(folder_name)] = Field(
        "", description="Its meta lies in data/meta/NAME; left out: the file's name without .yml."
    )
    root: Annotated[Path, BeforeValidator(found_root), WithJsonSchema(ONE_OR_MORE)] = Field(
        description="Folder of the files; of several the first that exists. Relative: to this file's folder, and for a "
        "file in the repository to the repository."
    )
    images: Pattern = Field(description="Pattern of the images, with {id}, and {subset} where they lie in its folders.")
    masks: Pattern = Field(description="Pattern of the masks, with {id}, and {subset} where they lie in its folders.")
    channels: Annotated[tuple[Text, ...] | None, BeforeValidator(or_none)] = Field(
        None,
        description="Names of the images' channels, in the order of the files; left out: red, green, blue.",
        examples=[["blue", "green", "red", "nir"]],
    )
    range: Annotated[InstanceOf[Range], BeforeValidator(value_range), WithJsonSchema(RANGE)] = Field(
        default_factory=Range,
        description="Which values become the network's 0 and 1: uint8 (0 to 255), uint16 (0 to 65535), [low, high], or "
        "percentile: [low, high] of the train images, measured by each trial.",
    )
    shown: Annotated[ClassNames | None, BeforeValidator(or_none)] = Field(
        None, description="Optional: the channels, three or one, that pictures show; left out: red, green, blue."
    )
    objects: Annotated[Pattern | None, BeforeValidator(or_none)] = Field(
        None, description="Optional pattern of instance masks: a number an object, 0 for none."
    )
    mask_encoding: Literal["index", "rgb"] = Field(
        "index", description="index: a mask holds the classes' numbers; rgb: their colours."
    )
    orientation: Literal["upright", "stored"] | None = Field(
        None,
        description="Of photographs that EXIF turns: upright, the masks were drawn on the turned pictures; stored, on "
        "the pixels as they lie in the file. Left out, such photographs are refused.",
    )
    ignore_index: Number | None = Field(
        IGNORE, description="Number, or grey, of pixels that count nowhere; null: no pixel is ignored."
    )
    subsets: Subsets = Field(
        description="Which images there are: id lists (one id a line), or globs such as images/train/*.png.",
        examples=[{"train": "train.txt", "test": "test.txt"}],
    )
    classes: Annotated[tuple[ClassSpec, ...], BeforeValidator(numbered)] = Field(
        min_length=1,
        max_length=MOST_CLASSES,
        description="The classes in the order of their index.",
        examples=[[{"name": "sky"}, {"name": "road"}]],
    )
    background: Annotated[Text | None, BeforeValidator(or_none)] = Field(
        None, description="Optional: the class that is no object."
    )
    group: Annotated[Text, AfterValidator(group_pattern)] | None = Field(
        None,
        description="Optional regular expression: its first parenthesis is the part of an id that names the patient, "
        "scene or video.",
    )
    groups: Annotated[Groups, AfterValidator(all_groups)] | None = Field(
        None, description="Optional: the classes of head, medium and tail; left out: thirds by their pixels."
    )
    imbalance: Imbalance | None = Field(None, description="Optional: makes the strategies imbalanced/... possible.")
    weak: Annotated[ClassNames | None, BeforeValidator(or_none)] = Field(
        None, description="Optional: classes that scored worst in earlier work, which copy_paste weak pastes."
    )
    trial: Annotated[dict[str, Any], BeforeValidator(no_place)] = Field(
        default_factory=dict,
        description="Optional: this data set's defaults of any setting of a trial.",
        examples=[{"crop": 256}],
    )

    @model_validator(mode="after")
    def _fit(self) -> Dataset:
        """What one key alone can't tell."""
        self._check_classes()
        self._check_channels()
        known: dict[str, Sequence[str]] = {
            "background": [self.background] if self.background else [],
            "weak": self.weak or (),
            "imbalance.classes": self.imbalance.classes if self.imbalance else (),
            **{f"groups.{group}": names for group, names in (self.groups or {}).items()},
        }
        for key, names in known.items():
            for name in names:
                if name not in self.class_names:
                    raise unknown_name(f"class in {self.path}: {key}", name, self.class_names)
        if twice := repeated([name for names in (self.groups or {}).values() for name in names]):
            raise InputError(f"groups: class {twice!r} stands in more than one place; leave it in one")
        return self

    def _check_channels(self) -> None:
        names = self.channels or RGB
        if twice := repeated(names):
            raise InputError(f"channels: the name {twice!r} stands there twice; each channel needs its own")
        for name in self.shown or ():
            if name not in names:
                raise unknown_name(f"channel in {self.path}: shown", name, names)
        if self.shown and len(self.shown) not in (1, 3):
            raise InputError(f"shown: expected three channels, or one, found {len(self.shown)}; name so many")

    def _check_classes(self) -> None:
        if "ignore" in self.class_names:
            raise InputError(
                "classes: 'ignore' is what pixels without a class are called (see ignore_index); choose another name"
            )
        unique: dict[str, Sequence[Any]] = {"name": self.class_names}
        if self.mask_encoding == "rgb":
            if colorless := [one.name for one in self.classes if one.color is None]:
                raise InputError(f"classes: {colorless[0]!r} lacks a color, which mask_encoding 'rgb' needs")
            if (self.ignore_index or 0) > IGNORE:
                raise InputError(f"ignore_index: of colours it is a grey of 0..255, found {self.ignore_index}; mend it")
            unique["color"] = [one.color for one in self.classes]
        else:
            unique["value"] = [one.value for one in self.classes]
            if clash := [one.name for one in self.classes if one.value == self.ignore_index]:
                raise InputError(
                    f"class {clash[0]!r} has the value {self.ignore_index}, the ignore_index too; "
                    f"set ignore_index: null if no pixel is ignored"
                )
        for what, values in unique.items():
            if (twice := repeated(values)) is not None:
                raise InputError(
                    f"classes: the {what} {twice!r} stands there {values.count(twice)} times; each class needs its own"
                )

    @functools.cached_property
    def layout(self) -> Layout:
        """What an image is in memory."""
        from imbseg.datasets.readers.layout import Layout  # numpy and OpenCV, which a check of the file can do without

        channels = self.channels or RGB
        return Layout(channels, self.range, shown_channels(channels, self.shown))

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(one.name for one in self.classes)

    @property
    def background_index(self) -> int | None:
        """Index of the background class, None where there is none."""
        return None if self.background is None else self.class_names.index(self.background)

    def file(self, template: str, image_id: str, subset: str) -> str:
        """A file's path relative to the root."""
        return template.replace("{id}", image_id).replace("{subset}", subset)

    def group_of(self, image_id: str) -> str:
        """The patient, scene or video that an id names; its own id where no group is declared."""
        if self.group is None:
            return image_id
        found = re.search(self.group, image_id)
        if found is None:
            raise InputError(
                f"{self.path}: group pattern {self.group!r} doesn't match the id {image_id!r}; mend 'group'"
            )
        if not found.group(1):
            raise InputError(
                f"{self.path}: the parenthesis of the group pattern {self.group!r} matches nothing of the id "
                f"{image_id!r}, so it names no group; mend 'group'"
            )
        return found.group(1)

    @property
    def root_origin(self) -> str:
        """A remark for error messages where the variable IMBSEG_ROOT gave the root; else empty."""
        given = os.environ.get("IMBSEG_ROOT")
        return " (IMBSEG_ROOT gives it, for every data set)" if given and Path(given).resolve() == self.root else ""

    def missing_root(self) -> InputError:
        """The error that says that nothing lies at the root, and where the root comes from."""
        return InputError(
            f"data set {self.name!r}: root {self.root}{self.root_origin} is missing; put the data there (sample and "
            f"voc2012: src/get_data.py), or say where it lies with --root or IMBSEG_ROOT"
        )
