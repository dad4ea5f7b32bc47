"""One side of an image cut into overlapping tiles: where they start, what each weighs, which native pixels it has."""

import dataclasses
import functools

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float32]
# Of an overlap the outer quarters weigh nothing: what a tile's border disturbs. Between them two tiles change over.
OUTER = 0.25


@dataclasses.dataclass(frozen=True)
class Side:
    """Height or width of an image as a network takes it.

    Attributes:
        native: pixels of the image.
        size: pixels of the input, without padding.
        padded: pixels of the input.
        tile: pixels of a tile, at most `padded`.
        overlap: pixels that neighbours share, at least.
        multiple: tiles start at multiples of it, so that each cell of the network's maps lies where it does in the
            whole image.
    """

    native: int
    size: int
    padded: int
    tile: int
    overlap: int
    multiple: int

    @functools.cached_property
    def starts(self) -> list[int]:
        """First pixel of each tile in the input, evenly spread; the last tile ends where the input does.

        >>> Side(200, 200, 224, 96, 32, 32).starts, Side(90, 90, 96, 96, 32, 32).starts
        ([0, 64, 128], [0])
        """
        rest = self.padded - self.tile
        last = -(-rest // max(self.tile - self.overlap, self.multiple))
        return [number * rest // max(last, 1) // self.multiple * self.multiple for number in range(last + 1)]

    @functools.cached_property
    def sources(self) -> NDArray[np.float64]:
        """(native,) where each native pixel lies in the input, as bilinear interpolation has it."""
        places = (np.arange(self.native) + 0.5) * (self.size / self.native) - 0.5
        return np.clip(places, 0, self.size - 1)

    @functools.cached_property
    def _weights(self) -> list[tuple[int, Floats]]:
        """First native pixel and weights of each tile; over all tiles they sum to 1 at each pixel."""
        places, starts = self.sources + 0.5, self.starts
        total, found = np.zeros(self.native), []
        for number, start in enumerate(starts):  # each at its own pixels alone: a side may have 40,000
            low, high = np.searchsorted(places, (start, start + self.tile))
            weights = np.ones(high - low)
            if number:
                weights *= _ramp(places[low:high], start, starts[number - 1] + self.tile)
            if number < len(starts) - 1:
                weights *= 1 - _ramp(places[low:high], starts[number + 1], start + self.tile)
            there = np.flatnonzero(weights > 1e-12)
            first, weights = int(low + there[0]), weights[there[0] : there[-1] + 1]
            total[first : first + len(weights)] += weights
            found.append((first, weights))
        return [(first, (one / total[first : first + len(one)]).astype(np.float32)) for first, one in found]

    def weights(self, number: int) -> Floats:
        """Of a tile, at each native pixel from `first(number)` on."""
        return self._weights[number][1]

    def first(self, number: int) -> int:
        """The first native pixel that a tile has a say in; behind the last tile, the image's end."""
        return self._weights[number][0] if number < len(self.starts) else self.native

    def taps(self, number: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Of each native pixel of a tile the two pixels of the tile that it lies between, and the second's share."""
        first, weights = self._weights[number]
        places = self.sources[first : first + len(weights)]
        low = np.floor(places).astype(np.int64)
        high = np.minimum(low + 1, self.size - 1)
        start = self.starts[number]
        share = torch.from_numpy((places - low).astype(np.float32))
        return torch.from_numpy(low - start), torch.from_numpy(high - start), share

    def resampling(self, first: int, last: int) -> tuple[int, int, sparse.csr_array | None]:
        """How input pixels `first` to `last` come from native ones.

        Returns:
            First native pixel, the one behind the last, and the weights (input pixels, native pixels) between them: an
            average where the input is smaller, as OpenCV's INTER_AREA; linear where it is larger. None: as they are.
        """
        last = min(last, self.size)
        if self.size == self.native:
            return first, last, None
        factor = self.native / self.size
        outputs = np.arange(first, last)
        if factor > 1:
            low, high = outputs * factor, (outputs + 1) * factor
        else:
            centre = np.clip((outputs + 0.5) * factor - 0.5, 0, self.native - 1)
            low, high = centre, centre + 1  # of two pixels the shares that a pixel between them covers
        begin, end = int(low[0]), min(int(np.ceil(high[-1] - 1e-9)), self.native)
        pixels = np.arange(begin, end)
        rows, columns, values = [], [], []
        for row, (a, b) in enumerate(zip(low, high, strict=True)):
            inside = pixels[max(int(a) - begin, 0) : int(np.ceil(b - 1e-9)) - begin]
            shares = np.minimum(inside + 1, b) - np.maximum(inside, a)
            rows += [row] * len(inside)
            columns += (inside - begin).tolist()
            values += (shares / shares.sum()).tolist()
        shape = (len(outputs), end - begin)
        return begin, end, sparse.csr_array((np.array(values, np.float32), (rows, columns)), shape=shape)


def _ramp(places: NDArray[np.float64], begin: int, end: int) -> NDArray[np.float64]:
    """From 0 to 1 over the middle half of what two tiles share."""
    share = (places - begin) / (end - begin)
    return np.asarray(np.sin(np.pi / 2 * np.clip((share - OUTER) / (1 - 2 * OUTER), 0, 1)) ** 2, np.float64)


def native(logits: torch.Tensor, rows: Side, columns: Side, place: tuple[int, int]) -> torch.Tensor:
    """A tile's logits at the native pixels that it has a say in, bilinear as `functional.interpolate` is.

    Args:
        logits: (classes, tile height, tile width).
        place: number of the tile in both sides.
    """
    for axis, side, number in ((1, rows, place[0]), (2, columns, place[1])):
        low, high, share = (one.to(logits.device) for one in side.taps(number))
        if side.size == side.native:
            logits = logits.index_select(axis, low)
            continue
        shares = share.view(-1, 1) if axis == 1 else share
        logits = torch.lerp(logits.index_select(axis, low), logits.index_select(axis, high), shares)
    return logits
