"""Image and mask files -> arrays; what can't be read is one error that names the file."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from imbseg.datasets.spec import IGNORE, Dataset
from imbseg.errors import InputError

Bytes = NDArray[np.uint8]


def read_image(path: Path) -> Bytes:
    """Read a colour or grey image.

    Returns:
        (height, width, 3) uint8, red, green, blue.

    Raises:
        InputError: the file is missing, empty, cut short, or no image.
    """
    data = _bytes(path, "image")
    if path.suffix.lower() in (".jpg", ".jpeg") and b"\xff\xd9" not in data[-4096:]:
        raise InputError(f"image {path}: cut short (the JPEG's end is missing); fetch or export it again")
    # As it is stored: a mask has no EXIF orientation, and turning one of the two would shift every label
    how = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    if image is None:
        raise InputError(f"image {path}: can't be decoded (empty, cut short or no image); fetch or export it again")
    return np.asarray(image, np.uint8)


def read_mask(path: Path, dataset: Dataset) -> Bytes:
    """Read a mask as class indices.

    Returns:
        (height, width) uint8: class index, or 255 where the pixel is ignored.

    Raises:
        InputError: the file can't be read, isn't of the declared encoding, or holds a value that is no class.
    """
    picture = _open(path, "mask")
    if dataset.mask_encoding == "rgb":
        return _from_colors(picture, path, dataset)
    if picture.mode in ("RGB", "RGBA"):
        raise InputError(f"mask {path}: is an RGB picture, mask_encoding 'index' is declared; is it 'rgb'?")
    if picture.mode not in ("P", "L", "1"):
        raise InputError(f"mask {path}: expected one byte a pixel, found mode {picture.mode}; save it as an 8-bit PNG")
    values = np.asarray(picture, np.uint8)
    if picture.mode == "1" and any(one.value == IGNORE for one in dataset.classes):
        values = values * np.uint8(255)  # one bit a pixel: 0 and 1, unless the classes say 0 and 255
    return _to_indices(values, path, dataset)


def read_objects(path: Path) -> NDArray[np.int32]:
    """Read an instance mask: (height, width) int32, 0 and 255 (VOC's border) are no object."""
    picture = _open(path, "object mask")
    if picture.mode in ("RGB", "RGBA", "CMYK"):
        raise InputError(f"object mask {path}: expected one number a pixel, found mode {picture.mode}")
    values = np.asarray(picture, np.int32)
    return np.where(values == IGNORE, 0, values) if picture.mode == "P" else values


def check_image(path: Path) -> tuple[int, int]:
    """Decode an image strictly and give its size (height, width)."""
    picture = _open(path, "image")
    return picture.height, picture.width


def _bytes(path: Path, what: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} {path}: can't be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{what} {path}: the file is empty; fetch or export it again")
    return data


def _open(path: Path, what: str) -> Image.Image:
    data = _bytes(path, what)
    try:
        picture = Image.open(io.BytesIO(data))  # of a path it would leave the file open where decoding fails
        picture.load()
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{what} {path}: can't be decoded ({error}); fetch or export it again") from error
    return picture


def _to_indices(values: Bytes, path: Path, dataset: Dataset) -> Bytes:
    table, known = np.zeros(256, np.uint8), np.zeros(256, np.uint8)
    for index, one in enumerate(dataset.classes):
        table[one.value], known[one.value] = index, 1
    if dataset.ignore_index is not None:
        table[dataset.ignore_index], known[dataset.ignore_index] = IGNORE, 1
    if cv2.countNonZero(cv2.LUT(values, known)) < values.size:
        strange = sorted({int(value) for value in np.unique(values)} - {int(value) for value in np.flatnonzero(known)})
        also = f" nor the ignore index {dataset.ignore_index}" if dataset.ignore_index is not None else ""
        hint = "is mask_encoding 'rgb'?" if dataset.ignore_index is not None else "is an ignore_index missing?"
        raise InputError(
            f"mask {path}: value {strange[0]} is no class value ({_ranges(dataset)}){also}; "
            f"{hint} Do the classes' 'value' fit?"
        )
    return np.asarray(cv2.LUT(values, table), np.uint8)


def _ranges(dataset: Dataset) -> str:
    values = sorted(one.value for one in dataset.classes)
    contiguous = values == list(range(values[0], values[-1] + 1)) and len(values) > 2
    return f"{values[0]}..{values[-1]}" if contiguous else ", ".join(map(str, values))


def _from_colors(picture: Image.Image, path: Path, dataset: Dataset) -> Bytes:
    if picture.mode not in ("RGB", "RGBA"):
        raise InputError(
            f"mask {path}: holds one number a pixel (mode {picture.mode}), not a colour; is mask_encoding 'index'?"
        )
    rgb = np.asarray(picture.convert("RGB"), np.uint32)
    codes = (rgb[..., 0] << 16) | (rgb[..., 1] << 8) | rgb[..., 2]
    unique, inverse = np.unique(codes, return_inverse=True)
    index = {_code(one.color): number for number, one in enumerate(dataset.classes) if one.color}
    if dataset.ignore_index is not None:
        index.setdefault(_code((dataset.ignore_index,) * 3), IGNORE)
    strange = [int(code) for code in unique if int(code) not in index]
    if strange:
        red, green, blue = strange[0] >> 16, strange[0] >> 8 & 255, strange[0] & 255
        raise InputError(
            f"mask {path}: colour [{red}, {green}, {blue}] is no class's; add it to 'classes', or mend the mask"
        )
    table = np.array([index[int(code)] for code in unique], np.uint8)
    return table[inverse].reshape(codes.shape)


def _code(color: tuple[int, ...]) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]
