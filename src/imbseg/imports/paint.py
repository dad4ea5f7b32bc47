"""The shapes of an image -> its mask and its instance mask; who lies above whom is counted."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.spec import IGNORE
from imbseg.errors import InputError
from imbseg.imports.found import Shape, Size
from imbseg.imports.shapes import Runs, area, covered, decode

MOST_OBJECTS = 65535  # an instance mask has 16 bits


@dataclasses.dataclass(frozen=True)
class Rules:
    """How shapes are drawn.

    Attributes:
        index: label -> class index, or `ignored`.
        bottom: what no shape covers.
        background: index of the class that is no object.
        on_top: `later` shapes lie above earlier ones, or `smaller` above larger ones.
        crowd: whether crowds are ignored, or of their class.
        ignored: the number of ignored pixels, see ignored_number.
    """

    index: Mapping[str, int]
    bottom: int
    background: int | None
    on_top: str
    crowd: str
    line_width: float = 0.0
    threshold: int | None = None
    ignored: int = IGNORE


@dataclasses.dataclass(frozen=True)
class Painted:
    """An image's masks.

    Attributes:
        mask: (height, width) class indices, uint8, of more than 255 classes uint16.
        objects: (height, width) uint16, a number an object, 0 = none.
        overlaps: pixels that lost one class to another, by (below, above).
        nothing: shapes that cover no pixel of the image.
        hidden: objects of which nothing is seen under others.
    """

    mask: NDArray[np.integer]
    objects: NDArray[np.uint16]
    overlaps: Counter[tuple[int, int]]
    nothing: list[str]
    hidden: int


def paint(shapes: Sequence[Shape], size: Size, rules: Rules) -> Painted:
    """Draw shapes over each other.

    Raises:
        InputError: a mask file that can't be read, or more than 65,535 objects.
    """
    packed = [covered(one, size, line_width=rules.line_width, threshold=rules.threshold) for one in shapes]
    parts = list(zip(shapes, packed, strict=True))
    kind = np.uint8 if rules.ignored == IGNORE else np.uint16
    mask, objects = np.full(size, rules.bottom, kind), np.zeros(size, np.uint16)
    drawn = np.zeros(size, np.bool_)
    overlaps: Counter[tuple[int, int]] = Counter()
    numbers: dict[object, int] = {}
    for place, (shape, runs) in enumerate(sorted(parts, key=lambda part: _height(part[0], part[1], rules))):
        index, pixels = _index(shape, rules), decode(runs)
        below = np.bincount(mask[pixels & drawn])
        overlaps.update({(was, index): int(below[was]) for was in np.flatnonzero(below).tolist() if was != index})
        mask[pixels], drawn[pixels] = index, True
        is_object = pixels.any() and index not in (rules.ignored, rules.background) and not shape.crowd
        of = place if shape.group is None else (shape.label, shape.group)
        objects[pixels] = _number(numbers, of, shape) if is_object else 0
    seen = len(np.unique(objects[objects > 0]))
    nothing = [shape.where for shape, runs in parts if not area(runs)]
    return Painted(mask, objects, overlaps, nothing, len(numbers) - seen)


def _number(numbers: dict[object, int], of: object, shape: Shape) -> int:
    if len(numbers) == MOST_OBJECTS and of not in numbers:
        raise InputError(f"{shape.where}: an image holds more than {MOST_OBJECTS} objects; cut it in parts")
    return numbers.setdefault(of, len(numbers) + 1)


def _index(shape: Shape, rules: Rules) -> int:
    return rules.ignored if shape.crowd and rules.crowd == "ignore" else rules.index[shape.label]


def _height(shape: Shape, runs: Runs, rules: Rules) -> tuple[bool, int]:
    """What is drawn first lies below; equal ones keep their order."""
    return (not (shape.crowd and rules.crowd == "ignore"), -area(runs) if rules.on_top == "smaller" else 0)
