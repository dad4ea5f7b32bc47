"""Every table of a report by the name of its CSV file: what the files, the page and the words all show."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imbseg.report import comparisons, correlations, curves, image_intervals, moved_prior, one_change, settings, tables
from imbseg.report.errors import why
from imbseg.runs.strategies import Group, Results

Frames = dict[str, pd.DataFrame]
Record = Mapping[str, Any]
Notes = Mapping[str, Mapping[str, str]]  # group -> file -> a sentence on its table
Make = Callable[[Group], pd.DataFrame]
ALONE: Mapping[str, Make] = {"learning_curves.csv": curves.table, "settings.csv": settings.table}
COMPARED: Mapping[str, Make] = {
    "comparisons.csv": comparisons.table,
    "one_change.csv": one_change.table,
    "moved_prior.csv": moved_prior.table,
    "rank_sums.csv": lambda group: comparisons.rank_sums(group.strategies),
}
WHY = ("class_profile", "pixel_effect", "confusion_change", "recall_by_size", "exposure", "exposure_pays",
       "lost_classes")  # fmt: skip
MORE = ("image_intervals.csv", "correlations.csv")


def all_frames(results: Results) -> Frames:
    """Make every table; one that has no row is left out.

    Args:
        results: what is told.

    Returns:
        File name -> table. But for results.csv and strategies.csv a column `group` names each row's group.
    """
    frames = {"results.csv": tables.trials_table(results), "strategies.csv": tables.strategies_table(results)}
    for name, make in ALONE.items():
        frames[name] = _joined(results.groups, make)
    for name, make in COMPARED.items():
        frames[name] = _joined([group for group in results.groups if group.others], make)
    explained = {group.name: why.tables(group) for group in results.groups}
    for name in WHY:
        frames[f"{name}.csv"] = _joined(results.groups, functools.partial(_explained, explained, name))
    return {name: frame for name, frame in frames.items() if len(frame)}


def image_frames(results: Results, counts: Path | None = None, background: str | None = None) -> tuple[Frames, Notes]:
    """Tables that need more than scores: intervals over test images, correlations with statistics of the classes.

    Args:
        results: what is told.
        counts: pixels of each train image, see `correlations.of_group`; None: the meta of the runs.
        background: the class that correlations leave out; None: what the data set declares.

    Returns:
        image_intervals.csv and correlations.csv where there are any; and of each group a sentence on either.

    Raises:
        InputError: runs counted different test images, or `counts` can't be used.
    """
    frames, notes = {}, {}
    for group in results.groups:
        intervals, said = image_intervals.table(group) if group.others else (pd.DataFrame(), "")
        correlated, told = correlations.of_group(group, counts, background)
        frames[group.name] = {"image_intervals.csv": intervals, "correlations.csv": correlated}
        notes[group.name] = {"image_intervals.csv": said, "correlations.csv": told}
    joined = {name: _joined(results.groups, functools.partial(_explained, frames, name)) for name in MORE}
    return {name: frame for name, frame in joined.items() if len(frame)}, notes


def of_group(frames: Frames, name: str, group: Group) -> pd.DataFrame:
    """A group's rows of a table, each with its place in the file as index; an empty table where there is none."""
    frame = frames.get(name)
    return pd.DataFrame() if frame is None else frame[frame["group"] == group.name]


def trials_of(frames: Frames, group: Group) -> pd.DataFrame:
    """A group's rows of results.csv, with a column `label` that names the strategy as the page does."""
    trials = of_group(frames, "results.csv", group)
    return trials.assign(label=trials["key"].map({one.key: one.label for one in group.strategies}))


def records(frame: pd.DataFrame) -> list[tuple[int, Record]]:
    """The rows of a table, each with its place in the file."""
    rows = frame.to_dict("records")
    return [(int(place), {str(name): value for name, value in row.items()})
            for place, row in zip(frame.index, rows, strict=True)]  # fmt: skip


def _explained(found: Mapping[str, Frames], name: str, group: Group) -> pd.DataFrame:
    return found[group.name][name]


def _joined(groups: Sequence[Group], make: Make) -> pd.DataFrame:
    rows: list[Mapping[Hashable, Any]] = []
    for group in groups:
        rows += make(group).assign(group=group.name).to_dict("records")
    return pd.DataFrame(rows)
