"""Pixels of an image, a band of rows at a time: an array's, or those of a file that is never read as a whole."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.read import read_image
from imbseg.datasets.readers.layout import PHOTOGRAPH, Layout
from imbseg.datasets.readers.tiff import CHANNELS, Tag, Tiff, is_tiff
from imbseg.errors import InputError

Bytes = NDArray[np.uint8]
WHOLE = 2**25  # pixels up to which a TIFF is decoded as a whole


class Pixels(Protocol):
    """What is predicted: its size, and its rows."""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """(last - first, width, channels) of the run's layout."""


class Array:
    """An image in memory."""

    def __init__(self, image: NDArray[Any]) -> None:
        """(height, width, channels), or (height, width) class indices."""
        self.image = image

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.image.shape[:2]
        return height, width

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """A view, no copy."""
        return self.image[first:last]


@dataclasses.dataclass(frozen=True)
class Geography:
    """Where on the earth a photograph lies, as its file says it."""

    tags: list[Tag]
    big_endian: bool


def geography(path: Path) -> Geography | None:
    """None where the file doesn't say; a broken file is told when it is read."""
    if not is_tiff(path):
        return None
    try:
        with Tiff(path) as file:
            tags = file.geographic()
            return Geography(tags, file.big_endian) if tags else None
    except InputError:
        return None


@contextlib.contextmanager
def opened(path: Path, orientation: str | None, layout: Layout = PHOTOGRAPH) -> Iterator[Pixels]:
    """The pixels of an image file: read as training reads them, or those of a large TIFF as they are needed.

    Args:
        layout: of the run's images.

    Raises:
        InputError: the file can't be read.
    """
    if not is_tiff(path):
        yield Array(read_image(path, orientation, layout))
        return
    with Tiff(path, layout) as file:
        if layout.is_photograph and file.channels not in CHANNELS:
            expected = "expected a grey image, or red, green, blue with or without alpha"
            raise InputError(f"image {path}: {expected}, found {file.channels} channels; export the three that count")
        yield file if _in_windows(file) else Array(read_image(path, orientation, layout))


def is_large(path: Path, layout: Layout, size: tuple[int, int] | None = None) -> bool:
    """Whether windows of an image are read, never all of it: a TIFF of more than WHOLE pixels.

    Args:
        layout: of the data set's images.
        size: its two sides, where they are known: that spares most files a look.
    """
    if (size is not None and size[0] * size[1] <= WHOLE) or not is_tiff(path):
        return False
    try:
        with Tiff(path, layout) as file:
            return _in_windows(file)
    except InputError:
        return False  # reading it tells what is wrong


def _in_windows(file: Tiff) -> bool:
    return file.plain and file.size[0] * file.size[1] > WHOLE
