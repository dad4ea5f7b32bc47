"""The mask of a large image, a window at a time: of a TIFF what is needed is decoded, another file once as a whole."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from imbseg.datasets.class_values import from_colors, from_numbers
from imbseg.datasets.labels import Labels
from imbseg.datasets.picture import picture_size
from imbseg.datasets.read import read_mask
from imbseg.datasets.readers.tiff import Tiff, is_tiff
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError

MOST_WHOLE = 2**27  # pixels of a mask that is decoded as a whole
MOST_PART = 2**24  # pixels of a tile or strip
TILED = "save it in tiles, without loss (gdal_translate -co TILED=YES -co COMPRESS=LZW)"
MOST_KEPT = 2
_KEPT: OrderedDict[tuple[str, int, str], Labels] = OrderedDict()  # samples of an image come one after the other
DEPTHS = ("uint8", "uint16", "int16", "uint32", "int32")


class Mask:
    """Class indices of a mask; use it in a `with` statement."""

    def __init__(self, path: Path, dataset: Dataset) -> None:
        """Read the head of a TIFF, or all of another file.

        Raises:
            InputError: it can't be read, or not in windows.
        """
        self.path, self.dataset = path, dataset
        self._file = Tiff(path) if is_tiff(path) else None
        try:
            self._whole = None if self._file else _decoded(path, dataset)
            if self._file:
                _check(self._file, dataset)
        except InputError:
            self.close()
            raise

    def __enter__(self) -> Mask:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.__exit__()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        if self._file:
            return self._file.size
        if self._whole is None:
            raise AssertionError("a mask is a TIFF or was decoded")
        return self._whole.shape[0], self._whole.shape[1]

    def rows(self, first: int, last: int) -> Labels:
        """Rows first to last; what lies above `first` won't be asked for again."""
        return self.window(first, last, 0, self.size[1])

    def window(self, first: int, last: int, begin: int, end: int) -> Labels:
        """Rows first to last and columns begin to end, see read_mask.

        Raises:
            InputError: a part can't be decoded, or holds what is no class.
        """
        if self._whole is not None:
            return np.ascontiguousarray(self._whole[first:last, begin:end])
        if self._file is None:
            raise AssertionError("a mask is a TIFF or was decoded")
        found = self._file.numbers(first, last, begin, end)
        if self.dataset.mask_encoding == "rgb":
            return from_colors(np.ascontiguousarray(found), None, self.path, self.dataset)
        return from_numbers(_sixteen(np.ascontiguousarray(found[..., 0]), self.path), self.path, self.dataset)


def _sixteen(found: NDArray[Any], path: Path) -> NDArray[Any]:
    if found.dtype in (np.uint8, np.uint16):
        return found
    if found.size and (found.min() < 0 or found.max() >= 2**16):
        raise InputError(f"mask {path}: expected numbers of 16 bits, found {found.min()} to {found.max()}; mend it")
    return found.astype(np.uint16)


def _decoded(path: Path, dataset: Dataset) -> Labels:
    width, height = picture_size(path)
    if width * height > MOST_WHOLE:
        what = f"{width} x {height} pixels are more than a mask may have that is no TIFF"
        raise InputError(f"mask {path}: belongs to an image that is read in windows, and {what}; {TILED}")
    key = str(path), path.stat().st_mtime_ns if path.is_file() else 0, dataset.digest
    if key not in _KEPT:
        _KEPT[key] = read_mask(path, dataset)
        while len(_KEPT) > MOST_KEPT:
            _KEPT.popitem(last=False)
    return _KEPT[key]


def _check(file: Tiff, dataset: Dataset) -> None:
    """Refuse a TIFF whose numbers aren't those that were saved, or aren't a class each."""
    rgb, where = dataset.mask_encoding == "rgb", f"mask {file.path}"
    palette = file.photometric == tifffile.PHOTOMETRIC.PALETTE
    if file.lossy:
        raise InputError(f"{where}: is saved as TIFF with {file.lossy} compression, which changes values; {TILED}")
    if file.orientation != 1:
        raise InputError(f"{where}: is to be turned (orientation {file.orientation}); export it upright")
    if file.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        raise InputError(f"{where}: is stored inverted (MinIsWhite); export it as MinIsBlack")
    if file.channels != (3 if rgb else 1) or (rgb and palette):
        wanted = "red, green, blue" if rgb else "one number a pixel"
        found = "a palette" if palette else f"{file.channels} channels"
        raise InputError(f"{where}: expected {wanted} (mask_encoding {dataset.mask_encoding}), found {found}; mend it")
    if file.depth not in (("uint8",) if rgb else DEPTHS):
        raise InputError(f"{where}: expected numbers of 8 or 16 bits, found {file.depth}; export it so")
    check_parts(file, where)


def check_parts(file: Tiff, where: str) -> None:
    """Refuse a TIFF of which hardly less than all is decoded for a window.

    Raises:
        InputError: its tiles or strips are too large.
    """
    high, wide = file.part
    if high * wide > MOST_PART:
        what = f"{wide} x {high} (width x height)"
        raise InputError(f"{where}: expected tiles or strips of at most {MOST_PART} pixels, found {what}; {TILED}")
