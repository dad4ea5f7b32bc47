"""COCO's JSON: categories, images, annotations with polygons or run lengths."""

from collections import defaultdict
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from imbseg.errors import InputError, amount
from imbseg.files import read_json
from imbseg.imports.found import (
    Annotated,
    Choices,
    Found,
    Shape,
    files_below,
    first_subset,
    image_id,
    pictures,
    place_of,
    subset_of,
    unlisted,
)
from imbseg.imports.shapes import corners, points_of

PARTS = ("images", "annotations", "categories")
OTHER = ("captions_", "person_keypoints_", "panoptic_", "image_info_")  # other tasks' files of COCO itself


def read(folder: Path, choices: Choices) -> Found:
    """Read the COCO files of a folder, or one file.

    COCO has no order: of two that overlap the smaller one lies above.

    Raises:
        InputError: there is none, or it isn't made as COCO's are.
    """
    files = [folder] if folder.is_file() else files_below(folder, (".json",))
    root = folder.parent if folder.is_file() else folder
    contents = {file: read_json(file) for file in files if not file.name.startswith(OTHER)}
    whole = {file: one for file, one in contents.items() if isinstance(one, dict) and all(key in one for key in PARTS)}
    if not whole:
        raise InputError(f"{folder}: expected a .json file with {', '.join(PARTS)}, found none; name COCO's file")
    found = Found([], [], [], [], [], None, "smaller")
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in pictures(root):
        by_name[path.name].append(path)
    for file, content in whole.items():
        _take(root, file, content, by_name, choices, found)
    if crowds := sum(shape.crowd for one in found.images for shape in one.shapes):
        fate = "ignored, and below all other shapes" if choices.crowd == "ignore" else "labelled as their class"
        found.said.append(f"{amount(crowds, 'crowd')} (iscrowd): {fate}")
    taken = {one.image.resolve() for one in found.images if isinstance(one.image, Path)}
    found.images.extend(unlisted(root, taken))
    return found


def _take(
    root: Path, file: Path, content: Any, by_name: Mapping[str, list[Path]], choices: Choices, found: Found
) -> None:
    try:
        names = {
            one["id"]: str(one["name"]).strip() for one in sorted(content["categories"], key=lambda one: one["id"])
        }
        images = {
            one["id"]: (str(one["file_name"]), (int(one["height"]), int(one["width"]))) for one in content["images"]
        }
        shown: dict[Any, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
        for one in content["annotations"]:
            shown[one["image_id"]].append((one.get("id", 0), one))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{file}: isn't made as COCO's files are ({what}); export it again") from error
    found.classes.extend(name for name in names.values() if name not in found.classes)
    if strange := [number for number in shown if number not in images]:
        found.problems.append(f"{file}: annotations of image {strange[0]}, which 'images' lacks; export it again")
    for number, (name, size) in images.items():
        path = _file(root, file, name, by_name)
        if path is None:
            found.missing.append(f"{file}: its image {name!r} is missing below {root}")
            continue
        shapes = []
        for identity, one in shown[number]:
            try:
                shapes += _shapes(one, size, names, f"{file}: annotation {identity} of {name}", choices)
            except InputError as error:
                found.problems.append(str(error))
        place = place_of(path, root)
        subset = first_subset(place) or subset_of(file.stem)
        found.images.append(Annotated(image_id(place), path, path.suffix, tuple(shapes), str(file), size, subset))


def _file(root: Path, file: Path, name: str, by_name: Mapping[str, list[Path]]) -> Path | None:
    """Where an image lies: as named, below `images`, in a folder named after the file, or wherever its name is."""
    for folder in (root, file.parent, root / "images", root / file.stem, root / "images" / file.stem):
        if (folder / name).is_file():
            return folder / name
    same = by_name.get(Path(name).name, [])
    inside = [path for path in same if subset_of(file.stem) in (first_subset(path.relative_to(root)), "")]
    return next((group[0] for group in (same, inside) if len(group) == 1), None)


def _shapes(one: Any, size: tuple[int, int], names: Mapping[Any, str], where: str, choices: Choices) -> list[Shape]:
    """The shape of an annotation; none where it has neither outline nor box."""
    category, crowd = one.get("category_id"), bool(one.get("iscrowd"))
    if not isinstance(category, Hashable) or category not in names:
        raise InputError(f"{where}: category {category!r} isn't in 'categories'; export the file again")
    label = names[category]
    outline = one.get("segmentation")
    if isinstance(outline, dict):
        return [Shape(label, "runs", _runs(outline, size, where), where, crowd=crowd)]
    if outline:
        if not isinstance(outline, list) or not all(isinstance(ring, list) and len(ring) % 2 == 0 for ring in outline):
            raise InputError(f"{where}: expected polygons of x, y, x, y ..., found {str(outline)[:60]}")
        rings = [points_of(list(zip(ring[::2], ring[1::2], strict=True)), 3, where) for ring in outline]
        return [Shape(label, "polygon", rings, where, crowd=crowd)]
    if not choices.boxes:
        raise InputError(f"{where}: has a box and no outline; --boxes fills the boxes of such annotations")
    left, top, width, height = (number for pair in points_of(_pairs(one.get("bbox")), 2, where) for number in pair)
    return [Shape(label, "polygon", [corners(left, top, left + width, top + height)], where, crowd=crowd)]


def _pairs(box: Any) -> list[Any]:
    return [box[:2], box[2:]] if isinstance(box, list) and len(box) == 4 else []


def _runs(outline: dict[str, Any], size: tuple[int, int], where: str) -> Any:
    """Run lengths packed by pycocotools, from its letters or from a list of numbers."""
    counts, sides = outline.get("counts"), outline.get("size")
    if sides != [*size]:
        raise InputError(f"{where}: run lengths of {sides} (height, width), the image is {[*size]}; export it again")
    try:
        numbers = _from_letters(counts) if isinstance(counts, str) else [int(one) for one in counts or ()]
        if not numbers or min(numbers) < 0 or (isinstance(counts, list) and numbers != counts):
            raise ValueError(f"found {str(counts)[:60]!r}")
        if sum(numbers) != size[0] * size[1]:
            raise ValueError(f"they cover {sum(numbers)} of {size[0] * size[1]} pixels")
        return coco_mask.frPyObjects({"size": [*size], "counts": numbers}, *size)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: its run lengths are broken ({error}); export it again") from error


def _from_letters(letters: str) -> list[int]:
    """Run lengths as pycocotools writes them: five bits a letter, from the fourth on as the change to the last but one.

    Its own reader takes broken ones without a word, where they fit into the image.

    >>> _from_letters("5221")
    [5, 2, 2, 3]
    """
    numbers: list[int] = []
    value = shift = 0
    for letter in letters:
        bits = ord(letter) - ord("0")
        if not 0 <= bits < 64:
            raise ValueError(f"found {letter!r}")
        value, shift = value | (bits & 31) << shift, shift + 5
        if bits & 32:
            continue
        value -= (bits >> 4 & 1) << shift  # its highest bit is the sign
        numbers.append(value + numbers[-2] if len(numbers) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("they are cut short")
    return numbers
