"""PNG figures of the meta: class counts, co-occurrence, object sizes, and how well the folds are balanced."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from imbseg.datasets.spec import Dataset
from imbseg.meta.classes import object_shares
from imbseg.meta.folds import FOLDS
from imbseg.meta.quality import deviation
from imbseg.meta.rarity import DEVIATIONS, SMALL_OBJECT, split_summary
from imbseg.meta.read import pixel_counts

# Okabe and Ito: told apart by colour-blind eyes too; shapes differ beside them
BLUE, ORANGE, GREEN, PURPLE, RED, GREY, BLACK = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#999999", "#000000")  # fmt: skip
MARKS = {"random": ("o", ORANGE), "skf_major": ("s", PURPLE), "skf_cluster": ("^", GREEN), "mskf": ("D", BLUE),
         "mskf_pixels": ("v", BLACK), "mskf_proportion": ("P", RED), "grouped": ("X", GREY)}  # fmt: skip
ROOMY = 40  # classes up to which a row has room for numbers in it
NUMBERED = 25  # classes up to which a heat map has its numbers written in
STYLE = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True}


def draw(
    images: pd.DataFrame,
    objects: pd.DataFrame,
    classes: pd.DataFrame,
    splits: pd.DataFrame,
    dataset: Dataset,
    folder: Path,
) -> None:
    """Write classes.png, cooccurrence.png, object_sizes.png and folds.png."""
    # "building the font cache": once on a new machine, some seconds, nothing to act on
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    pool = images[images["subset"].ne("test")]
    with mpl.rc_context(STYLE):
        figures = {
            "classes.png": class_figure(classes, dataset),
            "cooccurrence.png": cooccurrence_figure(pool, dataset),
            "object_sizes.png": size_figure(pool, objects, classes),
            "folds.png": fold_figure(pool, splits, dataset),
        }
        for name, figure in figures.items():
            figure.savefig(folder / name, dpi=120)


def class_figure(classes: pd.DataFrame, dataset: Dataset) -> Figure:
    """Pixels, images and objects of each class, before and after the imbalance; the most pixels on top."""
    rows = classes.sort_values("pixels", kind="stable")
    figure = Figure((11, _height(len(rows))), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    for axis, kind in zip(axes, ("pixels", "images", "objects"), strict=True):
        _bars(axis, rows, kind)
    axes[0].set_yticks(range(len(rows)), list(rows["class"]), fontsize=_font(len(rows)))
    axes[0].set_ylim(-0.7, len(rows) - 0.3)
    if dataset.imbalance:
        figure.legend(*axes[1].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False)
    figure.suptitle(f"{dataset.name}: train images, class by class", x=0.01, ha="left")
    return figure


def cooccurrence_figure(pool: pd.DataFrame, dataset: Dataset) -> Figure:
    """Of the images that show a class (row), the share that shows another too (column)."""
    presence = (pixel_counts(pool, dataset) > 0).astype(np.int64)  # (images, classes)
    together = presence.T @ presence
    share = together / np.maximum(np.diag(together), 1)[:, None]
    count = len(share)
    side = min(_height(count) * 1.05 + 1.5, 22)
    figure = Figure((side + 1, side), layout="constrained")
    axis = figure.subplots()
    picture = axis.imshow(100 * share, cmap="cividis", vmin=0, vmax=100)
    font = _font(count) if count <= 100 else 5
    axis.set_xticks(range(count), dataset.class_names, rotation=90, fontsize=font)
    axis.set_yticks(range(count), dataset.class_names, fontsize=font)
    if count <= NUMBERED:
        for row, column in np.ndindex(count, count):
            color = "black" if share[row, column] > 0.5 else "white"
            axis.text(column, row, f"{100 * share[row, column]:.0f}", ha="center", va="center", color=color, fontsize=7)
    figure.colorbar(picture, ax=axis, shrink=0.4, label="per cent of the row's images")
    axis.set_title(f"{dataset.name}: images that show the row's class show the column's too", loc="left", fontsize=9)
    return figure


def size_figure(pool: pd.DataFrame, objects: pd.DataFrame, classes: pd.DataFrame) -> Figure:
    """How much of its image an object of each class covers: the middle half, 5 to 95 %, and the typical size."""
    shares = object_shares(pool, objects)
    rows = classes[classes["objects"].gt(0)].sort_values("object_size", kind="stable")
    figure = Figure((8, _height(len(rows))), layout="constrained")
    axis = figure.subplots()
    of_class = {str(name): own.to_numpy() for name, own in shares.groupby("class")["share"]}
    cuts = [np.quantile(of_class[name], [0.05, 0.25, 0.5, 0.75, 0.95]) for name in rows["class"]]
    low, first, middle, third, high = np.reshape(cuts, (-1, 5)).T
    place = np.arange(len(rows))
    axis.hlines(place, low, high, color=GREY, label="5 % to 95 % of the objects")
    axis.hlines(place, first, third, color=BLUE, linewidth=6, alpha=0.6, label="the middle half")
    axis.plot(middle, place, "|", color="black", markersize=8, label="median")
    axis.plot(rows["object_size"], place, "D", color=ORANGE, markersize=5, label="typical: half the pixels lie below")
    axis.axvline(SMALL_OBJECT, color="black", linestyle=":", linewidth=1)
    axis.set_xscale("log")
    axis.set_xlabel(f"share of the image; dotted: {SMALL_OBJECT:.1%}, below it a class counts as small", loc="left")
    axis.set_yticks(place, list(rows["class"]), fontsize=_font(len(rows)))
    axis.set_ylim(-0.7, len(rows) - 0.3)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    return figure


def fold_figure(pool: pd.DataFrame, splits: pd.DataFrame, dataset: Dataset) -> Figure:
    """By how much the folds' share of each class is off, a mark a split; below, all classes together."""
    parts = [part for part in ("full", "imbalanced") if any(name.startswith(f"{part}/") for name in pool.columns)]
    count = len(dataset.classes)
    figure = Figure((5.5 * len(parts) + 1.5, _height(count) + 2.6), layout="constrained")
    axes = figure.subplots(
        2, len(parts), sharex="row", sharey="row", squeeze=False, height_ratios=[_height(count) - 0.6, 2.2]
    )
    for column, part in enumerate(parts):
        _class_deviations(axes[0][column], pool, part, dataset)
        _deviations(axes[1][column], splits, part)
    axes[0][0].set_yticks(range(count), dataset.class_names, fontsize=_font(count))
    axes[0][0].set_ylim(count - 0.5, -0.5)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside upper right", ncols=4, frameon=False)
    return figure


def _bars(axis: Any, rows: pd.DataFrame, kind: str) -> None:
    place = np.arange(len(rows))
    after = f"{kind}_imbalanced" in rows
    width = 0.4 if after else 0.75
    axis.barh(place + (0.2 if after else 0), rows[kind], width, color=BLUE, label="all")
    if after:
        axis.barh(place - 0.2, rows[f"{kind}_imbalanced"], width, color=ORANGE, label="after the imbalance")
    if kind != "images" and rows[kind].max() > 0:
        axis.set_xscale("log")
        axis.set_xlim(left=max(0.5, rows.loc[rows[kind] > 0, kind].min() / 10))
    if len(rows) <= ROOMY:
        _numbers(axis, rows, kind, place + (0.2 if after else 0))
    axis.set_title(f"{kind}{'' if kind == 'images' else ' (log scale)'}", loc="left", fontsize=9)
    axis.grid(axis="x", alpha=0.3)


def _numbers(axis: Any, rows: pd.DataFrame, kind: str, place: Any) -> None:
    """The count at the end of each bar: a log scale hides how far apart they are. Pixels are told as shares."""
    told = [f"{share:.2%}" for share in rows["pixel_share"]] if kind == "pixels" else [str(one) for one in rows[kind]]
    left = axis.get_xlim()[0]
    for y, value, text in zip(place, rows[kind], told, strict=True):
        axis.annotate(text, (max(value, left), y), (3, 0), textcoords="offset points", va="center", fontsize=7)
    high = axis.get_xlim()[1]
    axis.set_xlim(right=high * (high / left) ** 0.15 if axis.get_xscale() == "log" else high * 1.12)


def _class_deviations(axis: Any, pool: pd.DataFrame, part: str, dataset: Dataset) -> None:
    place = np.arange(len(dataset.classes))
    for split, (mark, color) in MARKS.items():
        columns = [str(name) for name in pool.columns if str(name).startswith(f"{part}/{split}/")]
        if not columns:
            continue  # no groups
        values = np.mean([_presence_deviation(pool, column, dataset) for column in columns], axis=0)
        axis.plot(100 * values, place, mark, color=color, markersize=4.5, alpha=0.85, label=split, linestyle="none")
    axis.set_title(f"{part}: how far a fold's share of images of a class is off", loc="left", fontsize=9)
    axis.set_xlabel("per cent of the whole's share, mean over folds and seeds", loc="left")
    axis.grid(alpha=0.3)


def _presence_deviation(pool: pd.DataFrame, column: str, dataset: Dataset) -> Any:
    rows = pool[pool[column].notna()]
    presence = (pixel_counts(rows, dataset) > 0).astype(np.int64)
    return deviation(presence, np.ones(len(rows), np.int64), rows[column].to_numpy("int64"), folds=FOLDS)


def _deviations(axis: Any, splits: pd.DataFrame, part: str) -> None:
    summary = split_summary(splits).loc[lambda table: [str(name).startswith(f"{part}/") for name in table.index]]
    for number, (kind, color) in enumerate(zip(DEVIATIONS, (BLUE, ORANGE, PURPLE, GREEN), strict=True)):
        place = np.arange(len(summary)) + 0.2 * number - 0.3
        axis.bar(place, 100 * summary[f"deviation_{kind}"], 0.18, color=color, label=kind)
    axis.set_xticks(range(len(summary)), [_two_lines(str(name)) for name in summary.index], fontsize=7)
    axis.set_ylabel("per cent off")
    axis.set_title(f"{part}: mean over classes", loc="left", fontsize=9)
    axis.set_ylim(top=1.25 * axis.get_ylim()[1])  # room for the legend
    axis.legend(frameon=False, fontsize=8, ncols=4, loc="upper left")
    axis.grid(axis="y", alpha=0.3)


def _two_lines(name: str) -> str:
    """`full/mskf_pixels` -> mskf, and pixels below it: so the names fit beside each other."""
    return name.split("/")[1].replace("_", "\n")


def _height(count: int) -> float:
    """Inches for so many classes one below another: as much room for 2 as for 5, and less each beyond ROOMY."""
    return 1.4 + 0.3 * min(max(count, 5), ROOMY) + 0.16 * max(count - ROOMY, 0)


def _font(count: int) -> int:
    return 9 if count <= ROOMY else 6
