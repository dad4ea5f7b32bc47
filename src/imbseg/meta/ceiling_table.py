"""ceiling.csv: a row a class and geometry, from at most MOST_MASKS train masks; what a step of each geometry costs."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.console import progress
from imbseg.datasets.ids import ImageRow
from imbseg.datasets.labels import Labels
from imbseg.datasets.read import read_mask
from imbseg.datasets.spec import Dataset
from imbseg.meta.ceiling import Grid, Size, iou, overlap, through
from imbseg.meta.table import in_processes
from imbseg.windows.mask import Mask
from imbseg.windows.pixels import is_large

MOST_MASKS, LEAST_MASKS = 200, 20
MOST_PIXELS = 100_000_000  # of all masks drawn; of large images fewer are drawn
PART, MOST_PARTS = 1024, 16  # sides of the windows of a large mask, and how many of them
STREAM = 21  # of chance; the clusters take the seed itself
STRIDE_COST = {1: 1.0, 2: 1.2, 4: 1.0}  # of a step, as measured; 1 is a U-Net of width 96
STRIDES = (4, 2)  # decoder strides that are compared at every size


@dataclasses.dataclass(frozen=True)
class Setting:
    """A geometry that a trial can have.

    Attributes:
        grid: where it predicts.
        crop: (width, height) of a training sample cut out of it; None: the whole image.
    """

    grid: Grid
    crop: Size | None = None

    @property
    def name(self) -> str:
        """As sentences and figures have it.

        >>> Setting(Grid((256, 192), 4)).name, Setting(Grid(None, 2), (512, 512)).name
        ('256x192, stride 4', 'native crops of 512x512, stride 2')
        """
        resize = self.grid.resize
        shown = f"{resize[0]}x{resize[1]}" if resize else ""
        if self.crop:
            crop = f"crops of {self.crop[0]}x{self.crop[1]}"
            shown = f"{crop} from {shown}" if shown else f"native {crop}"
        return f"{shown or 'native'}, stride {self.grid.stride}"

    def sample(self, native: Size) -> Size:
        """(width, height) of a training sample with its padding."""
        return Grid(self.crop or self.grid.resize, 1, self.grid.multiple).padded(native)

    def step_pixels(self, native: Size) -> float:
        """Relative cost of a sample: its pixels, times what its decoder's stride takes."""
        width, height = self.sample(native)
        return width * height * STRIDE_COST.get(self.grid.stride, 1.0)


OWN = Setting(Grid(None, 4, 16), (512, 512))  # Trial's defaults


def settings(own: Setting, native: Size) -> tuple[Setting, ...]:
    """The data set's own geometry first, and a handful of others.

    At the own input the decoder strides 4, 2 and 1; whole images of twice the side, and of the file's own; crops of the
    own sample's size at the file's own size.

    Args:
        own: what the data set's `trial` says.
        native: (width, height) of a typical image.
    """
    found, multiple = [own], own.grid.multiple
    found += [dataclasses.replace(own, grid=dataclasses.replace(own.grid, stride=stride)) for stride in (4, 2, 1)]
    if own.grid.resize:
        sizes = [size for size in _sizes(own.grid.resize, native) if size != own.grid.resize]
        found += [Setting(Grid(size, stride, multiple)) for size in sizes for stride in STRIDES]
        if own.crop is None and own.grid.resize[0] < native[0]:
            found += [Setting(Grid(None, stride, multiple), own.grid.resize) for stride in STRIDES]
    return tuple(dict.fromkeys(found))


def _sizes(own: Size, native: Size) -> list[Size]:
    """Twice the side as long as that is well below the file's, then the file's."""
    found, (width, height) = [], own
    while 2 * width < 0.75 * native[0]:
        width, height = 2 * width, 2 * height
        found.append((width, height))
    return [*found, native] if native[0] > own[0] else found


def drawn(rows: Sequence[ImageRow], sizes: Sequence[Size], seed: int) -> list[ImageRow]:
    """At most MOST_MASKS train rows, fewer of large images, in the order of the lists."""
    train = [place for place, row in enumerate(rows) if row.subset == "train"]
    typical = float(np.median([sizes[place][0] * sizes[place][1] for place in train]))
    number = min(len(train), MOST_MASKS, max(LEAST_MASKS, int(MOST_PIXELS / typical)))
    chosen = np.random.default_rng([seed, STREAM]).choice(len(train), number, replace=False)
    return [rows[train[place]] for place in sorted(chosen.tolist())]


def ceiling_table(rows: Sequence[ImageRow], found: Sequence[Setting], dataset: Dataset, workers: int) -> pd.DataFrame:
    """A row a class and setting: `class, setting, resize, crop, decoder_stride, cost, images, ceiling`.

    Args:
        found: the settings; the first costs 1.
    """
    grids = list(dict.fromkeys(one.grid for one in found))
    one = functools.partial(_overlaps, dataset=dataset, grids=tuple(grids))
    counted = list(progress(in_processes(one, rows, workers), total=len(rows), what="ceilings"))
    counts = np.sum([part for part, _ in counted], axis=0)  # (grids, 3, classes)
    shown = np.sum([part[0, 1] > 0 for part, _ in counted], axis=0)  # (classes,)
    native = typical_size([size for _, size in counted])
    base = found[0].step_pixels(native)
    parts = []
    for setting in found:
        parts.append(
            pd.DataFrame(
                {
                    "class": dataset.class_names,
                    "setting": setting.name,
                    "resize": _show(setting.grid.resize),
                    "crop": _show(setting.crop),
                    "decoder_stride": setting.grid.stride,
                    "cost": round(setting.step_pixels(native) / base, 3),
                    "images": shown,
                    "ceiling": iou(counts[grids.index(setting.grid)]).round(6),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def typical_size(sizes: Sequence[Size]) -> Size:
    """The median width and height."""
    width, height = np.median(np.array(sizes), axis=0)
    return int(width), int(height)


def _overlaps(row: ImageRow, *, dataset: Dataset, grids: Sequence[Grid]) -> tuple[NDArray[np.int64], Size]:
    """(grids, 3, classes) of one mask, and its (width, height)."""
    native = (0, 0)
    counts = np.zeros((len(grids), 3, len(dataset.classes)), np.int64)
    large = is_large(dataset.root / row.image, dataset.layout)
    for part, native in _parts(dataset.root / row.mask, dataset, large=large):
        counts += [_of_part(part, native, grid, dataset) for grid in grids]
    return counts, native


def _parts(path: Path, dataset: Dataset, *, large: bool) -> Iterator[tuple[Labels, Size]]:
    """A mask, or of a large image's MOST_PARTS windows, evenly spread over it; and (width, height) of all of it."""
    if not large:
        mask = read_mask(path, dataset)
        yield mask, (mask.shape[1], mask.shape[0])
        return
    with Mask(path, dataset) as file:
        height, width = file.size
        down, across = -(-height // PART), -(-width // PART)
        for place in np.linspace(0, down * across - 1, min(MOST_PARTS, down * across)).astype(int).tolist():
            top, left = place // across * PART, place % across * PART
            yield file.window(top, min(top + PART, height), left, min(left + PART, width)), (width, height)


def _of_part(part: Labels, native: Size, grid: Grid, dataset: Dataset) -> NDArray[np.int64]:
    """(3, classes) of a window of a mask; a grid that resizes gives it its share of the whole's size."""
    if grid.resize is not None and part.shape != native[::-1]:
        width, height = (
            max(1, round(s * r / w)) for s, r, w in zip(part.shape[::-1], grid.resize, native, strict=True)
        )
        grid = dataclasses.replace(grid, resize=(width, height))
    return overlap(part, through(part, grid), len(dataset.classes))


def _show(size: Size | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "none"


def of_some(
    masks: Sequence[Path], sizes: Sequence[Size], grid: Grid, dataset: Dataset, large: Sequence[bool] = ()
) -> NDArray[np.float64]:
    """Ceilings of mask files.

    Args:
        masks: files; of very many pixels some are read, evenly spread.
        sizes: (width, height) of each.
        large: of each whether windows of it are read; left out: none.

    Returns:
        (classes,) NaN where no mask shows the class.
    """
    typical = float(np.median([width * height for width, height in sizes]))
    number = min(len(masks), max(LEAST_MASKS, int(MOST_PIXELS / typical)))
    places = np.linspace(0, len(masks) - 1, number).astype(int).tolist()
    counts = np.zeros((3, len(dataset.classes)), np.int64)
    for place in places:
        for part, native in _parts(masks[place], dataset, large=bool(large) and large[place]):
            counts += _of_part(part, native, grid, dataset)
    return iou(counts)
