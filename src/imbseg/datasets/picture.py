"""The file of a picture -> its bytes, how it is to be turned, and for masks what Pillow decodes without any loss."""

import dataclasses
import io
import warnings
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imbseg.errors import InputError

MOST_PIXELS = 2**30  # OpenCV's limit, so images and masks have the same
EXIF_MARKS = (b"Exif", b"eXIf", b"EXIF", b"exif", b"irot")  # JPEG and AVIF, PNG, WebP, PNG of ImageMagick, AVIF
ORIENTATION = 0x0112  # the tag's number
TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}
FIRST_QUARTER = 5  # from here on width and height change places
TURNED_BACK = {6: 8, 8: 6}  # the others undo themselves
# JPEG 2000 and AVIF may be without loss, but nothing in the file says so: bytes can be cut off after the transform
LOSSY = {
    "JPEG": "JPEG",
    "MPO": "JPEG",
    "JPEG2000": "JPEG 2000",
    "AVIF": "AVIF",
    "DDS": "DDS",
    "BLP": "BLP",
    "FTEX": "FTEX",
}
IN_TIFF = {"jpeg": "JPEG", "tiff_jpeg": "JPEG", "webp": "WebP"}  # by Pillow's names of compressions
Number = TypeVar("Number", bound=np.generic)
# The limit is ours, see `decoded`: Pillow's own is a fifth of OpenCV's, and warns at half of it
Image.MAX_IMAGE_PIXELS = None


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A decoded picture.

    Attributes:
        picture: of Pillow.
        raw: Pillow's name of how its pixels are stored: "L;4" is grey of 4 bits, "" unknown.
    """

    picture: Image.Image
    raw: str

    def numbers(self, kind: type[Number]) -> NDArray[Number]:
        """(height, width) the numbers in the file: Pillow spreads grey of 2 and 4 bits over 0..255, for the eye."""
        values = np.asarray(self.picture, kind)
        factor = {"L;2": 85, "L;4": 17}.get(self.raw, 1)
        return values if factor == 1 else np.asarray(values // values.dtype.type(factor))

    def transparent(self) -> NDArray[np.bool_] | None:
        """(height, width) where alpha is below 255; None where nothing can be."""
        if not self.picture.has_transparency_data:
            return None
        return np.asarray(self.picture.convert("RGBA").getchannel("A")) < 255


def read_bytes(path: Path, what: str) -> bytes:
    """The content of a picture's file.

    Raises:
        InputError: it is missing or empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} {path}: can't be read ({error.strerror})") from error
    if not data:
        raise InputError(f"{what} {path}: the file is empty; fetch or export it again")
    return data


def decoded(path: Path, what: str) -> Decoded:
    """Decode a mask.

    Raises:
        InputError: it can't be decoded, is too large, was saved with loss, or is to be turned before it is shown.
    """
    data = read_bytes(path, what)
    try:
        picture = Image.open(io.BytesIO(data))  # of a path it would leave the file open where decoding fails
        stored = picture.tile[0].args if picture.tile else ""  # gone after load()
        if picture.width * picture.height > MOST_PIXELS:
            raise InputError(
                f"{what} {path}: has {picture.width} x {picture.height} pixels, more than 2^30; cut it in parts"
            )
        picture.load()
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{what} {path}: can't be decoded ({error}); fetch or export it again") from error
    if lossy := lossy_format(picture, data):
        raise InputError(
            f"{what} {path}: is saved as {lossy}, which changes values; export it again from the source as PNG"
        )
    if picture.format != "TIFF" and exif_orientation(data) > 1:  # Pillow and OpenCV turn a TIFF by themselves
        raise InputError(f"{what} {path}: has an EXIF orientation of its own; export it as PNG without one")
    raw = stored[0] if isinstance(stored, tuple) and stored else stored
    return Decoded(picture, raw if isinstance(raw, str) else "")


def exif_orientation(data: bytes) -> int:
    """How a picture's file says that it is to be turned before it is shown: 1 (not at all) to 8."""
    is_tiff = data[:2] in (b"II", b"MM")
    if not is_tiff and not any(mark in data for mark in EXIF_MARKS):
        return 1
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as picture:  # broken EXIF is none
            found = picture.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises whatever a broken or unknown file lets it
        return 1
    return found if found in TURNS else 1


def turned(pixels: NDArray[Number], orientation: int) -> NDArray[Number]:
    """Pixels as a viewer shows them.

    Args:
        pixels: (height, width, ...) as they are stored.
        orientation: 1 to 8, of EXIF.

    >>> turned(np.array([[1, 2, 3]]), 6).tolist()  # the camera was held upright: a quarter turn clockwise
    [[1], [2], [3]]
    """
    if orientation == 1:
        return pixels
    quarters, mirrored = TURNS[orientation]
    found = np.rot90(pixels, quarters)
    return np.ascontiguousarray(found[:, ::-1] if mirrored else found)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of a picture, from the head of its file; (0, 0) where it has none that can be read."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except Exception:  # whatever is wrong with it, reading it says it
        return 0, 0


def palette(path: Path) -> NDArray[np.uint8] | None:
    """(entries, 3) the colours of a picture's palette; None where it has none, or the grey ramp that says nothing."""
    with Image.open(path) as picture:
        if picture.mode not in ("P", "PA"):
            return None
        colors = np.array(picture.getpalette("RGB"), np.uint8).reshape(-1, 3)
    ramp = np.arange(len(colors), dtype=np.uint8)[:, None]
    return None if (colors == ramp).all() else colors


def lossy_format(picture: Image.Image, data: bytes) -> str | None:
    """The name of the format in which values may have been lost; None where they are those that were saved."""
    if picture.format == "TIFF" and (inside := IN_TIFF.get(str(picture.info.get("compression")))):
        return f"TIFF with {inside} compression"
    if picture.format == "WEBP":
        return "lossy WebP" if b"VP8 " in _webp_chunks(data) else None
    return LOSSY.get(picture.format or "")


def _webp_chunks(data: bytes) -> set[bytes]:
    """Names of the chunks; `VP8 ` holds a lossy picture, also inside the frame (ANMF) of an animation."""
    names, place = set(), 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        names.add(name)
        place += 24 if name == b"ANMF" else 8 + size + size % 2  # 8 and the 16 bytes before a frame's own chunks
    return names
