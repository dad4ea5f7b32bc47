"""Whether two columns of numbers go together: Pearson, Spearman, Kendall; and what images show of each class."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
TESTS: Mapping[str, Callable[..., Any]] = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
}
KEYS = ("statistic", "aggregate", "over")
COLUMNS = ("of", *KEYS, *(name for test in TESTS for name in (test, f"{test}_p")), "classes")
FEWEST = 3  # classes, below which a coefficient is 1, -1 or nothing


def coefficient(test: str, one: Floats, other: Floats) -> tuple[float, float]:
    """A coefficient of TESTS and its two-sided p; NaN below three values, or where a side is the same for all.

    Source: scipy.stats.pearsonr, spearmanr, kendalltau (tau-b) with their default p values.

    >>> round(coefficient("spearman", np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 9.0]))[0], 6)
    1.0
    """
    if len(one) < FEWEST or not _varies(one) or not _varies(other):
        return math.nan, math.nan
    result = TESTS[test](one, other)
    return float(result.statistic), float(result.pvalue)


def tau_interval(one: Floats, other: Floats) -> tuple[float, float, float]:
    """Kendall's tau-b with its 95 % interval by Fisher's z; the interval is NaN below five values.

    Source: Fieller, Hartley and Pearson, 1957, doi:10.1093/biomet/44.3-4.470 (variance of z: .437 / (n - 4)).

    >>> tau, low, high = tau_interval(np.arange(8.0), np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 6.0]))
    >>> round(tau, 3), round(low, 3), round(high, 3)  # 27 of 28 pairs agree
    (0.929, 0.762, 0.98)
    """
    tau, _ = coefficient("kendall", one, other)
    if len(one) < 5 or math.isnan(tau) or abs(tau) > 1 - 1e-12:
        return tau, math.nan, math.nan
    middle, half = math.atanh(tau), 1.959964 * math.sqrt(0.437 / (len(one) - 4))
    return tau, math.tanh(middle - half), math.tanh(middle + half)


def correlations(scores: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Correlate a class's statistics with its IoU.

    Args:
        scores: a row a class, a column a strategy or method: IoU of 0..1, NaN where the class has none.
        found: a row a (statistic, aggregate, over), a column a class; classes that `scores` lacks are left aside.

    Returns:
        A frame of COLUMNS: of (strategy or method), the statistic, each coefficient with its two-sided p value (NaN
        with fewer than three classes, or where one side is the same for all), and how many classes both sides have.
    """
    rows = []
    for name in scores.columns:
        iou = scores[name].to_numpy(np.float64)
        for key, values in zip(found.index.to_list(), found[list(scores.index)].to_numpy(np.float64), strict=True):
            both = ~np.isnan(iou) & ~np.isnan(values)
            row = {"of": str(name), **dict(zip(KEYS, key, strict=True))}
            for test in TESTS:
                row[test], row[f"{test}_p"] = coefficient(test, values[both], iou[both])
            rows.append(row | {"classes": int(both.sum())})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def class_statistics(
    pixels: Floats, areas: Floats, classes: Sequence[str], objects: Floats | None = None
) -> pd.DataFrame:
    """Sums and means of what the images show of each class.

    Args:
        pixels: (images, classes) labelled pixels.
        areas: (images,) height x width.
        classes: names in the order of the columns.
        objects: (images, classes) objects, where they are known.

    Returns:
        Index (statistic, aggregate, over), columns the classes. statistic: images (that show the class), pixels, share
        (of the image: pixels / (height x width)), objects; aggregate: sum, mean; over: all images, or those that
        show the class (over which the mean of `images` would be 1 for every class, and is left out).

    >>> found = class_statistics(np.array([[3.0, 1.0], [5.0, 0.0]]), np.array([4.0, 10.0]), ["sky", "pole"])
    >>> found.loc[("share", "sum", "all")].tolist(), found.loc[("pixels", "mean", "shown")].tolist()
    ([1.25, 0.25], [4.0, 1.0])
    """
    shown = pixels > 0
    kinds = {"images": shown.astype(np.float64), "pixels": pixels, "share": pixels / areas[:, None]}
    kinds |= {} if objects is None else {"objects": objects}
    often = shown.sum(axis=0)  # (classes,)
    rows: dict[tuple[str, str, str], Floats] = {}
    for name, values in kinds.items():
        total = values.sum(axis=0)
        there = np.where(shown, values, 0.0).sum(axis=0)
        rows[name, "sum", "all"] = total
        rows[name, "mean", "all"] = total / len(pixels)
        rows[name, "sum", "shown"] = there
        rows[name, "mean", "shown"] = np.divide(there, often, out=np.full(len(classes), np.nan), where=often > 0)
    del rows["images", "sum", "shown"], rows["images", "mean", "shown"]
    index = pd.MultiIndex.from_tuples(rows, names=["statistic", "aggregate", "over"])
    return pd.DataFrame(np.stack(list(rows.values())), index=index, columns=list(classes))


def _varies(values: Floats) -> bool:
    """By more than rounding."""
    return bool(np.ptp(values) > 1e-12 * np.abs(values).max())
