"""Folders of masks, one a class: DIR/images/ID.jpg and DIR/CLASS/ID.png, or DIR/train/images and DIR/train/CLASS."""

from collections import defaultdict
from pathlib import Path

from imbseg.datasets.search import PICTURES
from imbseg.errors import InputError, amount
from imbseg.imports.found import Annotated, Choices, Found, Shape, first_subset, image_id, pictures


def read(folder: Path, choices: Choices) -> Found:
    """Read a folder of images, and beside it (or in the one folder beside it) a folder of masks for each class.

    A mask belongs to the image whose name it has, or begins with (IDRiD_01_MA.tif). An image without a mask in a
    class's folder shows nothing of the class. Of two classes in one pixel the one with fewer pixels in the image wins.

    Raises:
        InputError: no folder of images, or none of masks.
    """
    homes = sorted(one for one in folder.rglob(choices.images) if one.is_dir())
    if not homes:
        raise InputError(f"{folder}: expected a folder {choices.images!r} in it, found none; --images names another")
    found = Found([], [], [], [], [], None, "smaller", instances=False)
    for home in homes:
        _take(folder, home, found)
    if not found.images:
        raise InputError(f"{homes[0]}: expected images ({', '.join(PICTURES)}), found none")
    return found


def _take(folder: Path, home: Path, found: Found) -> None:
    """Everything of one folder of images."""
    images: dict[str, Path] = {}
    for path in pictures(home):
        name = path.relative_to(home).with_suffix("").as_posix()
        if name in images:
            found.problems.append(f"{images[name]} and {path} have one name; rename one of them")
        images[name] = path
    masks: dict[str, dict[str, Path]] = defaultdict(dict)
    for place in _class_folders(home):
        _match(place, images, masks, found)
    for name, path in images.items():
        shapes = tuple(Shape(label, "file", mask, str(mask)) for label, mask in sorted(masks[name].items()))
        place = home.parent.relative_to(folder) / path.relative_to(home)
        found.images.append(
            Annotated(image_id(place), path, path.suffix, shapes, str(path), subset=first_subset(place))
        )


def _class_folders(home: Path) -> list[Path]:
    beside = [one for one in sorted(home.parent.iterdir()) if one.is_dir() and one != home and one.name[0] != "."]
    if len(beside) == 1 and not any(one.suffix.lower() in PICTURES for one in beside[0].iterdir()):
        beside = [one for one in sorted(beside[0].iterdir()) if one.is_dir()]
    if not beside:
        raise InputError(f"{home.parent}: expected a folder of masks for each class beside {home.name}, found none")
    return beside


def _match(place: Path, images: dict[str, Path], masks: dict[str, dict[str, Path]], found: Found) -> None:
    """Give the masks of one class to their images."""
    found.classes.extend([place.name] * (place.name not in found.classes))
    with_mask = set()
    for path in pictures(place):
        mask = path.relative_to(place).with_suffix("").as_posix()
        fitting = [name for name in images if mask.startswith(name) and not mask[len(name) : len(name) + 1].isalnum()]
        name = max(fitting, key=len, default=None)
        if name is None:
            found.missing.append(f"mask {path}: no image has its name, or begins it")
        elif place.name in masks[name]:
            found.problems.append(f"mask {path}: the second of {place.name!r} for image {name}; remove one")
        else:
            masks[name][place.name] = path
            with_mask.add(name)
    if without := len(images) - len(with_mask):
        found.said.append(f"{amount(without, 'image')} without a mask in {place}: nothing of {place.name!r} there")
