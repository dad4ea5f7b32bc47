"""Labels as a TIFF with the geographic tags of their photograph, written row by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, label_type
from imbseg.datasets.readers.tiff import Tag

Bytes = NDArray[np.uint8]
SIDE = 256  # of a tile


def write_labels(
    path: Path, rows: Iterable[Labels], size: tuple[int, int], colors: Bytes, tags: list[Tag], *, big_endian: bool
) -> None:
    """Write class indices as a TIFF of one band with a colour map; of more than 255 classes as 16-bit grey.

    Args:
        rows: from top to bottom, any number at a time.
        size: (height, width).
        colors: (classes, 3) uint8.
        tags: copied as they are.
        big_endian: the order of their bytes.
    """
    kind = np.dtype(np.uint8 if label_type(len(colors)) == np.uint8 else np.uint16)
    how: dict[str, Any] = {"shape": size, "dtype": kind, "photometric": "minisblack"}
    if kind == np.uint8:
        palette = np.zeros((3, 256), np.uint16)
        palette[:, : len(colors)] = colors.T.astype(np.uint16) * 257
        how |= {"photometric": "palette", "colormap": palette}
    how |= {"tile": (SIDE, SIDE), "compression": "deflate", "metadata": None, "software": False}
    extra = [(tag.code, tag.kind, tag.number, tag.value, True) for tag in tags]
    large = size[0] * size[1] > 2**31
    with tifffile.TiffWriter(path, byteorder=">" if big_endian else "<", bigtiff=large) as file:
        file.write((one.astype(kind, copy=False) for one in tiles(rows)), extratags=extra, **how)


def tiles(rows: Iterable[Labels]) -> Iterator[Labels]:
    """Rows that come in any number -> tiles (256, 256) from left to right and from top to bottom, filled up with 0."""
    kept: Labels | None = None
    for more in rows:
        kept = more if kept is None else np.concatenate([kept, more])
        while len(kept) >= SIDE:
            yield from _cut(kept[:SIDE])
            kept = kept[SIDE:]
    if kept is not None and len(kept):
        yield from _cut(kept)


def _cut(band: Labels) -> Iterator[Labels]:
    for left in range(0, band.shape[1], SIDE):
        tile = np.zeros((SIDE, SIDE), band.dtype)
        part = band[:, left : left + SIDE]
        tile[: part.shape[0], : part.shape[1]] = part
        yield tile
