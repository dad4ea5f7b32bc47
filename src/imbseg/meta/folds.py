"""Every fold column of images.csv: both imbalances, every split of the menu, seeds 1..5."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.console import progress
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.menu import arguments, choose
from imbseg.meta.read import fold_column, pixel_counts
from imbseg.splits import SPLITS

FOLDS = 5
SEEDS = (1, 2, 3, 4, 5)


def fold_columns(images: pd.DataFrame, dataset: Dataset) -> dict[str, pd.Series[Any]]:
    """Cut the train pool (train and val together) into folds.

    Args:
        images: images.csv without its fold columns.
        dataset: says whether there is an imbalance, a val subset, and groups.

    Returns:
        A nullable integer column a name, see `fold_column`: the fold in which an image is validation, empty where it
        takes no part (test images; with the imbalance, images not kept).

    Raises:
        InputError: too few images.
    """
    pool = images["subset"].ne("test")
    parts = {"full": pool} | ({"imbalanced": pool & images["kept"].eq(1)} if dataset.imbalance else {})
    wanted = [
        (imbalance, split, seed)
        for imbalance in parts
        for split in SPLITS
        if is_offered(split, images[parts[imbalance]], dataset)
        for seed in (SEEDS if "seed" in arguments(SPLITS, split) else SEEDS[:1])
    ]
    inputs = {imbalance: split_inputs(images[rows], dataset) for imbalance, rows in parts.items()}
    columns = {}
    for imbalance, split, seed in progress(wanted, total=len(wanted), what="cutting folds"):
        column = pd.Series(pd.NA, index=images.index, dtype="Int64")
        column[parts[imbalance]] = _folds(inputs[imbalance], dataset, imbalance, split, seed)
        columns[fold_column(imbalance, split, seed)] = column
    return columns


def is_offered(split: str, rows: pd.DataFrame, dataset: Dataset) -> bool:
    """Whether a data set has what a split needs: `given` a val subset, `grouped` as many groups as folds.

    Where there is a val subset, a few large images need no folds.
    """
    if split == "given":
        return "val" in dataset.subsets
    if len(rows) < FOLDS and "val" in dataset.subsets:
        return False
    return split != "grouped" or (dataset.group is not None and rows["group"].nunique() >= FOLDS)


def _folds(inputs: dict[str, Any], dataset: Dataset, imbalance: str, split: str, seed: int) -> NDArray[np.int64]:
    """(images that take part,) int64 fold numbers."""
    there = inputs | {"folds": FOLDS, "seed": seed}
    needed = {name: there[name] for name in arguments(SPLITS, split)}
    try:
        numbers: NDArray[np.int64] = choose(SPLITS, split, "split")(**needed)
    except InputError as error:
        raise InputError(f"data set {dataset.name!r}, {imbalance}/{split}: {error}") from error
    return numbers


def split_inputs(rows: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
    """What a split may ask for by argument name, taken from the rows of images.csv that take part."""
    pixels = pixel_counts(rows, dataset)
    return {
        "n_images": len(rows),
        "major_class": rows["major_class"].to_numpy(str),
        "cluster": rows["cluster"].to_numpy("int64"),
        "group": rows["group"].to_numpy(str),
        "presence": pixels > 0,
        "pixel_counts": pixels,
        "subset": rows["subset"].to_numpy(str),
    }
