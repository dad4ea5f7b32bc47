"""Figures of the meta: class counts, co-occurrence, object sizes, and how well the folds are balanced."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.ticker import EngFormatter, PercentFormatter
from numpy.typing import NDArray

from imbseg.canvas import FAINT, INK, MARKS, ROOMY, SERIES, Canvas, drawing, height_of, name_rows
from imbseg.datasets.spec import Dataset
from imbseg.meta.classes import object_shares
from imbseg.meta.folds import FOLDS
from imbseg.meta.quality import deviation
from imbseg.meta.rarity import DEVIATIONS, SMALL_OBJECT, split_summary
from imbseg.meta.read import fold_column, pixel_counts
from imbseg.splits import SPLITS

GREY, BLUE, ORANGE = SERIES[:3]
NUMBERED = 25  # classes up to which a heat map has its numbers written in
CLASSES = 200  # of a figure: the rarest, of more classes


def draw(
    images: pd.DataFrame,
    objects: pd.DataFrame,
    classes: pd.DataFrame,
    splits: pd.DataFrame,
    dataset: Dataset,
    folder: Path,
) -> None:
    """Write classes, cooccurrence, object_sizes and folds as PNG and SVG."""
    pool = images[images["subset"].ne("test")]
    figures = {
        "classes": class_figure(classes, dataset),
        "cooccurrence": cooccurrence_figure(pool, dataset),
        "object_sizes": size_figure(pool, objects, classes),
        "folds": fold_figure(pool, splits, dataset),
    }
    for name, figure in figures.items():
        figure.write(folder / f"{name}.png")


@drawing()
def class_figure(classes: pd.DataFrame, dataset: Dataset) -> Canvas:
    """Pixels, images and objects of each class, before and after the imbalance; the most pixels on top."""
    rows = classes.sort_values("pixels", kind="stable").head(CLASSES)
    words = f"{dataset.name}: train images, class by class{of_many(len(classes))}"
    canvas = Canvas(11, 1.4 + height_of(len(rows)), words, "constrained")
    axes = canvas.subplots(1, 3, sharey=True)
    for axis, kind in zip(axes, ("pixels", "images", "objects"), strict=True):
        _bars(axis, rows, kind)
    name_rows(axes[0], list(rows["class"]))
    if dataset.imbalance:
        canvas.legend(*axes[1].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    canvas.suptitle(words, x=0.01, ha="left", fontsize=10)
    return canvas


@drawing()
def cooccurrence_figure(pool: pd.DataFrame, dataset: Dataset) -> Canvas:
    """Of the images that show a class (row), the share that shows another too (column)."""
    drawn = _rarest(pool, dataset)
    presence = (pixel_counts(pool, dataset)[:, drawn] > 0).astype(np.int64)  # (images, classes)
    together = presence.T @ presence
    share = 100 * together / np.maximum(np.diag(together), 1)[:, None]
    count = len(share)
    side = min(height_of(count) * 1.05 + 3, 22)
    words = f"{dataset.name}: images that show the row's class show the column's too{of_many(len(dataset.classes))}"
    canvas = Canvas(side + 1, side, words, "constrained")
    axis = canvas.subplots()
    texts = np.array([[f"{value:.0f}" if count <= NUMBERED else "" for value in row] for row in share])
    picture = heat(axis, share, texts, "cividis")
    name_rows(axis, [dataset.class_names[index] for index in drawn], down=True)
    axis.set_ylim(count - 0.5, -0.5)
    names = axis.get_yticklabels()
    size = names[0].get_fontsize()
    axis.set_xticks(range(count), [text.get_text() for text in names], rotation=90, fontsize=size)
    canvas.colorbar(picture, ax=axis, shrink=0.4, label="per cent of the row's images")
    axis.set_title(words)
    return canvas


@drawing()
def size_figure(pool: pd.DataFrame, objects: pd.DataFrame, classes: pd.DataFrame) -> Canvas:
    """How much of its image an object of each class covers: the middle half, 5 to 95 %, and the typical size."""
    shares = object_shares(pool, objects)
    rows = classes[classes["objects"].gt(0)].sort_values("object_size", kind="stable").head(CLASSES)
    words = f"Share of the image that an object of each class covers{of_many(len(classes), 'smallest')}"
    canvas = Canvas(8, 1.4 + height_of(len(rows)), words, "constrained")
    axis = canvas.subplots()
    of_class = {str(name): own.to_numpy() for name, own in shares.groupby("class")["share"]}
    cuts = [np.quantile(of_class[name], [0.05, 0.25, 0.5, 0.75, 0.95]) for name in rows["class"]]
    low, first, middle, third, high = np.reshape(cuts, (-1, 5)).T
    place = np.arange(len(rows))
    axis.hlines(place, low, high, color=GREY, label="5 % to 95 % of the objects")
    axis.hlines(place, first, third, color=BLUE, linewidth=6, alpha=0.6, label="middle half")
    axis.plot(middle, place, "|", color=INK, markersize=8, label="median")
    axis.plot(rows["object_size"], place, "D", color=ORANGE, markersize=5, label="typical: half the pixels lie below")
    axis.axvline(SMALL_OBJECT, color=INK, linestyle=":", linewidth=1)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axis.set_xlabel(f"share of the image; dotted: {SMALL_OBJECT:.1%}, below it a class counts as small", loc="left")
    name_rows(axis, list(rows["class"]))
    canvas.legend(loc="outside upper left", ncols=2)
    return canvas


@drawing()
def fold_figure(pool: pd.DataFrame, splits: pd.DataFrame, dataset: Dataset) -> Canvas:
    """By how much the folds' share of each class is off, a mark a split; below, all classes together."""
    parts = [part for part in ("full", "imbalanced") if any(name.startswith(f"{part}/") for name in pool.columns)]
    drawn = _rarest(pool, dataset)
    high = height_of(len(drawn)) + 0.8
    words = f"Deviation of the folds from an equal share{of_many(len(dataset.classes))}"
    canvas = Canvas(5.5 * len(parts) + 1.5, high + 3.2, words, "constrained")
    axes = canvas.subplots(2, len(parts), sharex="row", sharey="row", squeeze=False, height_ratios=[high, 2.2])
    for column, part in enumerate(parts):
        _class_deviations(axes[0][column], pool, part, dataset, drawn)
        _deviations(axes[1][column], splits, part)
    name_rows(axes[0][0], [dataset.class_names[index] for index in drawn], down=True)
    canvas.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper right", ncols=4)
    return canvas


def fold_counts(pool: pd.DataFrame, dataset: Dataset, column: str) -> NDArray[np.int64]:
    """(classes, folds) int64: images of each class that each fold validates on.

    Args:
        column: a fold column of images.csv; images without a number in it take no part.
    """
    rows = pool[pool[column].notna()]
    presence = pixel_counts(rows, dataset) > 0  # (images, classes)
    folds = rows[column].to_numpy("int64")
    return np.stack([presence[folds == fold].sum(axis=0) for fold in range(FOLDS)], axis=1).astype(np.int64)


@drawing()
def fold_count_figure(
    pool: pd.DataFrame, dataset: Dataset, splits: Sequence[str], *, imbalance: str = "full", seed: int = 1
) -> Canvas:
    """A panel a split: rows are classes, the rarest on top, columns are folds; dark is far from an equal share."""
    counts = {name: fold_counts(pool, dataset, fold_column(imbalance, name, seed)) for name in splits}
    order = np.argsort(next(iter(counts.values())).sum(axis=1), kind="stable")
    words = f"{dataset.name}, {imbalance}, seed {seed}: validation images that show each class"
    canvas = Canvas(2.6 + 2.6 * len(counts), 1.6 + 0.32 * len(order), words, "constrained")
    axes = canvas.subplots(1, len(counts), squeeze=False, sharey=True)[0]
    for axis, (name, table) in zip(axes, counts.items(), strict=True):
        equal = np.maximum(table.mean(axis=1, keepdims=True), 1e-9)
        off = 100 * np.abs(table / equal - 1)  # (classes, folds)
        picture = heat(axis, off[order], table[order].astype(str), "Oranges")
        axis.set_xticks(range(FOLDS), [f"fold {fold}" for fold in range(FOLDS)], fontsize=8)
        axis.set_title(name)
    name_rows(axes[0], [dataset.class_names[index] for index in order.tolist()], down=True)
    axes[0].set_ylim(len(order) - 0.5, -0.5)
    canvas.colorbar(picture, ax=list(axes), shrink=0.6, label="per cent off an equal share")
    canvas.suptitle(words, x=0.01, ha="left", fontsize=10)
    return canvas


def heat(axis: Axes, values: NDArray[np.float64], texts: NDArray[np.str_], colors: str) -> ScalarMappable:
    """Per cents as colours, with a text in each cell that can be read on it."""
    picture = axis.imshow(values, cmap=colors, vmin=0, vmax=100, aspect="auto")
    light = picture.to_rgba(values)[..., :3] @ (0.299, 0.587, 0.114) > 0.5  # (rows, columns)
    for (row, column), text in np.ndenumerate(texts):
        if text:
            color = "black" if light[row, column] else "white"
            axis.text(column, row, str(text), ha="center", va="center", fontsize=7.5, color=color)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    return picture


def of_many(classes: int, which: str = "rarest") -> str:
    """What a figure of more classes than it draws says behind its title.

    >>> of_many(21), of_many(1000)
    ('', '; the 200 rarest of 1,000 classes')
    """
    return f"; the {CLASSES} {which} of {classes:,} classes" if classes > CLASSES else ""


def _rarest(pool: pd.DataFrame, dataset: Dataset) -> list[int]:
    """Indices of the classes that a figure draws, in the order of the data set file."""
    rare = np.argsort(pixel_counts(pool, dataset).sum(axis=0), kind="stable")[:CLASSES]
    return sorted(rare.tolist())


def _bars(axis: Axes, rows: pd.DataFrame, kind: str) -> None:
    place = np.arange(len(rows))
    after = f"{kind}_imbalanced" in rows
    width, shift = (0.4, 0.2) if after else (0.75, 0)
    axis.barh(place + shift, rows[kind], width, color=BLUE, label="all")
    if after:
        axis.barh(place - shift, rows[f"{kind}_imbalanced"], width, color=ORANGE, label="after the imbalance")
    if kind != "images" and rows[kind].max() > 0:
        axis.set_xscale("log")
        axis.set_xlim(left=max(0.5, rows.loc[rows[kind] > 0, kind].min() / 10))
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    if len(rows) <= ROOMY:
        _numbers(axis, rows, kind, place + shift)
    axis.set_title(f"{kind}{'' if kind == 'images' else ' (log scale)'}")
    axis.grid(axis="x", color=FAINT)


def _numbers(axis: Axes, rows: pd.DataFrame, kind: str, place: NDArray[Any]) -> None:
    """The count at the end of each bar: a log scale hides how far apart they are. Pixels are told as shares."""
    told = [f"{share:.2%}" for share in rows["pixel_share"]] if kind == "pixels" else [str(one) for one in rows[kind]]
    left = axis.get_xlim()[0]
    for y, value, text in zip(place, rows[kind], told, strict=True):
        axis.annotate(text, (max(value, left), y), (3, 0), textcoords="offset points", va="center", fontsize=7)
    high = axis.get_xlim()[1]
    axis.set_xlim(right=high * (high / left) ** 0.15 if axis.get_xscale() == "log" else high * 1.12)


def _class_deviations(axis: Axes, pool: pd.DataFrame, part: str, dataset: Dataset, drawn: list[int]) -> None:
    for split, mark, color in zip(SPLITS, MARKS, SERIES, strict=True):
        columns = [str(name) for name in pool.columns if str(name).startswith(f"{part}/{split}/seed")]
        if columns:  # no groups, no `grouped`
            values = np.mean([_presence_deviation(pool, column, dataset) for column in columns], axis=0)[drawn]
            axis.plot(100 * values, range(len(values)), mark, color=color, markersize=4.5, alpha=0.85, label=split)
    axis.set_title(f"{part}: deviation of a fold's share of images of a class")
    axis.set_xlabel("per cent of the whole's share, mean over folds and seeds", loc="left")
    axis.grid(color=FAINT)


def _presence_deviation(pool: pd.DataFrame, column: str, dataset: Dataset) -> NDArray[np.float64]:
    rows = pool[pool[column].notna()]
    presence = (pixel_counts(rows, dataset) > 0).astype(np.int64)
    return deviation(presence, np.ones(len(rows), np.int64), rows[column].to_numpy("int64"), folds=FOLDS)


def _deviations(axis: Axes, splits: pd.DataFrame, part: str) -> None:
    summary = split_summary(splits).loc[lambda table: [str(name).startswith(f"{part}/") for name in table.index]]
    for number, kind in enumerate(DEVIATIONS):
        place = np.arange(len(summary)) + 0.2 * number - 0.3
        axis.bar(place, 100 * summary[f"deviation_{kind}"], 0.18, color=SERIES[number + 1], label=kind)
    names = [str(name).split("/")[1].replace("_", "\n") for name in summary.index]
    axis.set_xticks(range(len(summary)), names, fontsize=7)
    axis.set_ylabel("per cent off")
    axis.set_title(f"{part}: mean over classes")
    axis.set_ylim(top=1.25 * axis.get_ylim()[1])  # room for the legend
    axis.legend(fontsize=8, ncols=4, loc="upper left")
    axis.grid(axis="y", color=FAINT)
