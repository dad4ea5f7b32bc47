"""labelme's JSON files: one beside each photograph, or with the photograph inside."""

import base64
import binascii
import io
import json
import math
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
from PIL import Image

from imbseg.datasets.picture import MOST_PIXELS
from imbseg.datasets.search import PICTURES
from imbseg.errors import InputError, amount
from imbseg.imports.found import (
    BACKGROUND,
    IGNORED,
    Annotated,
    Choices,
    Found,
    Kind,
    Shape,
    Size,
    files_below,
    first_subset,
    image_id,
    unlisted,
)
from imbseg.imports.shapes import Point, corners, packed, points_of

LEAST = {
    "polygon": 3,
    "rectangle": 2,
    "oriented_rectangle": 4,
    "circle": 2,
    "line": 2,
    "linestrip": 2,
    "point": 1,
    "points": 1,
    "mask": 2,
}  # points of a shape_type, at least
LABELS = {"_background_": BACKGROUND, "__ignore__": IGNORED}  # as labelme's own exporters read them


def read(folder: Path, choices: Choices) -> Found:
    """Read every labelme file below a folder; labelme draws later shapes over earlier ones, and so does this.

    Raises:
        InputError: there is none.
    """
    found = Found([], [], [], [], [], "upright", "later")  # labelme turns a photograph before it shows it
    other = 0
    for file in files_below(folder, (".json",)):
        try:
            content = json.loads(file.read_bytes())
        except (ValueError, RecursionError) as error:
            found.problems.append(f"{file}: expected JSON, found {error}; label the image again, or move the file away")
            continue
        if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
            other += 1
            continue
        _take(folder, file, content, found)
    if not found.images and not found.problems and not found.missing:
        raise InputError(f"{folder}: expected labelme's .json files, found none; name the folder that holds them")
    if other:
        found.said.append(f"{amount(other, '.json file')} left out that {'is' if other == 1 else 'are'} not of labelme")
    taken = {one.image.resolve() for one in found.images if isinstance(one.image, Path)}
    found.images.extend(unlisted(folder, taken))
    return found


def _take(folder: Path, file: Path, content: dict[str, Any], found: Found) -> None:
    place = file.relative_to(folder)
    try:
        image, ending = _image(file, content)
    except InputError as error:
        found.missing.append(str(error))
        return
    shapes = []
    for number, raw in enumerate(content["shapes"], 1):
        try:
            shapes.append(_shape(raw, f"{file}: shape {number}"))
        except InputError as error:
            found.problems.append(str(error))
    size = _size(content)
    found.images.append(Annotated(image_id(place), image, ending, tuple(shapes), str(file), size, first_subset(place)))


def _size(content: dict[str, Any]) -> Size | None:
    height, width = content.get("imageHeight"), content.get("imageWidth")
    return (height, width) if isinstance(height, int) and isinstance(width, int) else None


def _image(file: Path, content: dict[str, Any]) -> tuple[Path | bytes, str]:
    """The photograph where the file says, else beside it, else inside."""
    named = str(content.get("imagePath") or "")
    posix = PureWindowsPath(named).as_posix()  # written on Windows, it has backslashes
    tried = [file.parent / posix, file.parent / PurePosixPath(posix).name] if named else []
    tried += [file.with_suffix(way(ending)) for ending in PICTURES for way in (str.lower, str.upper)]
    if there := next((one for one in tried if one.is_file()), None):
        return there, there.suffix
    if data := content.get("imageData"):
        try:
            image = base64.b64decode(data, validate=True)
            with Image.open(io.BytesIO(image)) as picture:
                kind = picture.format or ""
        except (OSError, TypeError, ValueError, binascii.Error) as error:
            raise InputError(f"{file}: its imageData is broken, and no image {named!r} lies beside it") from error
        return image, ".jpg" if kind == "JPEG" else f".{kind.lower()}"
    raise InputError(f"{file}: its image {named!r} is missing, and the file doesn't hold it")


def _shape(raw: Any, where: str) -> Shape:
    if not isinstance(raw, dict) or not isinstance(raw.get("label"), str) or not isinstance(raw.get("points"), list):
        raise InputError(f"{where}: expected an object with label and points; label it again")
    kind = raw.get("shape_type") or "polygon"  # older files have none
    if kind not in LEAST:
        raise InputError(f"{where}: shape_type {kind!r} has no area that is known here; draw a polygon instead")
    points = points_of(raw["points"], LEAST[kind], f"{where} ({kind})")
    label, group = str(raw["label"]), raw.get("group_id")
    drawn, content = _content(kind, points, raw, where)
    return Shape(LABELS.get(label, label), drawn, content, where, group if isinstance(group, int) else None)


def _content(kind: str, points: list[Point], raw: dict[str, Any], where: str) -> tuple[Kind, Any]:
    """A shape's kind and content, as imbseg.imports.shapes draws them."""
    (x, y), (u, v) = points[0], points[min(1, len(points) - 1)]
    if kind in ("line", "linestrip", "point", "points"):
        return ("points" if kind in ("point", "points") else "line"), points
    if kind == "circle":  # its centre, and a point on its edge
        radius = math.hypot(u - x, v - y)
        return "ellipse", (x, y, radius, radius)
    if kind == "mask":
        return "bitmap", _bitmap(raw.get("mask"), (round(x), round(y)), (round(u), round(v)), where)
    if kind == "rectangle" and len(points) == 2:
        return "polygon", [corners(x, y, u, v)]
    return "polygon", [points]


def _bitmap(data: Any, first: tuple[int, int], last: tuple[int, int], where: str) -> tuple[int, int, Any]:
    """Left, top and pixels of a mask, a PNG in letters; labelme names its first and its last pixel."""
    width, height = last[0] - first[0] + 1, last[1] - first[1] + 1
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=True))) as picture:
            wide, high = picture.size
            bands = len(picture.getbands())
            fits = bands == 1 and abs(wide - width) <= 1 and abs(high - height) <= 1 and wide * high <= MOST_PIXELS
            pixels = np.asarray(picture) > 0 if fits else None
    except (OSError, TypeError, ValueError, SyntaxError) as error:
        raise InputError(f"{where} (mask): its pixels can't be decoded; label it again") from error
    if pixels is None:
        found = f"{wide} x {high}" + (f" of {bands} channels" if bands > 1 else "")
        raise InputError(f"{where} (mask): expected {width} x {height} pixels, found {found}; label it again")
    return first[0], first[1], packed(pixels)
