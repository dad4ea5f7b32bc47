"""CVAT's XML, as its export "CVAT for images 1.1" writes it."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np

from imbseg.datasets.picture import MOST_PIXELS
from imbseg.errors import InputError, first_line
from imbseg.imports.found import (
    Annotated,
    Choices,
    Found,
    Kind,
    Shape,
    files_below,
    first_subset,
    image_id,
    place_of,
    subset_of,
    unlisted,
)
from imbseg.imports.shapes import FAR, corners, packed, points_of

SHAPES = ("polygon", "box", "ellipse", "mask", "polyline", "points")
EXPORT = "export the task as 'CVAT for images 1.1'"


def read(folder: Path, choices: Choices) -> Found:
    """Read the XML files of a folder, or one file; `z_order` says who lies above, then the order in the file.

    Raises:
        InputError: there is none, it is no XML, or it is of a video.
    """
    files = [folder] if folder.is_file() else files_below(folder, (".xml",))
    root = folder.parent if folder.is_file() else folder
    if not files:
        raise InputError(f"{folder}: expected CVAT's annotations.xml, found none; unpack the export there")
    found = Found([], [], [], [], [], "upright", "later")  # CVAT turns a photograph when it is uploaded
    for file in files:
        try:
            tree = ElementTree.parse(file).getroot()
        except ElementTree.ParseError as error:
            raise InputError(f"{file}: broken XML ({first_line(error)}); {EXPORT} again") from error
        if tree.tag != "annotations" or tree.find("track") is not None:
            what = "tracks of a video" if tree.tag == "annotations" else f"<{tree.tag}>"
            raise InputError(f"{file}: expected <annotations> with images, found {what}; {EXPORT}")
        names = [(label.findtext("name") or "").strip() for label in tree.findall("./meta//labels/label")]
        found.classes.extend(name for name in names if name and name not in found.classes)
        for image in tree.findall("image"):
            _take(root, file, image, found)
    taken = {one.image.resolve() for one in found.images if isinstance(one.image, Path)}
    found.images.extend(unlisted(root, taken))
    return found


def _take(root: Path, file: Path, image: ElementTree.Element, found: Found) -> None:
    name, given = image.get("name", ""), image.get("subset", "")
    near = [root, root / "images", root / "images" / given, file.parent, file.parent / "images"]
    path = next((one / name for one in near if name and (one / name).is_file()), None)
    if path is None:
        found.missing.append(f"{file}: its image {name!r} is missing below {root}; export it with 'save images'")
        return
    shapes = []
    for number, element in enumerate(one for one in image if one.tag != "tag"):
        try:
            shapes.append(_shape(element, f"{file}: {element.tag} {number + 1} of {name}"))
        except InputError as error:
            found.problems.append(str(error))
    shapes.sort(key=lambda one: one.depth)
    place = place_of(path, root)
    subset = subset_of(given) or first_subset(place)
    try:
        size = int(image.get("height", "")), int(image.get("width", ""))
    except ValueError:
        found.problems.append(f"{file}: image {name} lacks width or height; {EXPORT} again")
        return
    found.images.append(Annotated(image_id(place), path, path.suffix, tuple(shapes), str(file), size, subset))


def _shape(element: ElementTree.Element, where: str) -> Shape:
    if element.tag not in SHAPES:
        raise InputError(f"{where}: <{element.tag}> has no area that is known here; draw a polygon or a mask instead")
    given = element.attrib
    try:
        kind, content = _content(element.tag, given, where)
        depth, group = int(given.get("z_order", 0)), int(given.get("group_id", 0))
    except (KeyError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: {first_line(error)} is missing or no number; {EXPORT} again") from error
    return Shape(given.get("label", "").strip(), kind, content, where, group or None, depth)


def _content(tag: str, given: Mapping[str, str], where: str) -> tuple[Kind, Any]:
    """A shape's kind and content, as imbseg.imports.shapes draws them."""
    turned = float(given.get("rotation", 0))
    if not abs(turned) < math.inf:
        raise InputError(f"{where}: expected a rotation in degrees, found {turned}; {EXPORT} again")
    if tag == "box":
        (left, top), (right, bottom) = points_of(
            [(float(given[f"x{end}"]), float(given[f"y{end}"])) for end in ("tl", "br")], 2, where
        )
        return "polygon", [corners(left, top, right, bottom, turned)]
    if tag == "ellipse":
        (x, y), (wide, high) = points_of(
            [(float(given["cx"]), float(given["cy"])), (float(given["rx"]), float(given["ry"]))], 2, where
        )
        return "ellipse", (x, y, wide, high, turned)
    if tag == "mask":
        return "bitmap", _bitmap(given, where)
    least = {"polygon": 3, "polyline": 2, "points": 1}[tag]
    points = points_of([one.split(",") for one in given["points"].split(";")], least, where)
    if tag == "polygon":
        return "polygon", [points]
    return ("line" if tag == "polyline" else "points"), points


def _bitmap(given: Mapping[str, str], where: str) -> tuple[int, int, Any]:
    """Left, top and pixels of a mask: run lengths along its rows, the first of them outside."""
    left, top, width, height = (int(given[name]) for name in ("left", "top", "width", "height"))
    counts = [int(one) for one in given["rle"].split(",")]
    if max(abs(one) for one in (left, top, width, height)) > FAR or width * height > MOST_PIXELS:
        raise InputError(f"{where}: expected a mask in the image, found {width} x {height} pixels at {left}, {top}")
    if min(counts) < 0 or sum(counts) != width * height or width < 1:
        raise InputError(f"{where}: run lengths of {sum(counts)} pixels, expected {width} x {height}; {EXPORT} again")
    inside = np.arange(len(counts)) % 2 == 1
    return left, top, packed(np.repeat(inside, counts).reshape(height, width))
