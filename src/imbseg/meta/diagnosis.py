"""diagnosis.md, shown in the terminal too: which classes are rare and how, how even the splits are, what to try."""

import math
from collections.abc import Sequence

import pandas as pd

from imbseg.datasets.spec import Dataset
from imbseg.errors import amount
from imbseg.meta.advice import advice, names
from imbseg.meta.classes import KINDS
from imbseg.meta.folds import FOLDS
from imbseg.meta.imbalance import Reached
from imbseg.meta.rarity import (
    DEVIATIONS,
    FEW_IMAGES,
    PIXEL_FRACTION,
    SMALL_OBJECT,
    classes_rare_by,
    empty_images,
    shared_with_test,
    split_summary,
    unlabelled_images,
)

MOST_ROWS = 30  # classes in the table; of more, the rare ones only


def diagnosis(
    images: pd.DataFrame,
    classes: pd.DataFrame,
    splits: pd.DataFrame,
    dataset: Dataset,
    gini: dict[str, float],
    counts: dict[str, Reached],
    geometry: str = "",
    notes: Sequence[str] = (),
) -> str:
    """The text, in Markdown that reads well in a terminal.

    Args:
        gini: see `classes.ginis`.
        counts: what the deliberate imbalance reached, a class each; empty where there is none.
        geometry: the section on ceilings, see `ceiling_words`.
        notes: sentences on the files that were found.
    """
    sections = [
        f"# Diagnosis of {dataset.name}\n\n{_size(images, classes, dataset)}",
        f"## Which classes are rare\n\n{_rare(classes)}\n\n{_class_table(classes)}{_gini(classes, dataset, gini)}",
        f"## The deliberate imbalance\n\n{_imbalance(classes, counts)}" if counts else "",
        f"## Splits\n\n{_split_table(splits)}\n\n{_leak(images, splits, dataset)}",
        geometry,
        "## What to try\n\n" + "\n".join(f"- {one}" for one in [*notes, *advice(images, classes, splits, dataset)]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, the first to the left, numbers to the right.

    >>> print(markdown_table(["class", "images"], [["cat", "7"]]))
    | class | images |
    | :---- | -----: |
    | cat   |      7 |
    """
    header, rows = _cells(header), [_cells(row) for row in rows]
    widths = [max(3, *(len(row[column]) for row in [header, *rows])) for column in range(len(header))]
    line = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]
    cells = [
        [row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))]
        for row in [header, *rows]
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [cells[0], line, *cells[1:]])


def percent(share: float) -> str:
    """Per cent with two digits, or as many as show the first that isn't 0.

    >>> percent(0.1234), percent(0.0), percent(0.00000123)
    ('12.34%', '0.00%', '0.0001%')
    """
    digits = 2 if share == 0 else max(2, -math.floor(math.log10(100 * share)))
    return f"{share:.{digits}%}"


def _cells(row: Sequence[str]) -> list[str]:
    """Texts that can't break out of their cell."""
    return [" ".join(text.split()).replace("|", "\\|") for text in row]


def _size(images: pd.DataFrame, classes: pd.DataFrame, dataset: Dataset) -> str:
    in_subset = images["subset"].value_counts()
    parts = ", ".join(f"{in_subset[role]} {role}" for role in ("train", "val", "test") if role in in_subset.index)
    beside = f" ({dataset.background} is background)" if dataset.background else ""
    empty, total = empty_images(images, dataset)
    shown = f" {empty} of {total} train images ({empty / total:.0%}) have no foreground class."
    unlabelled = unlabelled_images(images, dataset)
    aside = f" {unlabelled} more have no labelled pixel." if unlabelled else ""
    ignored = float(images["pixels:ignore"].sum() / max(int((images["height"] * images["width"]).sum()), 1))
    whole = f"{len(images)} images ({parts}), {len(classes)} classes{beside}, {ignored:.1%} of pixels ignored."
    return f"{whole}{shown if dataset.background else ''}{aside}"


def _rare(classes: pd.DataFrame) -> str:
    told = {
        "images": f"by images (fewer than half of the median class's, or than {FEW_IMAGES})",
        "pixels": f"by pixels (less than {PIXEL_FRACTION:.0%} of an equal share)",
        "size": f"by object size (a typical object covers less than {SMALL_OBJECT:.1%} of its image)",
    }
    lines = [f"- {text}: {names(classes_rare_by(classes, kind), 12) or 'none'}" for kind, text in told.items()]
    return "\n".join(["Three kinds of rarity, each with its own remedies:", "", *lines])


def _class_table(classes: pd.DataFrame) -> str:
    shown = classes if len(classes) <= MOST_ROWS else classes[classes["rare_by"].ne("")]
    rows = [
        [
            str(row["class"]),
            str(row["group"]),
            f"{row['images']} ({row['image_share']:.1%})",
            str(row["objects"]),
            percent(row["pixels"] / max(int(classes["pixels"].sum()), 1)),
            "-" if pd.isna(row["object_size"]) else percent(row["object_size"]),
            str(row["rare_by"]) or "-",
        ]
        for _, row in shown.iterrows()
    ]
    text = markdown_table(["class", "group", "images", "objects", "pixels", "object size", "rare by"], rows)
    left = len(classes) - len(shown)
    return text + (f"\n\n{left} classes that aren't rare are omitted; classes.csv has them all." if left else "")


def _gini(classes: pd.DataFrame, dataset: Dataset, gini: dict[str, float]) -> str:
    if len(classes) - (dataset.background is not None) < 2:
        return ""  # one class: nothing to compare it with

    def told(ending: str) -> str:
        return ", ".join(f"{gini[kind + ending]:.2f} of {kind}" for kind in KINDS)

    after = f"; after the deliberate imbalance: {told('_imbalanced')}" if "pixels_imbalanced" in gini else ""
    return f"\n\nGini over the classes (0: all equal, 1: one class has all): {told('')}{after}."


def _imbalance(classes: pd.DataFrame, counts: dict[str, Reached]) -> str:
    rows = [[name, str(one.images), str(one.target), str(one.kept)] for name, one in counts.items()]
    text = markdown_table(["class", "images", "target", "kept"], rows)
    short = [name for name, one in counts.items() if one.kept < one.target]
    why = " Below its target, because its other images show a class that has reached its target: " + names(short) + "."
    by_images = names(classes_rare_by(classes, "images", "_imbalanced"), 12) or "none"
    return (
        f"{text}\n\nAn image of several of these classes is kept only while all of them are below their targets."
        f"{why if short else ''}\nRare by images afterwards: {by_images}."
    )


def _split_table(splits: pd.DataFrame) -> str:
    rows = [
        [
            str(name),
            *(_share(row[f"deviation_{kind}"]) for kind in DEVIATIONS),
            f"{int(row['rarest_in_smallest'])} of {row['rarest_class']}" if row["rarest_class"] else "-",
            str(int(row["missing"])),
            f"{int(row['leaking_groups'])} of {int(row['groups'])}" if row["leaking_groups"] else "0",
        ]
        for name, row in split_summary(splits).iterrows()
    ]
    off = [f"{'images' if kind == 'presence' else kind} dev." for kind in DEVIATIONS]
    header = ["split", *off, "fewest", "absent", "groups shared"]
    told = (
        "Dev.: relative deviation of a validation fold's share of a class, mean over classes, folds and seeds.\n"
        "Proportion: a class's share of each image, summed, so that small and large images count alike.\n"
        "Fewest: images of the rarest class in the fold with fewest. Absent: classes absent from at least one fold."
    )
    return f"{markdown_table(header, rows)}\n\n{told}"


def _share(value: float) -> str:
    """Per cent, or a dash where there is nothing to count."""
    return "-" if pd.isna(value) else f"{value:.1%}"


def _leak(images: pd.DataFrame, splits: pd.DataFrame, dataset: Dataset) -> str:
    if dataset.group is None:
        return (
            "No `group` is declared, so there is no split `grouped`: images of one patient, scene or video may be "
            "in both train and validation unnoticed."
        )
    leaks = splits[splits["leaking_groups"] > 0]["column"]
    between = f"train pool and test set share {amount(shared_with_test(images), 'group')}"
    if leaks.empty:
        return f"No fold shares a group with its train side; {between}.{_without_grouped(splits)}"
    return f"{len(leaks)} of {len(splits)} fold columns have groups on both sides; {between}.{_without_grouped(splits)}"


def _without_grouped(splits: pd.DataFrame) -> str:
    part = splits["column"].str.split("/").str[0]
    grouped = set(part[splits["column"].str.contains("/grouped/")])
    told = [
        f"\nNo split `{name}/grouped`: {FOLDS} folds need {FOLDS} groups, its train images come from {int(groups)}."
        for name, groups in splits.groupby(part, sort=False)["groups"].max().items()
        if name not in grouped
    ]
    return "".join(told)
