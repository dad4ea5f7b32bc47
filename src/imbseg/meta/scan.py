"""One image on disk -> its size, the pixels of each class, and its objects."""

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.ids import ImageRow
from imbseg.datasets.labels import Labels, ignored_in, label_counts
from imbseg.datasets.picture import palette, picture_size
from imbseg.datasets.read import Undeclared, read_image, read_mask, read_objects
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.meta.unchanged import mask_digest
from imbseg.windows.cells import Counter
from imbseg.windows.components import Components
from imbseg.windows.pixels import is_large
from imbseg.windows.source import opened_pair

Color = tuple[int, ...]  # red, green, blue
OBJECT_COLUMNS = ("class", "object", "pixels", "x", "y", "width", "height")


@dataclasses.dataclass(frozen=True)
class ImageScan:
    """What one image holds.

    Attributes:
        height: of image and mask, in pixels.
        width: of image and mask, in pixels.
        pixels: (classes,) int64, labelled pixels of each class.
        ignored: pixels with the ignore index.
        objects: (objects, 7) int64: OBJECT_COLUMNS, the class as its index.
        mask_digest: of the mask's file, see `unchanged.mask_digest`.
        colors: number in the mask -> its colour by the palette, for the numbers that it shows.
        cells: (cells, 4) where the classes of a large image are, see imbseg.windows.cells; None of another.
    """

    height: int
    width: int
    pixels: NDArray[np.int64]
    ignored: int
    objects: NDArray[np.int64]
    mask_digest: str = ""
    colors: dict[int, Color] = dataclasses.field(default_factory=dict)
    cells: NDArray[np.int64] | None = None


def scan(row: ImageRow, dataset: Dataset) -> ImageScan | str:
    """Decode an image and its mask strictly, and count; a file that can't be used is told, not raised.

    Returns:
        What the image holds, or the sentence that says what is wrong with which file.
    """
    try:
        if is_large(dataset.root / row.image, dataset.layout):
            return _scan_windows(row, dataset)
        height, width = _image_size(row, dataset)
        mask = read_mask(dataset.root / row.mask, dataset)  # (height, width)
        _same_size("mask", row.mask, mask.shape, row, (height, width))
        histogram = label_counts(mask, len(dataset.classes))
        pixels = histogram[:-1]
        if row.objects is None:
            objects = components(mask, pixels, dataset.background_index)
        else:
            instances = read_objects(dataset.root / row.objects)
            _same_size("object mask", row.objects, instances.shape, row, (height, width))
            objects = instance_objects(mask, instances, dataset.background_index)
    except InputError as error:
        return str(error)
    path, shown = dataset.root / row.mask, _shown_colors(row, histogram, dataset)
    return ImageScan(height, width, pixels, int(histogram[-1]), objects, mask_digest(path), shown)


def _scan_windows(row: ImageRow, dataset: Dataset) -> ImageScan:
    """The same of a large image: its bands, and those of its mask, one after the other."""
    if row.objects is not None:
        large = f"image {row.image}: is read in windows, and objects are then connected components"
        raise InputError(f"{large}; take 'objects' out of {dataset.path.name}, or cut the image in parts")
    classes = len(dataset.classes)
    found, histogram = Components(dataset.background_index), np.zeros(classes + 1, np.int64)
    with opened_pair(dataset.root / row.image, dataset.root / row.mask, dataset) as source:
        height, width = source.size
        cells = Counter(width, classes)
        for first, last in source.bands():
            source.image.rows(first, last)  # decoded once, so that what is broken is told now
            mask = source.mask.rows(first, last)
            histogram += label_counts(mask, classes)
            found.add(mask)
            cells.add(mask)
    path, shown = dataset.root / row.mask, _shown_colors(row, histogram, dataset)
    whole = (height, width, histogram[:-1], int(histogram[-1]), found.objects())
    return ImageScan(*whole, mask_digest(path), shown, cells.rows())


def _image_size(row: ImageRow, dataset: Dataset) -> tuple[int, int]:
    """(height, width); where EXIF turns it and nobody said what that means for the mask, the mask's size may."""
    path = dataset.root / row.image
    try:
        height, width = read_image(path, dataset.orientation, dataset.layout).shape[:2]
    except Undeclared as error:
        stored, mask = picture_size(path), picture_size(dataset.root / row.mask)
        sides = {"upright": stored[::-1], "stored": stored} if error.quarter else {}
        fitting = [name for name, size in sides.items() if size == mask]
        told = f"; its mask has the size of '{fitting[0]}'" if len(fitting) == 1 else ""
        raise InputError(f"{error}{told}") from error
    return height, width


def _shown_colors(row: ImageRow, histogram: NDArray[np.int64], dataset: Dataset) -> dict[int, Color]:
    """The colours by which a viewer shows the numbers of a mask; none where numbers don't tell classes apart."""
    colors = palette(dataset.root / row.mask) if dataset.mask_encoding == "index" else None
    if colors is None:
        return {}
    numbers = [one.value for index, one in enumerate(dataset.classes) if histogram[index]]
    return {number: tuple(colors[number].tolist()) for number in numbers if number < len(colors)}


def components(mask: Labels, pixels: NDArray[np.int64], background: int | None) -> NDArray[np.int64]:
    """The 8-connected components of each class.

    Args:
        mask: (height, width) class indices, see read_mask.
        pixels: (classes,) int, pixels of each class in it.
        background: index of a class that has no objects, or None.

    Returns:
        (objects, 7) int64: OBJECT_COLUMNS; numbered from 1 within the image: by class, then from the top.
    """
    found = [_class_components(mask, int(index)) for index in np.flatnonzero(pixels) if index != background]
    objects = np.concatenate([np.zeros((0, 7), np.int64), *found])
    objects[:, 1] = np.arange(1, len(objects) + 1)
    return objects


def instance_objects(mask: Labels, instances: NDArray[np.int32], background: int | None) -> NDArray[np.int64]:
    """The objects that an instance mask outlines.

    An object is of the class with the most pixels inside its outline, background and ignored pixels left out; its
    pixels and its box are those of that class. An outline that holds no class is no object.

    Args:
        mask: (height, width) class indices, see read_mask.
        instances: (height, width) int32, number of the object at each pixel, 0 for none.
        background: index of the class that is no object, or None.

    Returns:
        (objects, 7) int64: OBJECT_COLUMNS, by number; `object` is the number in the instance mask.
    """
    ignored = ignored_in(mask)
    shown = (instances > 0) & (mask != ignored) & (mask != (ignored if background is None else background))
    y, x = np.nonzero(shown)
    numbers, which = np.unique(instances[y, x], return_inverse=True)
    if not len(numbers):
        return np.zeros((0, 7), np.int64)
    label = mask[y, x].astype(np.int64)
    radix = int(label.max()) + 1
    votes = np.bincount(which * radix + label, minlength=len(numbers) * radix)
    winner = votes.reshape(len(numbers), radix).argmax(axis=1)  # (objects,)
    own = label == winner[which]
    boxes = _boxes(which[own], x[own], y[own], len(numbers))
    pixels = np.bincount(which[own], minlength=len(numbers))
    return np.column_stack([winner, numbers, pixels, boxes]).astype(np.int64)


def _class_components(mask: Labels, index: int) -> NDArray[np.int64]:
    binary = (mask == index).view(np.uint8)
    # Searched in the rectangle round the class only: a data set of 150 classes would pay for 150 whole masks
    left, top, width, height = cv2.boundingRect(binary)
    crop = np.ascontiguousarray(binary[top : top + height, left : left + width])
    _, _, stats, _ = cv2.connectedComponentsWithStats(crop, connectivity=8)
    x, y, width_, height_, area = stats[1:].astype(np.int64).T  # the first is what isn't the class
    label, unnumbered = np.full_like(area, index), np.zeros_like(area)
    objects = np.column_stack([label, unnumbered, area, x + left, y + top, width_, height_])
    # OpenCV promises no order: sorted by position, the bytes are the same with any number of threads
    return np.asarray(objects[np.lexsort(objects[:, [6, 5, 2, 3, 4]].T)])


def _boxes(which: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """(count, 4) int64: x, y, width, height of the rectangle round the points of each number."""
    low, high = np.full((2, count), np.iinfo(np.int64).max), np.full((2, count), -1)
    for axis, points in enumerate((x, y)):
        np.minimum.at(low[axis], which, points)
        np.maximum.at(high[axis], which, points)
    return np.column_stack([low[0], low[1], high[0] - low[0] + 1, high[1] - low[1] + 1])


def _same_size(what: str, file: str, shape: tuple[int, ...], row: ImageRow, size: tuple[int, int]) -> None:
    if shape != size:
        turned = "one of the two was turned: mend that, or 'orientation'"
        todo = turned if shape == size[::-1] else "export it again at the image's size"
        raise InputError(
            f"{what} {file}: expected the size of its image {row.image}, {size[1]} x {size[0]} (width x height), "
            f"found {shape[1]} x {shape[0]}; {todo}"
        )
