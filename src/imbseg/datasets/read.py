"""Image and mask files -> arrays; what can't be read is one error that names the file."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.class_values import from_colors, from_numbers, refuse_transparent
from imbseg.datasets.labels import IGNORE, Labels
from imbseg.datasets.picture import FIRST_QUARTER, TURNED_BACK, Decoded, decoded, exif_orientation, read_bytes, turned
from imbseg.datasets.readers import READERS, reader_of
from imbseg.datasets.readers.layout import PHOTOGRAPH, Layout
from imbseg.datasets.readers.pictures import by_opencv
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.menu import choose

Bytes = NDArray[np.uint8]
# All bits, so that 16 are noticed; turned below, since OpenCV knows the orientation of some formats only.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION | cv2.IMREAD_ANYDEPTH
# OpenCV would print its own lines on a broken file beside the sentence of the error
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class Undeclared(InputError):
    """An image is to be turned before it is shown, and nobody said whether its mask was drawn on it turned."""

    def __init__(self, path: Path, tag: int) -> None:
        """Of an image with this EXIF orientation."""
        self.quarter = tag >= FIRST_QUARTER
        super().__init__(
            f"image {path}: EXIF orientation {tag} turns it; add 'orientation: upright' to the data set "
            f"file if the masks were drawn on the turned pictures, 'orientation: stored' if on "
            f"the pixels as they lie in the files"
        )


def read_image(path: Path, orientation: str | None = None, layout: Layout = PHOTOGRAPH) -> NDArray[Any]:
    """Read an image: what make_meta.py checks and what training sees.

    Args:
        orientation: of the data set: `upright` turns it as EXIF says, `stored` leaves it as it lies in the file.
        layout: of the data set.

    Returns:
        (height, width, channels) as the layout says; by default (height, width, 3) uint8, red, green, blue.

    Raises:
        Undeclared: EXIF says that it is to be turned, and orientation is None.
        InputError: the file is missing, empty, cut short, no image, or has other channels or values than the layout.
    """
    if layout.is_photograph:
        return _photograph(path, orientation)
    found, tag = choose(READERS, reader_of(path), "reader")(path)
    image = layout.fitted(found, f"image {path}")
    if tag != 1 and orientation is None:
        raise Undeclared(path, tag)
    return turned(image, tag) if orientation == "upright" else image


def _photograph(path: Path, orientation: str | None) -> Bytes:
    """(height, width, 3) uint8 of what OpenCV reads."""
    data = read_bytes(path, "image")
    image = by_opencv(path, data, _AS_STORED)
    if image.dtype != np.uint8:
        raise InputError(
            f"image {path}: expected 8 bits a channel, found {image.dtype}; say in the data set file what becomes 0 "
            "and 1 (range: uint16, [low, high], or percentile: [1, 99])"
        )
    return _as_declared(np.asarray(image, np.uint8), data, path, orientation)


def _as_declared(image: Bytes, data: bytes, path: Path, declared: str | None) -> Bytes:
    tag = exif_orientation(data)
    if tag == 1:
        return image
    if declared is None:
        raise Undeclared(path, tag)
    is_upright = data[:2] in (b"II", b"MM")  # OpenCV turns a TIFF, whatever is asked
    if is_upright:
        return image if declared == "upright" else turned(image, TURNED_BACK.get(tag, tag))
    return turned(image, tag) if declared == "upright" else image


def read_mask(path: Path, dataset: Dataset) -> Labels:
    """Read a mask as class indices.

    Returns:
        (height, width) uint8: class index, or 255 where the pixel is ignored; of more classes int16 and -1.

    Raises:
        InputError: the file can't be read or was saved with loss, isn't of the declared encoding, holds a value that
            is no class, or a class where it is transparent.
    """
    found = decoded(path, "mask")
    transparent = found.transparent()
    if dataset.mask_encoding == "rgb":
        mask = from_colors(_colors(found, path), transparent, path, dataset)
    else:
        mask = from_numbers(_numbers(found, path, dataset), path, dataset)
    refuse_transparent(mask, transparent, path, dataset)
    return mask


def _numbers(found: Decoded, path: Path, dataset: Dataset) -> NDArray[Any]:
    mode = found.picture.mode
    if mode in ("RGB", "RGBA"):
        raise InputError(f"mask {path}: is an RGB picture, mask_encoding 'index' is declared; is it 'rgb'?")
    if mode in ("LA", "PA"):
        return np.asarray(found.picture, np.uint8)[..., 0]
    if mode.startswith("I"):
        deep = found.numbers(np.int64)
        low, high = int(deep.min()), int(deep.max())
        if low < 0 or high >= 2**16:
            raise InputError(f"mask {path}: expected numbers of 16 bits, found {low} to {high}; mend it")
        return deep.astype(np.uint16)
    if mode not in ("P", "L", "1"):
        raise InputError(
            f"mask {path}: expected a whole number a pixel, found mode {mode}; save it as a PNG of 8 or 16 bits"
        )
    values = found.numbers(np.uint8)
    if mode == "1" and any(one.value == IGNORE for one in dataset.classes):
        return values * np.uint8(255)  # one bit a pixel: 0 and 1, unless the classes say 0 and 255
    return values


def _colors(found: Decoded, path: Path) -> Bytes:
    """(height, width, 3) what the picture shows; a palette gives each number its colour, in each file its own."""
    mode = found.picture.mode
    if mode not in ("RGB", "RGBA", "P", "PA"):
        raise InputError(
            f"mask {path}: holds one number a pixel (mode {mode}), not a colour; is mask_encoding 'index'?"
        )
    if "16" in found.raw:  # Pillow would drop half of the bits
        raise InputError(f"mask {path}: expected 8 bits a channel, found {found.raw}; save it as an 8-bit RGB PNG")
    return np.asarray(found.picture if mode == "RGB" else found.picture.convert("RGBA"), np.uint8)[..., :3]


def read_objects(path: Path) -> NDArray[np.int32]:
    """Read an instance mask: (height, width) int32, 0 and 255 (VOC's border) are no object.

    Raises:
        InputError: the file can't be read or was saved with loss, holds no whole numbers, or objects that are
            transparent.
    """
    found = decoded(path, "object mask")
    mode = found.picture.mode
    if mode not in ("P", "L", "1") and not mode.startswith("I"):
        raise InputError(
            f"object mask {path}: expected one number a pixel, found mode {mode}; save it as an 8-bit or 16-bit PNG"
        )
    values = found.numbers(np.int32)
    objects = np.where(values == IGNORE, 0, values) if mode == "P" else values
    transparent = found.transparent() if mode in ("P", "L", "1") else None
    if transparent is not None and (erased := int((transparent & (objects > 0)).sum())):
        raise InputError(f"object mask {path}: {erased} pixels of objects are transparent; make them 0, or opaque")
    return objects
