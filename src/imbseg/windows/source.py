"""A large image with its mask, of which windows are read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels
from imbseg.datasets.readers.tiff import Tiff
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.windows.mask import Mask, check_parts

Box = tuple[int, int, int, int]  # left, top, right, bottom: pixels of the file
Pair = tuple[NDArray[Any], Labels]
BAND = 2**22  # pixels of a band of rows
SHOWN = 2048  # pixels of the longer side of what a person sees


class Source:
    """An image and its mask; use `opened_pair`."""

    def __init__(self, image: Tiff, mask: Mask) -> None:
        """Of one size."""
        self.image, self.mask = image, mask

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.image.size

    def window(self, box: Box) -> Pair:
        """Pixels (height, width, channels) of the data set's layout, and class indices (height, width).

        Raises:
            InputError: a part of a file can't be decoded, or holds what it may not.
        """
        left, top, right, bottom = box
        pixels = self.image.window(top, bottom, left, right)
        return self.image.layout.fitted(pixels, f"image {self.image.path}"), self.classes(box)

    def classes(self, box: Box) -> Labels:
        """Class indices (height, width) alone."""
        left, top, right, bottom = box
        return self.mask.window(top, bottom, left, right)

    def part(self, box: tuple[int, ...]) -> Labels:
        """Class indices of a part x, y, width, height."""
        x, y, width, height = box
        return self.classes((x, y, x + width, y + height))

    def bands(self) -> Iterator[tuple[int, int]]:
        """First row and the one behind the last of bands that are some tiles high."""
        height, width = self.size
        part = max(self.image.part[0], 1)
        rows = max(BAND // width // part, 1) * part
        for first in range(0, height, rows):
            yield first, min(first + rows, height)

    def reduced(self) -> tuple[NDArray[Any], Labels]:
        """Every second, third ... pixel of both, so that no side has more than SHOWN."""
        step = -(-max(self.size) // SHOWN)
        images, masks = [], []
        for first, last in self.bands():
            start = -first % step
            if start < last - first:
                images.append(self.image.rows(first, last)[start::step, ::step].copy())
                masks.append(self.mask.rows(first, last)[start::step, ::step].copy())
        return np.concatenate(images), np.concatenate(masks)


@contextlib.contextmanager
def opened_pair(image: Path, mask: Path, dataset: Dataset) -> Iterator[Source]:
    """Open an image that is read in windows (see pixels.is_large) with its mask.

    Raises:
        InputError: one of the two can't be read in windows, or they differ in size.
    """
    with Tiff(image, dataset.layout) as pixels:
        check_parts(pixels, f"image {image}")
        with Mask(mask, dataset) as classes:
            if classes.size != pixels.size:
                (high, wide), (height, width) = classes.size, pixels.size
                expected = f"expected the size of its image {image}, {width} x {height} (width x height)"
                raise InputError(f"mask {mask}: {expected}, found {wide} x {high}; export it again at the image's size")
            yield Source(pixels, classes)
