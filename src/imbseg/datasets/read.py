"""Image and mask files -> arrays; what can't be read is one error that names the file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from imbseg.datasets.spec import IGNORE, Dataset
from imbseg.errors import InputError

Bytes = NDArray[np.uint8]
Number = TypeVar("Number", np.uint8, np.int32)
# A mask has no EXIF orientation: turning the image alone would shift every label. All bits, so that 16 are noticed.
_AS_STORED = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION | cv2.IMREAD_ANYDEPTH
# OpenCV would print its own lines on a broken file beside the sentence of the error
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def read_image(path: Path) -> Bytes:
    """Read a colour or grey image: what make_meta.py checks and what training sees.

    Returns:
        (height, width, 3) uint8, red, green, blue.

    Raises:
        InputError: the file is missing, empty, cut short, no image, or has other than 8 bits a channel.
    """
    data = np.frombuffer(_bytes(path, "image"), np.uint8)
    try:
        image = cv2.imdecode(data, _AS_STORED)
    except cv2.error as error:
        raise InputError(f"image {path}: can't be decoded ({' '.join(str(error).split())}); cut it in parts") from error
    if image is None:
        raise InputError(f"image {path}: can't be decoded (cut short, or no format that OpenCV reads); "
                         "fetch it again, or export it as PNG or JPEG")  # fmt: skip
    if image.dtype != np.uint8:
        raise InputError(f"image {path}: expected 8 bits a channel, found {image.dtype}; choose yourself what becomes "
                         "0 and what 255, and export it with 8 bits (ImageMagick: mogrify -depth 8)")  # fmt: skip
    return np.asarray(image, np.uint8)


def read_mask(path: Path, dataset: Dataset) -> Bytes:
    """Read a mask as class indices.

    Returns:
        (height, width) uint8: class index, or 255 where the pixel is ignored.

    Raises:
        InputError: the file can't be read, isn't of the declared encoding, or holds a value that is no class.
    """
    picture, raw = _open(path, "mask")
    if dataset.mask_encoding == "rgb":
        return _from_colors(picture, raw, path, dataset)
    if picture.mode in ("RGB", "RGBA"):
        raise InputError(f"mask {path}: is an RGB picture, mask_encoding 'index' is declared; is it 'rgb'?")
    if picture.mode not in ("P", "L", "1"):
        raise InputError(f"mask {path}: expected one byte a pixel, found mode {picture.mode}; save it as an 8-bit PNG")
    values = _as_stored(np.asarray(picture, np.uint8), raw)
    if picture.mode == "1" and any(one.value == IGNORE for one in dataset.classes):
        values = values * np.uint8(255)  # one bit a pixel: 0 and 1, unless the classes say 0 and 255
    return _to_indices(values, path, dataset)


def read_objects(path: Path) -> NDArray[np.int32]:
    """Read an instance mask: (height, width) int32, 0 and 255 (VOC's border) are no object."""
    picture, raw = _open(path, "object mask")
    if picture.mode not in ("P", "L", "1") and not picture.mode.startswith("I"):
        raise InputError(f"object mask {path}: expected one number a pixel, found mode {picture.mode}; "
                         "save it as an 8-bit or 16-bit PNG")  # fmt: skip
    values = _as_stored(np.asarray(picture, np.int32), raw)
    return np.where(values == IGNORE, 0, values) if picture.mode == "P" else values


def _bytes(path: Path, what: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} {path}: can't be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{what} {path}: the file is empty; fetch or export it again")
    return data


def _open(path: Path, what: str) -> tuple[Image.Image, str]:
    """A decoded picture, and Pillow's name of how its pixels are stored: "L;4" is grey of 4 bits, "" unknown."""
    data = _bytes(path, what)
    try:
        picture = Image.open(io.BytesIO(data))  # of a path it would leave the file open where decoding fails
        stored = picture.tile[0].args if picture.tile else ""  # gone after load()
        picture.load()
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise InputError(f"{what} {path}: can't be decoded ({error}); fetch or export it again") from error
    raw = stored[0] if isinstance(stored, tuple) and stored else stored
    return picture, raw if isinstance(raw, str) else ""


def _as_stored(values: NDArray[Number], raw: str) -> NDArray[Number]:
    """The numbers in the file: Pillow spreads grey of 2 and 4 bits over 0..255, as a picture wants it."""
    return values // values.dtype.type({"L;2": 85, "L;4": 17}.get(raw, 1))


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


def _from_colors(picture: Image.Image, raw: str, path: Path, dataset: Dataset) -> Bytes:
    if picture.mode not in ("RGB", "RGBA"):
        raise InputError(
            f"mask {path}: holds one number a pixel (mode {picture.mode}), not a colour; is mask_encoding 'index'?"
        )
    if "16" in raw:  # Pillow would drop half of the bits
        raise InputError(f"mask {path}: expected 8 bits a channel, found {raw}; save it as an 8-bit RGB PNG")
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
