"""Whether classes score better the more of them the train images show: Pearson, Spearman, Kendall over the classes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, unknown_name
from imbseg.report import class_statistics
from imbseg.report.class_statistics import ClassStatistics
from imbseg.report.tables import number, show, spread, write_csv
from imbseg.runs.csv_table import LISTED, numbers, read_table
from imbseg.runs.recorded import dataset_of, meta_of
from imbseg.runs.strategies import Group

TESTS: Mapping[str, Callable[..., Any]] = {
    "pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau,
}  # fmt: skip
KEYS = ("statistic", "aggregate", "over")
COLUMNS = ("of", *KEYS, *(name for test in TESTS for name in (test, f"{test}_p")), "classes")
FEWEST = 3  # classes, below which a coefficient is 1, -1 or nothing
MEANS = ("mean", "average", "mIoU", "miou")  # rows of a table of methods that are no class


def correlations(scores: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Correlate a class's statistics with its IoU.

    Args:
        scores: a row a class, a column a strategy or method: IoU of 0..1, NaN where the class has none.
        found: a row a (statistic, aggregate, over), a column a class; classes that `scores` lacks are left aside.

    Returns:
        A frame of COLUMNS: of (strategy or method), the statistic, each coefficient with its two-sided p value (NaN
        with fewer than three classes, or where one side is the same for all), and how many classes both sides have.

    Source: scipy.stats.pearsonr, spearmanr, kendalltau (tau-b) with their default p values.
    """
    rows = []
    for name in scores.columns:
        iou = scores[name].to_numpy(np.float64)
        for key, values in zip(found.index.to_list(), found[list(scores.index)].to_numpy(np.float64), strict=True):
            both = ~np.isnan(iou) & ~np.isnan(values)
            row = {"of": str(name), **dict(zip(KEYS, key, strict=True))}
            one, other = values[both], iou[both]
            varies = len(one) >= FEWEST and _varies(one) and _varies(other)
            for test, function in TESTS.items():
                result = function(one, other) if varies else None
                row |= {test: float(result.statistic) if result else math.nan,
                        f"{test}_p": float(result.pvalue) if result else math.nan}  # fmt: skip
            rows.append(row | {"classes": int(both.sum())})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def of_group(group: Group, counts: Path | None = None, background: str | None = None) -> tuple[pd.DataFrame, str]:
    """Correlations of every strategy's mean test IoU over its seeds.

    Args:
        group: strategies that may be compared.
        counts: a table of pixel counts; default: the meta of the runs, where it is still the same, of which strategies
            on imbalanced data take the images kept.
        background: the class left out; default: what the runs' data set file declares, where that is still the same.

    Returns:
        See `correlations`, with `group` before it; and sentences: which images and classes, or why there is nothing.

    Raises:
        InputError: `counts` can't be used.
    """
    dataset, reason = _dataset(group)
    background = background or (dataset.background if dataset else None)
    means = {one.label: [spread(one.values("test", f"IoU/{name}").values())[0] for name in group.classes]
             for one in group.strategies}  # fmt: skip
    scores = pd.DataFrame(means, index=list(group.classes)).drop(index=[background] if background else [])
    try:
        if counts is not None:
            taken = class_statistics.from_csv(counts, group.classes)
            parts, said = [correlations(scores, taken.table)], [taken.said]
        elif dataset is None:
            raise InputError(reason)
        else:
            parts, said = _from_meta(group, dataset, scores)
    except InputError as error:
        if counts is not None:
            raise
        return pd.DataFrame(columns=["group", *COLUMNS]), f"No correlations with the statistics of classes: {error}."
    table = pd.concat(parts, ignore_index=True)
    table.insert(0, "group", group.name)
    return table, " ".join([*said, _classes_said(len(scores), background)])


def write(found: Sequence[tuple[pd.DataFrame, str]], folder: Path) -> None:
    """Write correlations.csv, and print what it says.

    Args:
        found: what `of_group` or `of_methods` gave, of each group one.
        folder: where the file goes.
    """
    write_csv(folder / "correlations.csv", pd.concat([table for table, _ in found], ignore_index=True))
    for table, said in found:
        show(as_text(table), "correlation of a class's statistics with its IoU")
        print(said)
    print(f"written to {folder}: correlations.csv")


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that differ, for a person: means over all images correlate as their sums do, whichever images count."""
    kept = table[(table["aggregate"] == "sum") == (table["over"] == "all")]
    names = {f"{test}_p": "p" for test in TESTS}
    return kept.map(lambda value: number(value, 3) if isinstance(value, float) else str(value)).rename(columns=names)


def of_methods(file: Path, counts: Path, dataset: Dataset) -> tuple[pd.DataFrame, str]:
    """Correlations of a table of methods from elsewhere.

    Args:
        file: see `read_methods`.
        counts: a table of pixel counts, see `class_statistics.from_csv`.
        dataset: names the classes and the background.

    Raises:
        InputError: one of the two tables can't be used.
    """
    scores, percent = read_methods(file, dataset)
    taken = class_statistics.from_csv(counts, dataset.class_names)
    kept = scores.drop(index=[dataset.background] if dataset.background else [])
    said = [taken.said, _classes_said(len(kept), dataset.background)]
    said += [f"{file.name}: its values look like percent and were divided by 100."] * percent
    return correlations(kept, taken.table), " ".join(said)


def read_methods(file: Path, dataset: Dataset) -> tuple[pd.DataFrame, bool]:
    """A table of methods: the first column names classes, each other column holds a method's IoU.

    Args:
        file: CSV; a row called mean is left aside.
        dataset: whose classes are expected, in any order.

    Returns:
        (classes, methods) IoU of 0..1, and whether they were percent.

    Raises:
        InputError: the file can't be read, lacks a class, has one twice or an unknown one, or holds what is no IoU.
    """
    where = f"--correlate {file}"
    table = read_table(file, "--correlate", "a class")
    names, methods = table.iloc[:, 0].astype(str), [str(name) for name in table.columns[1:]]
    if not methods:
        raise InputError(f"{where}: expected the class's name and then a column a method, found one column")
    values = numbers(table, methods, where, "an IoU; leave out methods that don't have all classes")
    for name in names:
        if name not in (*dataset.class_names, *MEANS):
            raise unknown_name(f"class in {file}:", name, dataset.class_names)
    if (twice := names[names.duplicated()]).size:
        raise InputError(f"{where}: class {twice.iloc[0]!r} stands there twice; keep one row of each")
    missing = [name for name in dataset.class_names if name not in set(names)]
    if missing:
        raise InputError(f"{where}: has no row for {len(missing)} of {len(dataset.class_names)} classes of "
                         f"{dataset.name} ({', '.join(missing[:LISTED])}); is it of another data set?")  # fmt: skip
    if values.min() < 0 or values.max() > 100:
        raise InputError(f"{where}: expected IoU of 0..1 or percent, found {values.min():g}..{values.max():g}")
    percent = bool(values.max() > 1)
    scores = pd.DataFrame(values / 100 if percent else values, index=list(names), columns=methods)
    return scores.loc[list(dataset.class_names)], percent


def _varies(values: NDArray[np.float64]) -> bool:
    """By more than rounding."""
    return bool(np.ptp(values) > 1e-12 * np.abs(values).max())


def _dataset(group: Group) -> tuple[Dataset | None, str]:
    """The data set of a group's runs, or why it isn't known."""
    try:
        return dataset_of(group.baseline.runs[0]), ""
    except InputError as error:
        return None, str(error)


def _from_meta(group: Group, dataset: Dataset, scores: pd.DataFrame) -> tuple[list[pd.DataFrame], list[str]]:
    """Strategies on imbalanced data are held against the images that are kept."""
    meta = meta_of(group.baseline.runs[0])
    parts, said = [], []
    for kept in (False, True):
        labels = [one.label for one in group.strategies
                  if (one.runs[0].parameters.get("imbalance") == "imbalanced") is kept]  # fmt: skip
        if labels:
            taken: ClassStatistics = class_statistics.from_meta(meta, dataset, kept=kept)
            parts.append(correlations(scores[labels], taken.table))
            said.append(taken.said)
    return parts, said


def _classes_said(number: int, background: str | None) -> str:
    rest = f" but {background}" if background else ""
    return f"Correlations over {number} classes, all{rest}."
