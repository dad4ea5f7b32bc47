"""Where the objects of the train fold lie, so that a crop can be placed on one without looking for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.windows.cells import Cells

Classes = Callable[[tuple[int, ...]], NDArray[Any]]
MOST_READ = 2**22  # pixels of a box that is read to choose one of its pixels, where the image is large


@dataclasses.dataclass(frozen=True)
class Boxes:
    """The boxes of all objects, image by image: 17 bytes an object, 8 an image.

    100,000 images of 20 objects take 35 MB, which the loader processes share.

    Attributes:
        start: (images + 1,) int64; the objects of image i are the rows start[i]:start[i + 1].
        label: (objects,) class indices.
        box: (objects, 4) int32: x, y, width, height in pixels of the file.
        cells: where the classes of large images are.
    """

    start: NDArray[np.int64]
    label: NDArray[np.int16]
    box: NDArray[np.int32]
    cells: Cells | None = None

    @classmethod
    def of(cls, ids: Sequence[str], objects: Any, class_names: Sequence[str], cells: Cells | None = None) -> Boxes:
        """Take them from the rows of objects.csv whose id is one of `ids`; other images' are left out."""
        import pandas as pd

        image = pd.Index(ids).get_indexer(objects["id"])  # (objects of all images,); -1: not of this fold
        order = np.argsort(image, kind="stable")[(image < 0).sum() :]
        label = pd.Index(class_names).get_indexer(objects["class"])[order].astype(np.int16)
        box = objects[["x", "y", "width", "height"]].to_numpy(np.int32)[order]
        return cls(np.searchsorted(image[order], np.arange(len(ids) + 1)), label, box, cells)

    def has_object(self, classes: int) -> NDArray[np.bool_]:
        """(images, classes): whether an image has an object of a class."""
        there = np.zeros((len(self.start) - 1, classes), np.bool_)
        there[np.repeat(np.arange(len(there)), np.diff(self.start)), self.label] = True
        return there

    def draw_point(self, rng: np.random.Generator, image: int, label: int, classes: Classes) -> tuple[int, int] | None:
        """Draw an object of a class in an image, all alike however large, then one of its pixels.

        Of an object whose box is too large to be read, a cell by its pixels of the class, then one of them.

        Args:
            rng: where the chance comes from; two numbers are drawn.
            classes: of a part (x, y, width, height) of the image, (height, width); a pixel is one of the class inside
                the object's box.

        Returns:
            (x, y) in pixels of the file; None where the image has no such object.
        """
        which, where = rng.random(2)
        first, end = self.start[image : image + 2]
        own = first + np.flatnonzero(self.label[first:end] == label)
        if not len(own):
            return None
        box = tuple(self.box[own[int(which * len(own))]].tolist())
        if self.cells is not None and box[2] * box[3] > MOST_READ and self.cells.holds(image):
            box, where = self.cells.draw(image, label, box, float(where))
        x, y, width, height = box
        rows, columns = np.nonzero(classes(box) == label)
        if not len(rows):  # the mask was changed since meta was made
            return x + width // 2, y + height // 2
        pixel = int(where * len(rows))
        return x + int(columns[pixel]), y + int(rows[pixel])


def part_of(mask: NDArray[Any]) -> Classes:
    """The parts of a mask (height, width) in memory."""

    def classes(box: tuple[int, ...]) -> NDArray[Any]:
        x, y, width, height = box
        return mask[y : y + height, x : x + width]

    return classes
