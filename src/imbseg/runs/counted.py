"""What the questions share: the counts of a group's runs by strategy and seed, and tables that may be empty."""

from __future__ import annotations

import csv
import dataclasses
import itertools
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from imbseg.errors import InputError
from imbseg.metrics.counts import Counts, load_counts
from imbseg.runs.collect import Run, Seed
from imbseg.runs.strategies import Group

Row = dict[Hashable, Any]  # of a table
NO_PAIR = "No run of a strategy and of the baseline share a seed and have counts of the same images"


@dataclasses.dataclass(frozen=True)
class Counted:
    """The runs of one strategy whose counts can be read.

    Attributes:
        label: the strategy's.
        by_seed: seed -> counts.
    """

    label: str
    by_seed: Mapping[Seed, Counts]


def counted(group: Group, subset: str = "test") -> list[Counted]:
    """The counts of every strategy, the baseline first; a run without a file of the group's classes is left out.

    Args:
        group: strategies that may be compared.
        subset: test or val.
    """
    found = []
    for strategy in group.strategies:
        read = {run.seed: _counts(run, subset, len(group.classes)) for run in strategy.runs}
        found.append(Counted(strategy.label, {seed: counts for seed, counts in read.items() if counts is not None}))
    return found


def pairs(ours: Counted, baseline: Counted) -> list[tuple[Counts, Counts]]:
    """(strategy, baseline) of each seed that both have, where both counted the same truth: image by image.

    On the validation images of two splits they didn't.
    """
    both = [(counts, baseline.by_seed[seed]) for seed, counts in ours.by_seed.items() if seed in baseline.by_seed]
    return [(one, other) for one, other in both if same_truth(one, other)]


def against_baseline(read: Sequence[Counted]) -> Iterator[tuple[str, list[tuple[Counts, Counts]]]]:
    """Label and pairs of every strategy but the baseline that has a pair, from what `counted` gave."""
    baseline, *others = read
    for ours in others:
        if found := pairs(ours, baseline):
            yield ours.label, found


def same_truth(one: Counts, other: Counts) -> bool:
    """Whether two runs counted the same images, with the same pixels of each class."""
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.tp + one.fn, other.tp + other.fn)


def frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """A table with these columns, also where it has no row."""
    return pd.DataFrame(rows, columns=list(columns))


def numbers(file: Path) -> pd.DataFrame | None:
    """A run's CSV table of numbers, NaN for what is none; None where it is missing, cut short or has no row."""
    try:
        with file.open(newline="", encoding="utf-8") as handle:
            header, *rows = csv.reader(handle)
    except (OSError, ValueError, csv.Error):
        return None
    if not rows or len(set(header)) < len(header) or any(len(row) != len(header) for row in rows):
        return None
    return pd.DataFrame({one: pd.to_numeric(pd.Series(cells), errors="coerce")
                         for one, cells in zip(header, zip(*rows, strict=True), strict=True)})  # fmt: skip


def farthest(found: pd.DataFrame, column: str, sign: int) -> Row | None:
    """The row whose value lies farthest from 0 on one side; None where no value lies there.

    Args:
        found: a table.
        column: of numbers; NaN lies on no side.
        sign: 1 or -1.

    >>> gains = pd.DataFrame({"class": ["sky", "road", "pole"], "gain": [0.1, np.nan, 0.2]})
    >>> farthest(gains, "gain", 1), farthest(gains, "gain", -1)
    ({'class': 'pole', 'gain': 0.2}, None)
    """
    values = np.nan_to_num(sign * found[column].to_numpy(np.float64), nan=0.0)
    place = int(values.argmax()) if len(values) else 0
    return found.iloc[place].to_dict() if len(values) and values[place] > 0 else None


def name(text: object) -> str:
    """A class or a strategy within a sentence: in one line."""
    return " ".join(str(text).split())


def _counts(run: Run, subset: str, classes: int) -> Counts | None:
    try:
        counts = load_counts(run.folder / f"counts_{subset}.npz")
    except InputError:
        return None
    shape = (np.size(counts.ids), classes)
    parts = (counts.tp, counts.fp, counts.fn)
    fits = all(part.shape == shape for part in parts) and counts.confusion.shape == (classes, classes)
    sized = [part for part in (counts.object_tp, counts.object_fn, counts.objects) if part is not None]
    return counts if fits and all(part.shape == (classes, 3) for part in sized) else None


def cells(*axes: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Every combination, the last axis fastest."""
    return list(itertools.product(*axes))
