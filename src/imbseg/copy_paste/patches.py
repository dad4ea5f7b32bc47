"""Source instances -> patches: an instance cut out of its image, kept in memory, brought to a size."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.copy_paste.donors import Donors
from imbseg.datasets.labels import Labels
from imbseg.datasets.read import read_objects
from imbseg.datasets.readers.layout import resized as pixels_at
from imbseg.datasets.readers.layout import with_channels
from imbseg.errors import InputError
from imbseg.windows.source import Source

Bytes = NDArray[np.uint8]
Reader = Callable[[Path, Path], tuple[NDArray[Any], Labels]]  # (image file, mask file) -> pixels, class indices
Opener = Callable[[int], AbstractContextManager[Source] | None]  # row -> its windows, None where it is read whole
MB = 1 << 20


def _whole(_: int) -> None:
    """All images are read whole."""


@dataclasses.dataclass(frozen=True)
class Patch:
    """An object with the pixels round it.

    Attributes:
        image: (height, width, channels).
        shape: (height, width) uint8, 1 where the object is, 0 round it.
        label: class index.
        share: of its image that the object takes.
    """

    image: NDArray[Any]
    shape: Bytes
    label: int
    share: float

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.image.nbytes + self.shape.nbytes


@dataclasses.dataclass(eq=False)
class Patches:
    """Cuts source instances out of their images; the last used stay in memory, up to a bound.

    Attributes:
        images, masks: files of each row of the train fold.
        outlines: instance mask of each; empty where objects are connected components.
        margin: pixels round an object that are kept with it.
        paste_memory: most that the patches in memory take, in MB of 2^20 bytes.
        pixel_bytes: of a pixel and whether it is the object's.
    """

    donors: Donors
    images: Sequence[Path]
    masks: Sequence[Path]
    outlines: Sequence[Path]
    read: Reader
    _: dataclasses.KW_ONLY
    margin: int
    paste_memory: int
    pixel_bytes: int = 4
    opened: Opener = _whole

    def __post_init__(self) -> None:
        """Nothing is cut yet."""
        self.limit, self.taken = self.paste_memory * MB, 0
        self.kept: OrderedDict[int, Patch] = OrderedDict()

    def __getitem__(self, donor: int) -> Patch:
        """The patch of one source instance, by its row.

        Raises:
            InputError: a file can't be read, or isn't what it was when meta was made.
        """
        found = self.kept.get(donor)
        if found is None:
            (found,) = self._cut([donor])
            self._keep(donor, found)
        else:
            self.kept.move_to_end(donor)
        return found

    def fill(self, donors: Iterable[int]) -> None:
        """Cut these instances while there is room, each image read once: loader processes then share them."""
        by_image: dict[int, list[int]] = {}
        for donor in donors:
            if donor not in self.kept:
                by_image.setdefault(int(self.donors.image[donor]), []).append(donor)
        for same in by_image.values():
            size = sum(self._size(donor) for donor in same)
            if self.taken + size > self.limit:
                return
            for donor, patch in zip(same, self._cut(same), strict=True):
                self._keep(donor, patch)

    def _size(self, donor: int) -> int:
        width, height = (self.donors.box[donor, 2:] + 2 * self.margin).tolist()
        return int(self.pixel_bytes * width * height)

    def _keep(self, donor: int, patch: Patch) -> None:
        self.kept[donor] = patch
        self.taken += patch.nbytes
        while self.taken > self.limit and self.kept:
            self.taken -= self.kept.popitem(last=False)[1].nbytes

    def _cut(self, donors: list[int]) -> list[Patch]:
        """Patches of the source instances of one image."""
        row, table = int(self.donors.image[donors[0]]), self.donors
        if (windows := self.opened(row)) is not None:
            with windows as source:
                return [self._cut_window(source, donor) for donor in donors]
        image, mask = self.read(self.images[row], self.masks[row])
        instances = read_objects(self.outlines[row]) if self.outlines else None
        patches = []
        for donor in donors:
            box, label = tuple(table.box[donor].tolist()), int(table.label[donor])
            shape = object_shape(mask, instances, box, label, int(table.number[donor]))
            self._check(donor, shape)
            patches.append(cut(image, shape, box, label, self.margin))
        return patches

    def _cut_window(self, source: Source, donor: int) -> Patch:
        """The patch of an instance of a large image."""
        table, (rows, columns) = self.donors, source.size
        x, y, width, height = table.box[donor].tolist()
        left, top = max(x - self.margin, 0), max(y - self.margin, 0)
        right, bottom = min(x + width + self.margin, columns), min(y + height + self.margin, rows)
        image, mask = source.window((left, top, right, bottom))
        box, label = (x - left, y - top, width, height), int(table.label[donor])
        shape = object_shape(mask, None, box, label, int(table.number[donor]))
        self._check(donor, shape)
        found = cut(image, shape, box, label, self.margin)
        return dataclasses.replace(found, share=int(table.pixels[donor]) / (rows * columns))

    def _check(self, donor: int, shape: Bytes) -> None:
        table, row = self.donors, int(self.donors.image[donor])
        if int(np.count_nonzero(shape)) != int(table.pixels[donor]):
            where = (int(table.box[donor, 0]), int(table.box[donor, 1]))
            changed = f"{(self.outlines or self.masks)[row]}: the object at {where} isn't what it was when meta"
            raise InputError(f"{changed} was made; put the file back, or run make_meta.py again")


def object_shape(
    mask: Labels, instances: NDArray[np.int32] | None, box: tuple[int, ...], label: int, number: int
) -> Bytes:
    """(height, width) uint8 of a box: 1 where its object is.

    Args:
        mask: (image height, image width) class indices.
        instances: numbers of objects of the same size; None: the object is the component that fills the box.
        number: its number in `instances`.
    """
    x, y, width, height = box
    window = np.s_[y : y + height, x : x + width]
    same: Bytes = (mask[window] == label).view(np.uint8)
    if instances is not None:
        return np.asarray(same & (instances[window] == number), np.uint8)
    # Pieces of other components may reach into the box. Only one can touch all four sides: two would cross.
    _, labels, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(same), connectivity=8)
    filling = np.flatnonzero((stats[1:, 2] == width) & (stats[1:, 3] == height)) + 1
    return np.asarray(labels == (filling[0] if len(filling) else -1), np.uint8)


def cut(image: NDArray[Any], shape: Bytes, box: tuple[int, ...], label: int, margin: int) -> Patch:
    """An object with `margin` pixels round its box; beyond the image its last pixels are repeated."""
    x, y, width, height = box
    left, top = min(margin, x), min(margin, y)
    right, below = min(margin, image.shape[1] - x - width), min(margin, image.shape[0] - y - height)
    there = image[y - top : y + height + below, x - left : x + width + right]
    missing = (margin - top, margin - below, margin - left, margin - right)
    pixels = with_channels(cv2.copyMakeBorder(there, *missing, cv2.BORDER_REPLICATE), image)
    padded = cv2.copyMakeBorder(shape, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    share = int(np.count_nonzero(shape)) / (image.shape[0] * image.shape[1])
    return Patch(pixels, np.asarray(padded, np.uint8), label, share)


def resized(patch: Patch, factor: tuple[float, float], *, flip: bool) -> Patch:
    """A patch at another size, mirrored or not; at factor 1 its pixels stay what they are.

    Args:
        factor: (x, y).
    """
    height, width = patch.shape.shape
    size = (max(1, round(width * factor[0])), max(1, round(height * factor[1])))
    image, shape = patch.image, patch.shape
    if size != (width, height):
        smaller = size[0] < width
        image = pixels_at(image, size, cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
        # Enlarged, a border of whole pixels would be a staircase; shrunk, thin parts would average away
        how = cv2.INTER_NEAREST_EXACT if smaller else cv2.INTER_LINEAR
        shape = (np.asarray(cv2.resize(shape * np.uint8(254), size, interpolation=how)) > 126).view(np.uint8)
    if flip:
        image, shape = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(shape[:, ::-1])
    return Patch(image, shape, patch.label, patch.share)
