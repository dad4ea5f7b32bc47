"""Formats of images (a menu of readers), files of any size, and how pixels lie in memory (layout).

A reader is a function of a file's path that gives its pixels as they are stored, (height, width, channels) of any type
with red before blue, and the EXIF orientation. Photographs of 8 bits go another way: OpenCV reads all of them
(see imbseg.datasets.read).
"""

from pathlib import Path

READERS = {
    "tiff": "imbseg.datasets.readers.tiff:read",
    "jpeg2000": "imbseg.datasets.readers.pictures:read_jpeg2000",
    "opencv": "imbseg.datasets.readers.pictures:read",
}
# The first bytes of a file; whatever begins otherwise is OpenCV's
MAGIC = {b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff"}
MAGIC |= {b"\0\0\0\x0c": "jpeg2000", b"\xff\x4f\xff\x51": "jpeg2000"}


def reader_of(path: Path) -> str:
    """The name of the reader for a file, by its first bytes; OpenCV's where it can't be opened, which then says so."""
    try:
        with path.open("rb") as handle:
            return MAGIC.get(handle.read(4), "opencv")
    except OSError:
        return "opencv"
