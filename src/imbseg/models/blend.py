"""An image in overlapping tiles: a row of them as the network's input, and probabilities blended from row to row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.augment.geometry import GREY, bordered
from imbseg.datasets.readers.layout import Padding
from imbseg.errors import InputError
from imbseg.models.tiles import Side, native
from imbseg.windows.pixels import Pixels

MOST_AT_ONCE = 8_000_000  # scores that are decoded at once
Size = tuple[int, int]  # (width, height)
Network = Callable[[NDArray[Any]], torch.Tensor]  # a tile (height, width, channels) -> logits (classes, height, width)


def cut_sides(
    image: Size, shown: Size, tile: Size, overlap: int | None, multiple: int, least: int
) -> tuple[Side, Side]:
    """How an image's height and width are cut into tiles.

    Args:
        image: of the file.
        shown: of the network's input, without padding.
        tile: of a tile in the input.
        overlap: pixels that neighbours share, at least; None: half a tile.
        multiple: what sides of inputs are multiples of.
        least: side of the smallest input that the network takes.

    Raises:
        InputError: tiles can't share so many pixels.
    """
    found = []
    for native_side, size, side in zip(image, shown, tile, strict=True):
        padded = max(_up(size, multiple), least)
        cut = min(max(_up(side, multiple), least, 2 * multiple), padded)
        shared = cut // 2 if overlap is None else overlap
        if cut < padded and not multiple <= shared <= cut - multiple:
            raise InputError(f"overlap: {shared} of a tile of {cut} pixels; take {multiple} to {cut - multiple}")
        found.append(Side(native_side, size, padded, cut, shared // multiple * multiple, multiple))
    return found[1], found[0]


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


def blended(
    pixels: Pixels, sides: tuple[Side, Side], networks: Sequence[Network], classes: int, padding: Padding
) -> Iterator[torch.Tensor]:
    """Mean probabilities (classes, rows, width) over the networks, some rows after the others.

    Args:
        sides: rows and columns of tiles, see cut_sides.
        padding: what is right of and below the image.
    """
    rows, columns = sides
    highest = max(len(rows.weights(number)) for number in range(len(rows.starts)))
    at_once = max(1, MOST_AT_ONCE // (classes * columns.native))
    kept: torch.Tensor | None = None  # (classes, highest, width); first: the rows of the last tiles
    for number, start in enumerate(rows.starts):
        heights = torch.from_numpy(rows.weights(number))
        shown = input_rows(pixels, rows, columns, start, padding)
        for across, left in enumerate(columns.starts):
            found = _mean(shown[:, left : left + columns.tile], networks, rows, columns, (number, across))
            if kept is None:
                kept = torch.zeros(classes, highest, columns.native, device=found.device)
            weights = heights[:, None] * torch.from_numpy(columns.weights(across))
            begin = columns.first(across)
            kept[:, : len(heights), begin : begin + weights.shape[1]] += weights.to(found.device) * found
        if kept is None:
            raise AssertionError("a side has one tile or more")
        done = rows.first(number + 1) - rows.first(number)
        for top in range(0, done, at_once):
            yield kept[:, top : min(top + at_once, done)].clone()
        rest = len(heights) - done
        kept[:, :rest] = kept[:, done : len(heights)].clone()
        kept[:, rest:] = 0


def _mean(
    tile: NDArray[Any], networks: Sequence[Network], rows: Side, columns: Side, place: tuple[int, int]
) -> torch.Tensor:
    """Mean probabilities of a tile at its native pixels."""
    total: Any = 0
    for network in networks:
        total = total + native(network(tile), rows, columns, place).softmax(dim=0)
    found: torch.Tensor = total / len(networks)
    return found


def input_rows(pixels: Pixels, rows: Side, columns: Side, first: int, padding: Padding = GREY) -> NDArray[Any]:
    """A row of tiles as the network's input, padding included: (tile height, padded width, channels)."""
    begin, end, down = rows.resampling(first, first + rows.tile)
    band: NDArray[Any] = pixels.rows(begin, end)
    kind, channels = band.dtype, band.shape[2]
    _, _, across = columns.resampling(0, columns.size)
    if down is not None:
        band = (down @ band.reshape(len(band), -1).astype(np.float32)).reshape(down.shape[0], -1, channels)
    if across is not None:
        turned = np.ascontiguousarray(band.transpose(1, 0, 2), np.float32).reshape(band.shape[1], -1)
        band = (across @ turned).reshape(columns.size, -1, channels).transpose(1, 0, 2)
    if band.dtype != kind:
        band = np.clip(np.rint(band), 0, np.iinfo(kind).max).astype(kind)
    below, right = rows.tile - band.shape[0], columns.padded - band.shape[1]
    return bordered(band, (0, below, 0, right), padding) if below or right else band
