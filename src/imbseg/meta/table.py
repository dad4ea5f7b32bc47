"""All images of a data set -> two tables, a row an image and a row an object, in one parallel pass."""

import contextlib
import functools
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.console import progress
from imbseg.datasets.ids import ImageRow
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, first_ten
from imbseg.interrupt import deaf_children
from imbseg.meta.scan import OBJECT_COLUMNS, ImageScan, scan
from imbseg.windows.cells import COLUMNS

Found = TypeVar("Found")
FEW = 64  # images that are read sooner than a second process starts


def scan_all(rows: list[ImageRow], dataset: Dataset, workers: int) -> list[ImageScan]:
    """Scan every image, in as many processes as asked for; the result doesn't depend on their number.

    Raises:
        InputError: files are broken; the first ten are named, and how many more there are.
    """
    one = functools.partial(scan, dataset=dataset)
    found = list(progress(in_processes(one, rows, workers), total=len(rows), what="reading images and masks"))
    problems = [one for one in found if isinstance(one, str)]
    if problems:
        raise first_ten(problems, "images can't be used")
    scans = [one for one in found if isinstance(one, ImageScan)]
    _refuse_palettes(rows, scans)
    return scans


def _refuse_palettes(rows: list[ImageRow], scans: list[ImageScan]) -> None:
    """Palettes that give one number two colours say that colours, not numbers, tell the classes apart."""
    first: dict[int, tuple[tuple[int, ...], str]] = {}
    for row, one in zip(rows, scans, strict=True):
        for number, color in one.colors.items():
            before, file = first.setdefault(number, (color, row.mask))
            if before != color:
                raise InputError(
                    f"masks {file} and {row.mask}: number {number} has the colour {list(before)} in the palette of "
                    f"one and {list(color)} in that of the other; is mask_encoding 'rgb', with a 'color' for each "
                    f"class? If the numbers are right, save the masks as grey PNGs"
                )


def image_table(rows: list[ImageRow], scans: list[ImageScan], dataset: Dataset) -> pd.DataFrame:
    """images.csv without `cluster`, `kept` and folds: a row an image, in the order of the id lists."""
    pixels = np.array([one.pixels for one in scans], np.int64)  # (images, classes)
    table = {
        "id": [row.id for row in rows],
        "subset": [row.subset for row in rows],
        "image": [row.image for row in rows],
        "mask": [row.mask for row in rows],
        "height": [one.height for one in scans],
        "width": [one.width for one in scans],
        **{f"pixels:{name}": pixels[:, index] for index, name in enumerate(dataset.class_names)},
        "pixels:ignore": [one.ignored for one in scans],
        "major_class": major_class(pixels, dataset),
        "group": [dataset.group_of(row.id) for row in rows],
    }
    return pd.DataFrame(table)


def major_class(pixels: NDArray[np.int64], dataset: Dataset) -> list[str]:
    """The class with the most pixels in each image.

    Background counts only where nothing else is there; an image without labelled pixels has none: "".

    Args:
        pixels: (images, classes) int, labelled pixels of each class.
    """
    shown = pixels.copy()
    if dataset.background_index is not None:
        only_background = shown.sum(axis=1) == shown[:, dataset.background_index]
        shown[~only_background, dataset.background_index] = 0
    return [dataset.class_names[one.argmax()] if one.any() else "" for one in shown]


def object_table(rows: list[ImageRow], scans: list[ImageScan], dataset: Dataset) -> pd.DataFrame:
    """objects.csv: `id` and OBJECT_COLUMNS, a row an object, in the order of the images."""
    values = np.concatenate([one.objects for one in scans])  # (objects, 7)
    table = pd.DataFrame(values, columns=list(OBJECT_COLUMNS))
    table["class"] = np.array(dataset.class_names, object)[values[:, 0]]
    table.insert(0, "id", np.repeat(np.array([row.id for row in rows], object), [len(one.objects) for one in scans]))
    return table


def cell_table(rows: list[ImageRow], scans: list[ImageScan], dataset: Dataset) -> pd.DataFrame | None:
    """cells.csv: `id` and the cells of large images, see imbseg.windows.cells; None where no image is large."""
    parts = []
    for row, one in zip(rows, scans, strict=True):
        if one.cells is not None:
            table = pd.DataFrame(one.cells, columns=list(COLUMNS))
            table["class"] = np.array(dataset.class_names, object)[one.cells[:, 0]]
            table.insert(0, "id", row.id)
            parts.append(table)
    return pd.concat(parts, ignore_index=True) if parts else None


def in_processes(one: Callable[[ImageRow], Found], rows: Sequence[ImageRow], workers: int) -> Iterator[Found]:
    """What a function gives of each row, in order; a partial of a module's function, so that a process can find it.

    Raises:
        InputError: a process was ended from outside.
    """
    if workers == 1 or len(rows) <= FEW:
        yield from map(one, rows)
        return
    # "spawn": a fork would copy the locks of threads that the progress bar and OpenCV run. One thread of OpenCV in
    # each, since the processes share the cores already.
    spawn, alone = multiprocessing.get_context("spawn"), (1,)
    try:
        with contextlib.ExitStack() as last:
            with deaf_children():  # this process alone answers Ctrl-C, ends them, and says so once
                pool = ProcessPoolExecutor(workers, spawn, initializer=cv2.setNumThreads, initargs=alone)
                last.callback(pool.shutdown, cancel_futures=True)
                found = pool.map(one, rows, chunksize=8)
            yield from found
    except BrokenProcessPool as error:
        raise InputError("a process that read images was ended (out of memory?); try --workers 1") from error
