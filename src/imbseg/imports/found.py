"""What a reader finds in a folder: images with their shapes, not drawn yet."""

import dataclasses
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from imbseg.datasets.search import PICTURES, as_text
from imbseg.datasets.spec import IGNORE

Size = tuple[int, int]  # height, width
Kind = Literal["polygon", "ellipse", "line", "points", "bitmap", "runs", "file"]
BACKGROUND, IGNORED = "background", "ignore"  # what no shape covers; a label whose pixels count nowhere
DEEP = 2**16 - 1  # an ignored pixel of a mask of 16 bits
Orientation = Literal["upright", "stored"]
SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclasses.dataclass(frozen=True)
class Choices:
    """What a user chooses; each is a flag of import_labels.py, which describes it."""

    classes: tuple[str, ...] = ()
    rename: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unlabelled: Literal["background", "ignore"] = "background"
    empty: Literal["background", "leave_out"] | None = None
    on_top: Literal["later", "smaller"] | None = None
    crowd: Literal["ignore", "class"] = "ignore"
    line_width: float | None = None
    boxes: bool = False
    threshold: int | None = None
    images: str = "images"
    orientation: Orientation | None = None
    skip_missing: bool = False
    test: float = 0.2
    val: float = 0.0
    group: str | None = None
    seed: int = 1
    link: bool = False
    replace: bool = False


@dataclasses.dataclass(frozen=True)
class Shape:
    """One annotation.

    Attributes:
        label: as the file has it.
        kind: how `content` is to be read (see imbseg.imports.shapes).
        where: file and place, for messages.
        group: shapes of one label and one group are one object; None: it is one by itself.
        depth: a shape of higher depth lies above, whatever the order.
        crowd: whether it outlines many objects at once (COCO's iscrowd).
    """

    label: str
    kind: Kind
    content: Any
    where: str
    group: Hashable = None
    depth: int = 0
    crowd: bool = False


@dataclasses.dataclass(frozen=True)
class Annotated:
    """An image with its shapes, those above last.

    Attributes:
        id: path below the folder without ending; a blank is "_", since id lists end an id at one.
        image: its file, or its content where the annotation holds it.
        ending: of the file, such as ".jpg".
        size: as the annotation says, if it does.
        subset: train, val or test where folder or file says so, else "".
        listed: whether an annotation names it; else it merely lies there.
    """

    id: str
    image: Path | bytes
    ending: str
    shapes: tuple[Shape, ...]
    where: str
    size: Size | None = None
    subset: str = ""
    listed: bool = True

    @property
    def name(self) -> str:
        """What a message calls it."""
        return f"inside {self.where}" if isinstance(self.image, bytes) else str(self.image)


@dataclasses.dataclass(frozen=True)
class Found:
    """Everything that was found.

    Attributes:
        classes: in the order in which the tool has them; empty: it has none.
        problems: what makes the import impossible, a sentence each.
        missing: images that aren't there, a sentence each.
        said: what a person should know.
        orientation: on what the tool has its users draw where EXIF turns a photograph; None: unknown.
        on_top: which shape wins where two overlap: the later one, or the smaller one.
        instances: whether shapes are objects.
    """

    images: list[Annotated]
    classes: list[str]
    problems: list[str]
    missing: list[str]
    said: list[str]
    orientation: Orientation | None
    on_top: Literal["later", "smaller"]
    instances: bool = True


def image_id(path: Path | str) -> str:
    """The id of an image or annotation file below the folder.

    >>> image_id("a day/IMG 1.JPG")
    'a_day/IMG_1'
    """
    return "_".join(Path(path).with_suffix("").as_posix().split())


def subset_of(name: str) -> str:
    """The subset that a folder or file is named after; empty where it is none.

    >>> subset_of("Validation"), subset_of("instances_train2017"), subset_of("contest")
    ('val', 'train', '')
    """
    words = "".join(sign if sign.isalpha() else " " for sign in name.lower()).split()
    return next((SUBSETS[word] for word in words if word in SUBSETS), "")


def place_of(path: Path, root: Path) -> Path:
    """Where a file lies below a folder; of one that lies elsewhere its path without what leads out of the folder.

    >>> [place_of(Path(one), Path("set")).as_posix() for one in ("set/a/../b/1.jpg", "set/../../c/1.jpg")]
    ['b/1.jpg', 'c/1.jpg']
    """
    below = os.path.relpath(path, root)  # by the words alone: a link below the folder lies in it
    return Path(*[part for part in Path(below).parts if part != ".."])


def files_below(folder: Path, endings: Sequence[str]) -> list[Path]:
    """Every file of some endings below a folder; hidden ones aside, such as macOS's ._a.json."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in endings and path.is_file())
    seen = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return [folder / as_text(str(path.relative_to(folder))) for path in seen]


def pictures(folder: Path) -> list[Path]:
    """Every picture below a folder."""
    return files_below(folder, PICTURES)


def unlisted(folder: Path, listed: set[Path]) -> list[Annotated]:
    """Pictures that no annotation names."""
    rest = [path for path in pictures(folder) if path.resolve() not in listed]
    return [
        Annotated(
            image_id(path.relative_to(folder)),
            path,
            path.suffix,
            (),
            str(path),
            subset=first_subset(path.relative_to(folder)),
            listed=False,
        )
        for path in rest
    ]


def first_subset(path: Path) -> str:
    """The subset that one of the folders of a path is named after."""
    return next((SUBSETS[part.lower()] for part in path.parts[:-1] if part.lower() in SUBSETS), "")


def ignored_number(classes: int) -> int:
    """What a mask of so many classes holds at an ignored pixel: 255, or where they take 16 bits 65535.

    >>> ignored_number(255), ignored_number(256)
    (255, 65535)
    """
    return IGNORE if classes <= IGNORE else DEEP
