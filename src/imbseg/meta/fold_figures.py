"""How many validation images show each class, fold by fold: what a split does to the rare classes, in plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset
from imbseg.meta.figures import STYLE
from imbseg.meta.folds import FOLDS
from imbseg.meta.read import fold_column, pixel_counts


def fold_counts(pool: pd.DataFrame, dataset: Dataset, column: str) -> NDArray[np.int64]:
    """(classes, folds) int64: images of each class that each fold validates on.

    Args:
        pool: rows of images.csv.
        dataset: gives the classes.
        column: a fold column of images.csv; images without a number in it take no part.
    """
    rows = pool[pool[column].notna()]
    presence = pixel_counts(rows, dataset) > 0  # (images, classes)
    folds = rows[column].to_numpy("int64")
    return np.stack([presence[folds == fold].sum(axis=0) for fold in range(FOLDS)], axis=1).astype(np.int64)


def fold_count_figure(
    pool: pd.DataFrame, dataset: Dataset, splits: Sequence[str], *, imbalance: str = "full", seed: int = 1
) -> Figure:
    """A panel a split: rows are classes, the rarest on top, columns are folds; dark is far from an equal share.

    Args:
        pool: rows of images.csv.
        dataset: gives the classes.
        splits: names of splits.
        imbalance: full or imbalanced.
        seed: of the splits, 1 to 5.
    """
    counts = {name: fold_counts(pool, dataset, fold_column(imbalance, name, seed)) for name in splits}
    order = np.argsort(next(iter(counts.values())).sum(axis=1), kind="stable")
    with mpl.rc_context(STYLE | {"axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure((2.6 + 2.6 * len(counts), 1.6 + 0.32 * len(order)), layout="constrained")
        axes = figure.subplots(1, len(counts), squeeze=False, sharey=True)[0]
        for axis, (name, table) in zip(axes, counts.items(), strict=True):
            picture = _panel(axis, table[order], name)
        axes[0].set_yticks(range(len(order)), [dataset.class_names[index] for index in order.tolist()])
        figure.colorbar(picture, ax=list(axes), shrink=0.6, label="per cent off an equal share")
        figure.suptitle(f"{dataset.name}, {imbalance}, seed {seed}: validation images that show each class",
                        x=0.01, ha="left", fontsize=10)  # fmt: skip
    return figure


def _panel(axis: Any, counts: NDArray[np.int64], title: str) -> Any:
    equal = np.maximum(counts.mean(axis=1, keepdims=True), 1e-9)
    off = 100 * np.abs(counts / equal - 1)  # (classes, folds)
    picture = axis.imshow(off, cmap="Oranges", vmin=0, vmax=100, aspect="auto")
    for (row, column), count in np.ndenumerate(counts):
        color = "white" if off[row, column] > 70 else "black"
        axis.text(column, row, str(count), ha="center", va="center", color=color, fontsize=8)
    axis.set_xticks(range(counts.shape[1]), [f"fold {fold}" for fold in range(counts.shape[1])], fontsize=8)
    axis.tick_params(length=0)
    axis.set_title(title, loc="left")
    return picture
