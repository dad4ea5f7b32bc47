"""splits.csv: how far the folds of each split are from the whole, and what they share that they should not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset
from imbseg.meta.classes import object_counts
from imbseg.meta.folds import FOLDS
from imbseg.meta.read import is_fold_column, pixel_counts


def split_table(images: pd.DataFrame, objects: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """A row a fold column.

    Columns: `column, images, folds, smallest_fold` (images in it); `deviation_presence`, `deviation_pixels`,
    `deviation_proportion` (of a class's shares of its images, a small image counting as much as a large one) and
    `deviation_objects` (means over the classes of `deviation`: 0.1 says that a fold has 10 % too many or too few of a
    class, on average); `rarest_class` (background aside, by images) and `rarest_in_smallest` (images that show it in
    the fold that has fewest); `missing` (classes that some validation fold lacks); `groups` and `leaking_groups`
    (see the function of that name).
    """
    columns = [str(name) for name in images.columns if is_fold_column(str(name))]
    per_image = (pixel_counts(images, dataset), object_counts(images, objects, dataset), images["group"].to_numpy(str))
    return pd.DataFrame([_quality(images[column], *per_image, dataset) for column in columns])


def deviation(
    counts: NDArray[np.generic], base: NDArray[np.int64], fold: NDArray[np.int64], *, folds: int
) -> NDArray[np.float64]:
    """How far the share of each class in a fold is from its share in the whole, relative to the latter.

    Args:
        counts: (images, classes) numbers: presence (0 or 1), pixels, shares of the image's pixels, or objects.
        base: (images,) int, what they are a share of: 1 an image, or its labelled pixels.
        fold: (images,) int fold numbers.
        folds: the numbers below it are validation folds: 1 for a given validation subset, where 1 stands for train.

    Returns:
        (classes,) float64: the mean over the folds of |share in fold - share| / share; NaN for a class without counts.

    >>> deviation(np.array([[1], [1], [1], [0]]), np.ones(4, int), np.array([0, 0, 1, 1]), folds=2)
    array([0.33333333])
    """
    share = counts.sum(axis=0) / max(int(base.sum()), 1)  # (classes,)
    in_folds = np.array([counts[fold == k].sum(axis=0) / max(int(base[fold == k].sum()), 1) for k in range(folds)])
    relative = np.abs(in_folds - share) / np.where(share > 0, share, np.nan)  # (folds, classes)
    return np.asarray(relative.mean(axis=0))


def leaking_groups(group: NDArray[np.str_], fold: NDArray[np.int64]) -> int:
    """How many groups (patients, scenes, videos) have images in more than one fold: they stand on both sides.

    >>> leaking_groups(np.array(["a", "a", "b", "b"]), np.array([0, 1, 1, 1]))
    1
    """
    number = np.unique(group, return_inverse=True)[1]
    pairs = np.unique(np.stack([number, fold]), axis=1)
    return int((np.bincount(pairs[0]) > 1).sum())


def rarest_class(presence: NDArray[np.bool_], background: int | None) -> int | None:
    """Index of the class that the fewest images show, one at least, background aside; None where there is none."""
    shown = presence.sum(axis=0)
    candidates = [int(index) for index in np.flatnonzero(shown) if index != background]
    return min(candidates, key=lambda index: int(shown[index])) if candidates else None


def _quality(
    column: pd.Series[Any],
    pixels: NDArray[np.int64],
    objects: NDArray[np.int64],
    group: NDArray[np.str_],
    dataset: Dataset,
) -> dict[str, Any]:
    takes_part, folds = column.notna().to_numpy(), 1 if str(column.name).endswith("/given") else FOLDS
    fold = column[takes_part].to_numpy("int64")
    pixels, objects, group = pixels[takes_part], objects[takes_part], group[takes_part]
    presence, labelled, one = pixels > 0, pixels.sum(axis=1), np.ones(len(fold), np.int64)
    rarest = rarest_class(presence, dataset.background_index)
    shown = np.array([presence[fold == k].sum(axis=0) for k in range(folds)])  # (folds, classes)
    return {
        "column": column.name,
        "images": len(fold),
        "folds": folds,
        "smallest_fold": min(int((fold == k).sum()) for k in range(folds)),
        "deviation_presence": _mean(deviation(presence.astype(np.int64), one, fold, folds=folds)),
        "deviation_pixels": _mean(deviation(pixels, labelled, fold, folds=folds)),
        "deviation_proportion": _mean(deviation(pixels / np.maximum(labelled, 1)[:, None], one, fold, folds=folds)),
        "deviation_objects": _mean(deviation(objects, one, fold, folds=folds)),
        "rarest_class": "" if rarest is None else dataset.class_names[rarest],
        "rarest_in_smallest": 0 if rarest is None else int(shown[:, rarest].min()),
        "missing": int(((shown.min(axis=0) == 0) & presence.any(axis=0)).sum()),
        "groups": len(np.unique(group)),
        "leaking_groups": leaking_groups(group, fold),
    }


def _mean(values: NDArray[np.float64]) -> float:
    """The mean of what is no NaN, to 6 digits; NaN where nothing is."""
    there = values[~np.isnan(values)]
    return round(float(there.mean()), 6) if len(there) else float("nan")
