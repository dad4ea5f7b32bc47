"""PNG files whose bytes depend on the pixels alone.

Zlib, zlib-ng and their versions pack the same pixels into different bytes, and every OpenCV, Pillow and Python
carries its own. Nothing is packed here: the pixels stand in stored blocks, as RFC 1950 and 1951 describe them.
"""

import struct
import zlib

import numpy as np

_BLOCK = 65_535  # the longest stored block


def encode(pixels: np.ndarray, palette: np.ndarray | None = None) -> bytes:
    """A PNG that any reader opens, the same bytes on every machine.

    Args:
        pixels: (height, width, 3) uint8 RGB, or (height, width) uint8 indices into the palette.
        palette: (at most 256, 3) uint8 RGB, for indices.

    Raises:
        ValueError: pixels is neither of the two, or palette doesn't go with it.
    """
    indexed = pixels.ndim == 2
    if pixels.dtype != np.uint8 or pixels.shape[2:] not in ((), (3,)) or indexed != (palette is not None):
        raise ValueError(f"expected RGB, or indices and a palette, as uint8; found {pixels.dtype} {pixels.shape}")
    height, width = pixels.shape[:2]
    rows = np.ascontiguousarray(pixels).reshape(height, -1)
    unfiltered = np.pad(rows, ((0, 0), (1, 0))).tobytes()  # a 0 before each row: no filter
    header = struct.pack(">IIBBBBB", width, height, 8, 3 if indexed else 2, 0, 0, 0)
    chunks = [chunk(b"IHDR", header)]
    if palette is not None:
        chunks.append(chunk(b"PLTE", palette.astype(np.uint8).tobytes()))
    chunks += [chunk(b"IDAT", _stored(unfiltered)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A part of a PNG file, with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _stored(content: bytes) -> bytes:
    """A zlib stream of stored blocks."""
    stream = [b"\x78\x01"]
    for start in range(0, len(content), _BLOCK):
        block = content[start : start + _BLOCK]
        last = start + _BLOCK >= len(content)
        stream.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    return b"".join([*stream, struct.pack(">I", zlib.adler32(content))])
