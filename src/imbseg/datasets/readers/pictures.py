"""PNG, JPEG 2000 and what else OpenCV and imagecodecs decode as a whole, with all bits and channels of the file."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.picture import exif_orientation, read_bytes
from imbseg.errors import InputError, first_line

AS_STORED = cv2.IMREAD_UNCHANGED  # turned by the caller; it leaves EXIF's orientation alone


def read(path: Path) -> tuple[NDArray[Any], int]:
    """What OpenCV decodes.

    Raises:
        InputError: the file is missing, empty or broken.
    """
    data = read_bytes(path, "image")
    image = by_opencv(path, data, AS_STORED)
    if image.ndim == 2:
        return image[..., None], exif_orientation(data)
    order = [2, 1, 0, *range(3, image.shape[2])] if image.shape[2] > 2 else [0, 1]
    return image[..., order], exif_orientation(data)


def by_opencv(path: Path, data: bytes, how: int, what: str = "image") -> NDArray[Any]:
    """What OpenCV makes of a file's bytes.

    Raises:
        InputError: they are broken, or too many pixels.
    """
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), how)
    except cv2.error as error:
        why = "more than 2^30 pixels" if "MAX_IMAGE" in str(error) else " ".join(str(error).split())
        raise InputError(f"{what} {path}: can't be decoded ({why}); cut it in parts") from error
    if image is None:
        other = "fetch it again, or export it as PNG or TIFF"
        raise InputError(f"{what} {path}: can't be decoded (cut short, or no format that OpenCV reads); {other}")
    return np.asarray(image)


def read_jpeg2000(path: Path) -> tuple[NDArray[Any], int]:
    """JPEG 2000 of any number of channels.

    Raises:
        InputError: the file can't be decoded.
    """
    import imagecodecs

    try:
        image = imagecodecs.jpeg2k_decode(read_bytes(path, "image"))
    except imagecodecs.Jpeg2kError as error:
        raise InputError(f"image {path}: can't be decoded ({first_line(error)}); fetch or export it again") from error
    return image.reshape(*image.shape[:2], -1), 1
