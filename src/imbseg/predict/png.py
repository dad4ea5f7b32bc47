"""A PNG file written row by row: labels with a palette, or 16-bit grey, of images too large for memory."""

import struct
import zlib
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.exact_png import chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, INDEXED = 0, 3  # PNG's colour types


class Png:
    """An open file that takes rows from top to bottom; it is whole after `close`."""

    def __init__(self, handle: IO[bytes], width: int, height: int, palette: NDArray[np.uint8] | None = None) -> None:
        """Write the head.

        Args:
            handle: open for writing.
            palette: (at most 256, 3) of a file of class indices; None: of 16-bit grey.
        """
        self._handle, self._packer = handle, zlib.compressobj(6)
        bits, kind = (16, GREY) if palette is None else (8, INDEXED)
        handle.write(SIGNATURE + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)))
        if palette is not None:
            handle.write(chunk(b"PLTE", palette.astype(np.uint8).tobytes()))

    def write(self, rows: NDArray[Any]) -> None:
        """Append rows (rows, width): uint8 indices, or uint16."""
        plain = np.ascontiguousarray(rows.astype(">u2") if rows.dtype == np.uint16 else rows)
        bytes_of_rows = plain.view(np.uint8).reshape(len(rows), -1)
        self._append(self._packer.compress(np.pad(bytes_of_rows, ((0, 0), (1, 0))).tobytes()))  # 0: no filter

    def close(self) -> None:
        """Write the end; the file stays open."""
        self._append(self._packer.flush())
        self._handle.write(chunk(b"IEND", b""))

    def _append(self, packed: bytes) -> None:
        if packed:
            self._handle.write(chunk(b"IDAT", packed))
