"""A shape as an annotation file describes it -> the pixels that it covers, by pycocotools."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from imbseg.datasets.picture import decoded, read_bytes
from imbseg.datasets.readers.pictures import by_opencv
from imbseg.errors import InputError
from imbseg.imports.found import Shape, Size

Covered = NDArray[np.bool_]
Runs = dict[str, Any]  # pixels as pycocotools packs them: few bytes, however large the image
Point = tuple[float, float]
FAR = 1e6  # pixels: what lies farther out is a broken number


def covered(shape: Shape, size: Size, *, line_width: float, threshold: int | None) -> Runs:
    """The pixels of an image that a shape covers, packed; what lies outside of the image is cut off.

    Args:
        size: (height, width) of the image.
        line_width: pixels, of lines; points are discs of that diameter.
        threshold: of a mask file: the grey from which on a pixel is covered; None: it has two values, 0 and another.

    Raises:
        InputError: a mask file that can't be read, has another size, or more than two values without a threshold.
    """
    if shape.kind == "runs":
        return dict(shape.content)
    draw: dict[str, Callable[[Any], Covered]] = {
        "polygon": lambda rings: _polygons(rings, size),
        "ellipse": lambda numbers: _ellipse(*numbers, size=size),
        "line": lambda points: _line(points, line_width / 2, size),
        "points": lambda points: _union([_disc(one, line_width / 2, size) for one in points]),
        "bitmap": lambda parts: _bitmap(*parts, size=size),
        "file": lambda path: _from_file(path, size, threshold),
    }
    return packed(draw[shape.kind](shape.content))


def corners(left: float, top: float, right: float, bottom: float, rotation: float = 0.0) -> list[Point]:
    """The corners of a box, turned clockwise about its centre by degrees.

    >>> [(round(x), round(y)) for x, y in corners(0, 0, 4, 2, 90)]
    [(3, -1), (3, 3), (1, 3), (1, -1)]
    """
    x, y = (left + right) / 2, (top + bottom) / 2
    cos, sin = math.cos(math.radians(rotation)), math.sin(math.radians(rotation))
    plain = ((left, top), (right, top), (right, bottom), (left, bottom))
    return [(x + (a - x) * cos - (b - y) * sin, y + (a - x) * sin + (b - y) * cos) for a, b in plain]


def points_of(numbers: Sequence[Any], at_least: int, what: str) -> list[Point]:
    """Check points.

    Raises:
        InputError: there are fewer, or a number is none, not finite, or far out.
    """
    try:
        if any(isinstance(one, str) for one in numbers):
            raise TypeError("two letters are no pair of numbers")
        found = [(float(x), float(y)) for x, y in numbers]
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: expected points of two numbers, found {str(numbers)[:60]}") from error
    if len(found) < at_least:
        raise InputError(f"{what}: expected at least {at_least} points, found {len(found)}")
    if wrong := [one for point in found for one in point if not abs(one) <= FAR]:
        raise InputError(f"{what}: expected coordinates in pixels, found {wrong[0]}")
    return found


def packed(pixels: Covered) -> Runs:
    """(height, width) bool -> pycocotools' run lengths."""
    runs: Runs = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    return runs


def decode(runs: Runs) -> Covered:
    """The pixels again."""
    return np.asarray(coco_mask.decode(runs), np.bool_)


def area(runs: Runs) -> int:
    """How many pixels they are."""
    return int(coco_mask.area(runs))


def _polygons(rings: Sequence[Sequence[Point]], size: Size) -> Covered:
    """Everything inside of one of the rings."""
    flat = [[number for point in ring for number in point] for ring in rings]
    return decode(coco_mask.merge(coco_mask.frPyObjects(flat, *size)))


def _ellipse(x: float, y: float, wide: float, high: float, turned: float = 0.0, *, size: Size) -> Covered:
    """Pixels whose centre lies inside; radii along both axes, turned clockwise by degrees."""
    if wide <= 0 or high <= 0:
        return np.zeros(size, np.bool_)
    down, right = np.ogrid[0.5 - y : size[0] - y, 0.5 - x : size[1] - x]
    cos, sin = math.cos(math.radians(turned)), math.sin(math.radians(turned))
    along, across = right * cos + down * sin, down * cos - right * sin
    return np.asarray((along / wide) ** 2 + (across / high) ** 2 <= 1, np.bool_)


def _disc(centre: Point, radius: float, size: Size) -> Covered:
    return _ellipse(*centre, radius, radius, size=size)


def _line(points: Sequence[Point], half: float, size: Size) -> Covered:
    """A band about each piece, round where two meet; its two ends are flat."""
    bands = []
    for (x, y), (u, v) in pairwise(points):
        if length := math.hypot(u - x, v - y):
            a, b = half * (v - y) / length, half * (x - u) / length
            bands.append(_polygons([[(x + a, y + b), (u + a, v + b), (u - a, v - b), (x - a, y - b)]], size))
    joints = [_disc(one, half, size) for one in points[1:-1]]
    return _union([np.zeros(size, np.bool_), *bands, *joints])


def _union(parts: Sequence[Covered]) -> Covered:
    return np.asarray(np.logical_or.reduce(parts), np.bool_)


def _bitmap(left: int, top: int, runs: Runs, *, size: Size) -> Covered:
    part, whole = decode(runs), np.zeros(size, np.bool_)
    height, width = part.shape
    down, right = max(0, top), max(0, left)
    below, beyond = max(down, min(size[0], top + height)), max(right, min(size[1], left + width))
    whole[down:below, right:beyond] = part[down - top : below - top, right - left : beyond - left]
    return whole


def _from_file(path: Path, size: Size, threshold: int | None) -> Covered:
    """One class's mask; with a threshold it may be a JPEG, and smooth at its borders."""
    if threshold is not None:
        how = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
        values: NDArray[Any] = by_opencv(path, read_bytes(path, "mask"), how, "mask") >= threshold
    else:
        found = decoded(path, "mask")
        if found.picture.mode in ("P", "L", "1") or found.picture.mode.startswith("I"):
            values = found.numbers(np.int32)
        elif found.picture.mode == "F":
            raise InputError(f"mask {path}: expected whole numbers, found floats; export it as a PNG of 8 bits")
        else:
            values = np.asarray(found.picture.convert("RGB"), np.int32) @ np.array([1 << 16, 1 << 8, 1])
        several = np.unique(values)
        if len(several) > 2 or (len(several) == 2 and several[0] != 0):
            raise InputError(
                f"mask {path}: expected the values 0 and one other, found {len(several)} ({several[:4].tolist()} ...); "
                f"smooth borders? --threshold 128 takes all from 128 on"
            )
    if values.shape != size:
        height, width = values.shape
        raise InputError(f"mask {path}: is {width} x {height}, its image {size[1]} x {size[0]}; export it in its size")
    return np.asarray(values != 0, np.bool_)
