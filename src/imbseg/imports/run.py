"""An import from end to end: read, check everything, draw, and write a data set whole or not at all."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imbseg.console import progress
from imbseg.errors import InputError, amount, first_ten, listed
from imbseg.files import replaceable_folder, whole_folder
from imbseg.imports import READERS
from imbseg.imports.found import BACKGROUND, Annotated, Choices, Found, Orientation, Shape, Size, ignored_number
from imbseg.imports.labels import class_order
from imbseg.imports.paint import Rules, paint
from imbseg.imports.photographs import Head, head, orientation, upright, wrong_size
from imbseg.imports.subsets import subsets
from imbseg.imports.write import RECORD, Plan, Totals, Writer
from imbseg.menu import choose

Say = Callable[[str], None]


def import_labels(kind: str, folder: Path, out: Path, choices: Choices, say: Say = print) -> Path:
    """Write a data set: images, masks, instance masks, id lists, and its YAML file.

    Args:
        kind: labelme, coco, cvat or binary_folders.
        folder: with annotations and images; of coco and cvat the annotation file, too.
        out: the data set's folder, whose name becomes its name.

    Returns:
        The YAML file.

    Raises:
        InputError: something can't be used; nothing is written then.
    """
    if not folder.exists():
        raise InputError(f"{folder}: no such folder; name the one that holds the annotations")
    target = replaceable_folder(out)
    _refuse(target, folder, choices)
    found = choose(READERS, kind, "format")(folder, choices)
    found = _settled(found, choices)
    heads = _heads(found.images)
    turned = orientation(found.images, heads, found, choices)
    sizes = [_size(one, turned) for one in heads]
    if wrong := [text for one, size in zip(found.images, sizes, strict=True) if (text := wrong_size(one, size))]:
        raise first_ten(wrong, "annotations are of another size than their images")
    order, index = class_order(found, choices)
    part = subsets(found.images, _presence(found.images, index, len(order)), choices, found.said)
    plan = Plan(target.name, kind, order, turned, part, found.instances, choices)
    rules = _rules(order, index, found, choices)
    with whole_folder(target) as temporary:
        writer = Writer(temporary, target, plan, found.images)
        totals = _draw(found, sizes, rules, writer, len(order))
        file = writer.finish(totals, found.said, target)
    _tell(found, totals, plan, rules, say)
    return target / file


def _refuse(target: Path, folder: Path, choices: Choices) -> None:
    """Spare what lies at the place of the data set."""
    if folder.resolve().is_relative_to(target):
        raise InputError(f"{target}: holds the annotations below it, and would be replaced; choose another --out")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / RECORD).is_file():
        raise InputError(f"{target}: expected an empty folder or none, found other files; choose another --out")
    if not choices.replace:
        raise InputError(f"{target}: holds an import already; --replace puts the new one in its place")
    if target.is_relative_to(folder.resolve()):
        raise InputError(f"{target}: lies among the annotations and would be read with them; choose another --out")


def _settled(found: Found, choices: Choices) -> Found:
    """What a reader found, without images that the user leaves out; everything that is wrong is one error."""
    lacking = [f"{one}; --skip_missing leaves it out" for one in found.missing]
    problems = [*found.problems, *([] if choices.skip_missing else lacking)]
    shapes = [shape for image in found.images for shape in image.shapes]
    if choices.line_width is None and (flat := [one.where for one in shapes if one.kind in ("line", "points")]):
        problems.append(
            f"{flat[0]}: a line or point has no area ({len(flat)} in all); --line_width N draws them N pixels wide, "
            f"0 leaves them out"
        )
    if problems:
        raise first_ten(problems, "problems")
    if choices.line_width == 0:
        found = _without_lines(found)
    images = [one for one in found.images if _stays(one, choices)]
    found.said.extend(_left_out(found, images))
    if found.missing:
        found.said.append(f"left out, since something is missing: {len(found.missing)} (first: {found.missing[0]})")
    if not images:
        raise InputError("no image is left that has a shape")
    if twice := [name for name, count in Counter(one.id for one in images).items() if count > 1]:
        both = [one.where for one in images if one.id == twice[0]][:2]
        raise InputError(f"image {twice[0]} stands in {both[0]} and in {both[1]}; take one of them away")
    return dataclasses.replace(found, images=images)


def _without_lines(found: Found) -> Found:
    def kept(image: Annotated) -> tuple[Shape, ...]:
        return tuple(one for one in image.shapes if one.kind not in ("line", "points"))

    lines = sum(len(one.shapes) - len(kept(one)) for one in found.images)
    found.said.append(f"left out: {lines} lines and points")
    return dataclasses.replace(found, images=[dataclasses.replace(one, shapes=kept(one)) for one in found.images])


def _stays(image: Annotated, choices: Choices) -> bool:
    if image.shapes:
        return True
    return choices.empty == "background" or (choices.empty is None and image.listed)


def _left_out(found: Found, images: list[Annotated]) -> list[str]:
    """How many images without any shape are background, and how many are left out."""
    empty = sum(not one.shapes for one in images)
    gone = len(found.images) - len(images)
    background = f"{amount(empty, 'image')} without any shape: all background (--empty leave_out leaves them out)"
    without = f"left out: {amount(gone, 'image')} that no annotation names (--empty background takes them)"
    return [background] * bool(empty) + [without] * bool(gone)


def _heads(images: list[Annotated]) -> list[Head]:
    """Size and orientation of each photograph."""
    found, broken = [], []
    for image in progress(images, total=len(images), what="looking at photographs"):
        try:
            found.append(head(image))
        except InputError as error:
            broken.append(str(error))
    if broken:
        raise first_ten(broken, "images can't be read")
    return found


def _size(of: Head, turned: Orientation | None) -> Size:
    size, tag = of
    return upright(size, tag) if turned == "upright" else size


def _presence(images: list[Annotated], index: dict[str, int], classes: int) -> NDArray[np.bool_]:
    """(images, classes) whether an image has a shape of a class."""
    found = np.zeros((len(images), classes), np.bool_)
    for row, image in zip(found, images, strict=True):
        for shape in image.shapes:
            if index[shape.label] < classes:
                row[index[shape.label]] = True
    return found


def _rules(order: list[str], index: dict[str, int], found: Found, choices: Choices) -> Rules:
    background = order.index(BACKGROUND) if BACKGROUND in order else None
    ignored = ignored_number(len(order))
    bottom = background if choices.unlabelled == "background" and background is not None else ignored
    on_top = choices.on_top or found.on_top
    return Rules(
        index, bottom, background, on_top, choices.crowd, choices.line_width or 0.0, choices.threshold, ignored
    )


def _draw(found: Found, sizes: list[Size], rules: Rules, writer: Writer, classes: int) -> Totals:
    totals = Totals(classes)
    pairs = list(zip(found.images, sizes, strict=True))
    for place, (image, size) in enumerate(progress(pairs, total=len(pairs), what="drawing masks")):
        painted = paint(image.shapes, size, rules)
        writer.add(place, painted)
        totals.add(painted)
    return totals


def _tell(found: Found, totals: Totals, plan: Plan, rules: Rules, say: Say) -> None:
    """What a person should know of what was done."""
    parts = [f"{plan.subsets.count(name)} {name}" for name in ("train", "val", "test") if name in plan.subsets]
    say(f"{plan.name}: {amount(len(found.images), 'image')} ({', '.join(parts)}), {len(plan.classes)} classes")
    for name, row in totals.rows(plan.classes).items():
        say(f"  {name}: {row['share']:.2%} of the pixels, {amount(row['images'], 'image')}")
    above = "the later shape" if rules.on_top == "later" else "the smaller shape"
    if totals.overlaps:
        names = dict(enumerate(plan.classes)) | {rules.ignored: "ignored"}
        most = [f"{names[b]} over {names[a]} {count}" for (a, b), count in totals.overlaps.most_common()]
        total = sum(totals.overlaps.values())
        say(f"overlaps: {total} pixels of another class covered, {above} on top ({listed(most)})")
    if totals.hidden:
        say(f"{amount(totals.hidden, 'object')} hidden completely under others")
    if totals.nothing:
        say(f"{amount(len(totals.nothing), 'shape')} without a pixel in the image (first: {totals.nothing[0]})")
    for sentence in found.said:
        say(sentence)
