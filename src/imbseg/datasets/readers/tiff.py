"""TIFF files of any size: rows decoded as they are needed, and geographic tags."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tifffile
from numpy.typing import NDArray

from imbseg.datasets.picture import ORIENTATION, TURNS
from imbseg.datasets.readers import reader_of
from imbseg.datasets.readers.layout import PHOTOGRAPH, Layout
from imbseg.errors import InputError, first_line

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it would print lines of its own beside the error's sentence
# ModelPixelScale, ModelTiepoint, ModelTransformation, GeoKeyDirectory, GeoDoubleParams, GeoAsciiParams (OGC 19-008r4)
GEOGRAPHIC = (33550, 33922, 34264, 34735, 34736, 34737)
REDUCED, MASK = 1, 4  # NewSubfileType: an overview, a transparency mask
CHANNELS = (1, 3, 4)  # grey; red, green, blue; the same with alpha
INK_SET, CMYK = 332, 1  # a tag, and its value where it is left out
MIXED = ("SEPARATED", "YCBCR", "CIELAB", "ICCLAB", "ITULAB", "LOGL", "LOGLUV")
LOSSY = ("JPEG", "JP2000", "WEBP", "LERC", "JETRAW")  # parts of the names of compressions that may change numbers


class Tag(NamedTuple):
    """A tag as it lies in a file: code, type, number of values, their bytes."""

    code: int
    kind: int
    number: int
    value: bytes


def is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does."""
    return reader_of(path) == "tiff"


def read(path: Path) -> tuple[NDArray[Any], int]:
    """All pixels of a TIFF, its bands side by side in the file or one after the other.

    Raises:
        InputError: it can't be read, holds several pictures, or a palette.
    """
    with Tiff(path) as file:
        return file.window(0, file.size[0], 0, file.size[1]), file.orientation


class Tiff:
    """A TIFF with one picture, of which parts are decoded as they are needed; use it in a `with` statement."""

    def __init__(self, path: Path, layout: Layout = PHOTOGRAPH) -> None:
        """Read the head.

        Args:
            layout: of what `rows` gives.

        Raises:
            InputError: it can't be read, or holds several pictures.
        """
        self.path, self.layout = path, layout
        try:
            self._file = tifffile.TiffFile(path)
            pages = _pictures(self._file)
        except Exception as error:  # a broken head fails in many ways
            raise InputError(f"image {path}: can't be read as a TIFF ({first_line(error)}); export it again") from error
        if len(pages) != 1:
            self._file.close()
            raise InputError(f"image {path}: expected one picture, found {len(pages)} pages; save each as a file")
        self._page = pages[0].aspage()
        self._kept: dict[int, NDArray[Any] | None] = {}

    def __enter__(self) -> Tiff:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return int(self._page.imagelength), int(self._page.imagewidth)

    @property
    def channels(self) -> int:
        """Of a pixel, alpha among them."""
        return int(self._page.samplesperpixel)

    @property
    def photometric(self) -> int:
        """What its numbers mean, as tifffile.PHOTOMETRIC counts."""
        return int(self._page.photometric)

    @property
    def depth(self) -> str:
        """Type of its numbers, such as uint8; of less than 8 bits how many."""
        bits = self._page.bitspersample
        return str(self._page.dtype) if bits >= 8 else f"{bits} bits"

    @property
    def lossy(self) -> str:
        """The name of a compression that may change numbers; empty where none does."""
        name = self._page.compression.name if hasattr(self._page.compression, "name") else str(self._page.compression)
        return name if any(one in name for one in LOSSY) else ""

    @property
    def part(self) -> tuple[int, int]:
        """(rows, columns) of what is decoded at once: a tile or strip."""
        page, (height, width) = self._page, self.size
        return (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, height), width)

    @property
    def orientation(self) -> int:
        """How it is to be turned before it is shown, as EXIF counts."""
        found = self._page.tags[ORIENTATION].value if ORIENTATION in self._page.tags else 1
        return found if found in TURNS else 1

    @property
    def plain(self) -> bool:
        """Whether `rows` can read it: not to be turned, and a photograph is grey or colour of 8 bits."""
        page = self._page
        kinds = ("MINISBLACK", "RGB", "YCBCR")
        eight = page.dtype == np.uint8 and page.bitspersample == 8 and self.channels in CHANNELS
        known = getattr(page.photometric, "name", "") in kinds and not self.mixed
        return bool(known and self.orientation == 1 and (eight or not self.layout.is_photograph))

    @property
    def mixed(self) -> str:
        """What its numbers are where they are neither grey, nor red, green, blue, nor bands; else empty."""
        kind = getattr(self._page.photometric, "name", "")
        inks = self._page.tags.get(INK_SET)
        if (kind == "YCBCR" and self.lossy) or (kind == "SEPARATED" and inks is not None and inks.value != CMYK):
            return ""  # decoded to colours; several inks, as bands are
        return kind if kind in MIXED else ""

    @property
    def big_endian(self) -> bool:
        """The order of its bytes, which those of its tags have too."""
        return bool(self._file.byteorder == ">")

    def geographic(self) -> list[Tag]:
        """The tags that say where on the earth it lies; empty where it doesn't say."""
        found, handle = [], self._file.filehandle
        for code in GEOGRAPHIC:
            if code in self._page.tags:
                tag = self._page.tags[code]
                handle.seek(tag.valueoffset)
                found.append(Tag(code, int(tag.dtype), int(tag.count), handle.read(tag.valuebytecount)))
        return found

    def rows(self, first: int, last: int) -> NDArray[Any]:
        """(last - first, width, channels) as the layout says; what lies above `first` won't be asked for again.

        Raises:
            InputError: a part of the file can't be decoded, or has other channels or values than the layout.
        """
        return self.layout.fitted(self.window(first, last, 0, self.size[1]), f"image {self.path}")

    def window(self, first: int, last: int, begin: int, end: int) -> NDArray[Any]:
        """Rows first to last and columns begin to end, (height, width, channels), light where numbers are large.

        Raises:
            InputError: a part of the file can't be decoded, or it holds a palette.
        """
        if self.photometric == tifffile.PHOTOMETRIC.PALETTE or self._page.dtype is None:
            raise InputError(f"image {self.path}: expected one number a channel, found a palette; export it without")
        if self.mixed:
            what = f"found {self.mixed}, whose numbers are other colours"
            raise InputError(f"image {self.path}: expected grey, red, green, blue, or bands, {what}; export it as RGB")
        found = self.numbers(first, last, begin, end)
        is_inverse = self.photometric == tifffile.PHOTOMETRIC.MINISWHITE and found.dtype.kind == "u"
        return ~found if is_inverse else found

    def numbers(self, first: int, last: int, begin: int, end: int) -> NDArray[Any]:
        """The same as they are stored: of a palette the places in it.

        Raises:
            InputError: a part of the file can't be decoded.
        """
        page, (height, width) = self._page, self.size
        high, wide = self.part
        across, down = -(-width // wide), -(-height // high)
        planes = page.samplesperpixel if page.planarconfig == 2 else 1
        found = np.zeros((last - first, end - begin, page.samplesperpixel), page.dtype)
        self._kept = {n: part for n, part in self._kept.items() if (n % (across * down) // across + 1) * high > first}
        for row in range(first // high, -(-last // high)):
            top, bottom = max(row * high, first), min((row + 1) * high, last)
            for column in range(begin // wide, -(-end // wide)):
                for plane in range(planes):
                    part = self._segment((plane * down + row) * across + column)
                    if part is None:
                        continue  # sparse: nothing was written there
                    left, right = max(column * wide, begin), min((column + 1) * wide, end)
                    cut = part[top - row * high : bottom - row * high, left - column * wide : right - column * wide]
                    channels = slice(plane, plane + 1) if planes > 1 else slice(None)
                    found[top - first : bottom - first, left - begin : right - begin, channels] = cut
        return found

    def _segment(self, number: int) -> NDArray[Any] | None:
        """(rows, columns, channels) of a tile or strip."""
        if number in self._kept:
            return self._kept[number]
        page, handle = self._page, self._file.filehandle
        try:
            handle.seek(page.dataoffsets[number])
            data = handle.read(page.databytecounts[number]) if page.databytecounts[number] else None
            part = page.decode(data, number, jpegtables=page.jpegtables, jpegheader=page.jpegheader)[0]
        except Exception as error:  # every codec has its own errors
            raise InputError(
                f"image {self.path}: can't be decoded ({first_line(error)}); fetch or export it again"
            ) from error
        self._kept[number] = None if part is None else np.asarray(part)[0]
        return self._kept[number]


def _pictures(file: tifffile.TiffFile) -> list[Any]:
    """Its pages without overviews and masks; tifffile would follow a page that names an earlier one for ever."""
    places, found = set[int](), []
    try:
        for page in file.pages:
            if page.offset in places:
                raise ValueError("its pages lead back to an earlier one")
            places.add(page.offset)
            if not page.aspage().subfiletype & (REDUCED | MASK):
                found.append(page)
    except Exception:
        file.close()
        raise
    return found
