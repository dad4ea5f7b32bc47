"""True positives and false negatives by the size of their object: small, medium, large as in COCO."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels

SIZES = ("small", "medium", "large")
# COCO's (Lin et al., arXiv:1405.0312, section 5; areaRng of pycocotools), in pixels: large is from 96 x 96
BOUNDS = (32**2, 96**2)
NO_OBJECT = len(SIZES)
Whole = NDArray[np.integer]


@dataclasses.dataclass(frozen=True)
class ObjectSizes:
    """The objects of one image's truth, sorted by size.

    Attributes:
        map: (height, width) uint8: at each pixel the place of its object's size in SIZES, 3 where there is no object.
        pixels: (classes, 3) int64: pixels of the objects of each class and size.
        objects: (classes, 3) int64: how many they are.
    """

    map: NDArray[np.uint8]
    pixels: NDArray[np.int64]
    objects: NDArray[np.int64]


def object_sizes(mask: Labels, numbers: NDArray[np.integer], classes: int) -> ObjectSizes:
    """Sort an image's objects by their pixels, at the mask's own size.

    Args:
        mask: (height, width) class indices, see read_mask.
        numbers: (height, width) the number of the object at each pixel, 0 for none; an object is of one class (see
            imbseg.augment.object_area).

    Source: Lin et al., Microsoft COCO, arXiv:1405.0312: small < 32 x 32 <= medium < 96 x 96 <= large.

    >>> mask = np.ones((40, 40), np.uint8)
    >>> mask[:, 30] = 0
    >>> found = object_sizes(mask, np.where(mask, 1 + (np.arange(40) > 30), 0), classes=2)  # 30 and 9 columns of 40
    >>> found.objects.tolist(), found.map[0, [0, 30, 39]].tolist()
    ([[0, 0, 0], [1, 1, 0]], [1, 3, 0])
    """
    area = np.bincount(numbers.ravel(), minlength=1)
    size = np.digitize(area, BOUNDS).astype(np.uint8)
    size[0] = NO_OBJECT
    owner = np.zeros(len(area), np.int64)
    owner[numbers.ravel()] = mask.ravel()
    _, missed, objects = sized(owner, area, np.zeros_like(area), classes)
    return ObjectSizes(np.take(size, numbers), missed, objects)


def sized(label: Whole, area: Whole, right: Whole, classes: int) -> NDArray[Any]:
    """(3, classes, 3) true positives, false negatives and objects of each class and size.

    Args:
        label: (objects + 1,) class of each object; the first is none.
        area: (objects + 1,) its pixels; 0: there is no such object.
        right: (objects + 1,) those predicted as its class.
    """
    found = np.zeros((3, classes, NO_OBJECT), np.int64)
    size, there = np.digitize(area, BOUNDS), np.flatnonzero(area[1:]) + 1
    for row, values in enumerate((right, area - right, np.ones_like(area))):
        np.add.at(found[row], (label[there], size[there]), values[there])
    return found


def size_counts(prediction: NDArray[np.integer], mask: Labels, sizes: ObjectSizes) -> NDArray[np.int64]:
    """Count one image.

    Args:
        prediction: (height, width) class indices.
        mask: (height, width) class indices, see read_mask.
        sizes: what `object_sizes` gave for the mask.

    Returns:
        (3, classes, 3) int64: true positives, false negatives, and objects, of each class and size.

    >>> mask = np.array([[1, 1, 0, 1]], np.uint8)
    >>> sizes = object_sizes(mask, np.array([[1, 1, 0, 2]]), classes=2)
    >>> size_counts(np.array([[1, 0, 1, 0]]), mask, sizes)[:, 1].tolist()
    [[1, 0, 0], [2, 0, 0], [2, 0, 0]]
    """
    right, classes = prediction == mask, len(sizes.objects)
    code = mask[right].astype(np.uint32) * np.uint32(NO_OBJECT + 1) + sizes.map[right]
    counted = np.bincount(code, minlength=classes * (NO_OBJECT + 1)).reshape(-1, NO_OBJECT + 1)
    found = counted[:classes, :NO_OBJECT]
    return np.stack([found, sizes.pixels - found, sizes.objects])
