"""What the train images show of each class: from a table of pixel counts, or from the meta of the runs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import portable
from imbseg.meta.classes import object_counts
from imbseg.meta.read import Meta, pixel_counts
from imbseg.runs.csv_table import LISTED, numbers, read_table

Floats = NDArray[np.float64]
TRAIN = "train"
SIZES = ("height", "width")


@dataclasses.dataclass(frozen=True)
class ClassCounts:
    """What images show of classes.

    Attributes:
        pixels: (images, classes) labelled pixels.
        areas: (images,) height x width.
        objects: (images, classes) objects; None where they aren't known.
        said: a sentence that names the images.
    """

    pixels: Floats
    areas: Floats
    objects: Floats | None
    said: str


def from_csv(file: Path, classes: Sequence[str], subset: str = TRAIN) -> ClassCounts:
    """Read a table of pixel counts: a row an image, a column a class, beside id, subset, height and width.

    Args:
        file: CSV; other columns (a border, say) are left aside.
        classes: names of the columns that are read.
        subset: whose rows count; all, where the table has no column `subset`.

    Raises:
        InputError: the file can't be read, lacks a column or rows of the subset, repeats an id, or holds what is no
            number of pixels.
    """
    where = f"--counts {file}"
    table = read_table(file, "--counts", "an image")
    missing = [name for name in (*SIZES, *classes) if name not in table.columns]
    if missing:
        there = ", ".join(map(str, table.columns[:30]))
        raise InputError(
            f"{where}: has no column {', '.join(map(repr, missing[:LISTED]))}; expected height, width "
            f"and one of each class's pixels, found: {there}"
        )
    kept = table[table["subset"] == subset] if "subset" in table.columns else table
    if not len(kept):
        subsets = ", ".join(sorted(map(str, set(table["subset"]))))
        raise InputError(f"{where}: has no row of the subset {subset!r}; there are: {subsets}")
    if "id" in table.columns and (twice := kept["id"][kept["id"].duplicated()]).size:
        raise InputError(f"{where}: image {twice.iloc[0]!r} stands there twice; keep one row an image")
    values = numbers(table, [*SIZES, *classes], where, "a number of pixels; count that image again")[kept.index]
    _check_pixels(values, [*SIZES, *classes], kept.index, where)
    what = f"the {len(kept)} images of subset {subset!r}" if "subset" in table.columns else f"all {len(kept)} images"
    said = f"Statistics of classes: {what} of {file.name}."
    return ClassCounts(values[:, 2:], values[:, 0] * values[:, 1], None, said)


def from_meta(meta: Meta, dataset: Dataset, *, kept: bool = False) -> ClassCounts:
    """What a data set's train images show, objects included.

    Args:
        kept: only images that survive the deliberate imbalance.
    """
    rows = meta.images[meta.images["subset"].eq(TRAIN)]
    rows = rows[rows["kept"].eq(1)] if kept else rows
    areas = (rows["height"] * rows["width"]).to_numpy(np.float64)
    objects = object_counts(rows, meta.objects, dataset).astype(np.float64)
    what = "train images that the deliberate imbalance keeps" if kept else "train images"
    said = f"Statistics of classes: the {len(rows)} {what} of {portable(meta.folder)}, all folds."
    return ClassCounts(pixel_counts(rows, dataset).astype(np.float64), areas, objects, said)


def _check_pixels(values: Floats, columns: Sequence[str], index: pd.Index, where: str) -> None:
    wrong = (values < 0) | (values != values.round())
    wrong[:, :2] |= values[:, :2] < 1
    if wrong.any():
        row, column = (int(place[0]) for place in np.nonzero(wrong))
        raise InputError(
            f"{where}: line {index[row] + 2}, {columns[column]}: expected a whole number of pixels, found "
            f"{values[row, column]:g}; count that image again"
        )
    over = np.flatnonzero(values[:, 2:].sum(axis=1) > values[:, 0] * values[:, 1])
    if len(over):
        raise InputError(
            f"{where}: line {index[over[0]] + 2}: the classes have more pixels than height x width; count "
            f"that image again"
        )
