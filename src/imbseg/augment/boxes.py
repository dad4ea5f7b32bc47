"""Where the objects of the train fold lie, so that a crop can be placed on one without looking for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Boxes:
    """The boxes of all objects, image by image: 17 bytes an object, 8 an image.

    100,000 images of 20 objects take 35 MB, which the loader processes share.

    Attributes:
        start: (images + 1,) int64; the objects of image i are the rows start[i]:start[i + 1].
        label: (objects,) class indices.
        box: (objects, 4) int32: x, y, width, height in pixels of the file.
    """

    start: NDArray[np.int64]
    label: NDArray[np.int16]
    box: NDArray[np.int32]

    @classmethod
    def of(cls, ids: Sequence[str], objects: Any, class_names: Sequence[str]) -> Boxes:
        """Take them from the rows of objects.csv whose id is one of `ids`; other images' are left out."""
        import pandas as pd

        image = pd.Index(ids).get_indexer(objects["id"])  # (objects of all images,); -1: not of this fold
        order = np.argsort(image, kind="stable")[(image < 0).sum() :]
        label = pd.Index(class_names).get_indexer(objects["class"])[order].astype(np.int16)
        box = objects[["x", "y", "width", "height"]].to_numpy(np.int32)[order]
        return cls(np.searchsorted(image[order], np.arange(len(ids) + 1)), label, box)

    def has_object(self, classes: int) -> NDArray[np.bool_]:
        """(images, classes): whether an image has an object of a class."""
        there = np.zeros((len(self.start) - 1, classes), np.bool_)
        there[np.repeat(np.arange(len(there)), np.diff(self.start)), self.label] = True
        return there

    def draw_point(
        self, rng: np.random.Generator, image: int, label: int, mask: NDArray[Any]
    ) -> tuple[int, int] | None:
        """Draw an object of a class in an image, all alike however large, then one of its pixels.

        Args:
            rng: where the chance comes from; two numbers are drawn.
            mask: (height, width) of the image; a pixel is one of the class inside the object's box.

        Returns:
            (x, y) in pixels of the file; None where the image has no such object.
        """
        which, where = rng.random(2)
        first, end = self.start[image : image + 2]
        own = first + np.flatnonzero(self.label[first:end] == label)
        if not len(own):
            return None
        x, y, width, height = self.box[own[int(which * len(own))]].tolist()
        rows, columns = np.nonzero(mask[y : y + height, x : x + width] == label)
        if not len(rows):  # the mask was changed since meta was made
            return x + width // 2, y + height // 2
        pixel = int(where * len(rows))
        return x + int(columns[pixel]), y + int(rows[pixel])
