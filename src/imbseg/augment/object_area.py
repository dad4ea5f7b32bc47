"""Mask -> the size of the object that each pixel belongs to, as a map that goes through the same warp as the mask.

Measured in the whole image, as a share of it: a crop cuts objects, and a scale drawn for the sample makes none of them
rarer. An object is what it is in objects.csv: an instance where the data set has instance masks, else an 8-connected
component of one class; the background has none.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in

Areas = NDArray[np.float32]
WHOLE = 1.0  # the area of a pixel that belongs to no object: the image's
FEW = 255  # a number up to which a table is small
LARGE = 2**20  # a number up to which a table of all is faster than sorting the pixels
MOST_SHORT = 2**16 - 1  # numbers that 16 bits hold beside 0


def object_areas(numbers: NDArray[np.integer]) -> Areas:
    """The share of the image that each pixel's object takes.

    Args:
        numbers: (height, width) int, as object_numbers gives.

    Returns:
        (height, width) float32 in (0, 1]; 1 where there is no object.

    >>> object_areas(object_numbers(np.array([[1, 0, 0, 1], [1, 0, 0, 0]], np.uint8), background=0))
    array([[0.25 , 1.   , 1.   , 0.125],
           [0.25 , 1.   , 1.   , 1.   ]], dtype=float32)
    """
    shares = (np.bincount(numbers.ravel()) / numbers.size).astype(np.float32)
    shares[0] = WHOLE
    return np.take(shares, numbers)


def object_numbers(
    mask: Labels, background: int | None, instances: NDArray[np.int32] | None = None
) -> NDArray[np.integer]:
    """Number the objects of an image.

    By an instance mask an object is all pixels of a class inside one outline; the pixels of a class outside every
    outline are one object. Without one it is an 8-connected component.

    Args:
        mask: (height, width) class indices, see read_mask.
        background: index of the class that has no objects, or None.
        instances: (height, width) int32, number of the outline at each pixel, 0 for none; None: components.

    Returns:
        (height, width) int: the number of the object at each pixel, 0 for none, some left out; each is of one class.

    >>> outlines = np.array([[7, 8, 8, 0]], np.int32)
    >>> object_areas(object_numbers(np.array([[1, 1, 2, 0]], np.uint8), 0, outlines))
    array([[0.25, 0.25, 0.25, 1.  ]], dtype=float32)
    """
    if instances is None:
        return numbered_components(mask, background)[0]
    highest = int(instances.max())
    if highest > LARGE:
        instances = np.unique(instances, return_inverse=True)[1].reshape(mask.shape).astype(np.int32)
    elif highest > FEW:  # such as 26001: made small, or a table of all numbers would be large
        instances = np.take(np.cumsum(np.bincount(instances.ravel()) > 0, dtype=np.int32), instances)
    ignored, radix = ignored_in(mask), max(int(mask.max()), FEW) + 1
    numbers = instances.astype(np.int32 if radix == FEW + 1 else np.int64) * radix + mask + 1
    nothing = mask == ignored if background is None else (mask == ignored) | (mask == background)
    return np.where(nothing, 0, numbers)


def numbered_components(mask: Labels, background: int | None) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """Number the 8-connected components of every class but the background.

    Args:
        mask: (height, width) class indices, see read_mask.
        background: index of the class that has none, or None.

    Returns:
        (height, width) int: the number of the component at each pixel from 1, class by class, 0 for none; and the class
        of each number, of 0 one that no class is.
    """
    ignored = ignored_in(mask)
    classes = [int(index) for index in _present(mask) if index not in (background, ignored)]
    numbers, each = _numbered(mask, classes, cv2.CV_16U)
    return numbers, np.repeat([ignored, *classes], [1, *each])


def _present(mask: Labels) -> NDArray[np.int64]:
    """The values of a mask, ascending."""
    return np.flatnonzero(np.bincount(mask.ravel())) if mask.dtype == np.uint8 else np.unique(mask).astype(np.int64)


def with_pasted(areas: Areas, owner: NDArray[np.uint8], shares: NDArray[np.float64]) -> Areas:
    """The map of a sample once objects were pasted into it; what an object is covered by makes it no smaller.

    Args:
        areas: (height, width) float32, the sample's map.
        owner: (height, width) uint8, number of the pasted object that is seen at each pixel, 0 for none.
        shares: (objects,) of the image that each came from, in (0, 1].
    """
    return np.where(owner > 0, np.array([WHOLE, *shares], np.float32)[owner], areas)


def _numbered(mask: Labels, classes: list[int], kind: int) -> tuple[NDArray[np.integer], list[int]]:
    """Number the components of some classes from 1, each class searched in the rectangle round it only.

    Returns:
        The numbers, and how many each class has.
    """
    # 16-bit numbers take half the time; an image that may hold or holds more of them starts over with 32 bits
    height, width = mask.shape
    short = kind == cv2.CV_16U
    if short and (height + 1) // 2 * ((width + 1) // 2) > MOST_SHORT:  # of one class: a pixel in each 2 x 2
        return _numbered(mask, classes, cv2.CV_32S)
    numbers = np.zeros(mask.shape, np.uint16 if short else np.int32)
    known, each = 0, []
    for index in classes:
        binary = cv2.inRange(mask, index, index)
        left, top, wide, high = cv2.boundingRect(binary)
        window = np.s_[top : top + high, left : left + wide]
        count, found = cv2.connectedComponents(binary[window], connectivity=8, ltype=kind)
        if short and known + count - 1 > MOST_SHORT:
            return _numbered(mask, classes, cv2.CV_32S)
        cv2.add(numbers[window], found + found.dtype.type(known), dst=numbers[window], mask=binary[window])
        known += count - 1
        each.append(count - 1)
    return numbers, each
