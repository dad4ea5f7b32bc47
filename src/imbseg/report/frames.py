"""Every table of a report by the name of its CSV file, and the rows of one group."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pandas as pd

from imbseg.files import write_text
from imbseg.page.content import Record as Record
from imbseg.page.content import records as records
from imbseg.runs.strategies import Group

Frames = Mapping[str, pd.DataFrame]  # file name -> table
SHOWN = 0.0005  # what is less is 0.000 in a sentence


def rows_of(frames: Frames, group: Group) -> Frames:
    """A group's rows of every table, each with its place in the file as index; a table that isn't there is empty."""
    found: defaultdict[str, pd.DataFrame] = defaultdict(pd.DataFrame)
    found |= {name: frame[frame["group"] == group.name] for name, frame in frames.items() if len(frame)}
    return found


def trials_of(frames: Frames, group: Group) -> pd.DataFrame:
    """A group's rows of results.csv, with a column `label` that names the strategy as the page does."""
    trials = frames["results.csv"]
    return trials.assign(label=trials["key"].map({one.key: one.label for one in group.strategies}))


def with_score(frame: pd.DataFrame, score: str) -> list[Record]:
    """The rows of a table that are about one score."""
    return [row for _, row in records(frame[frame["score"] == score])] if len(frame) else []


def extremes(frame: pd.DataFrame, column: str) -> list[Record]:
    """The row with the largest value above 0, and that with the largest below; none of a side all below SHOWN.

    >>> gains = pd.DataFrame({"class": ["sky", "road", "pole"], "gain": [0.1, float("nan"), 0.2]})
    >>> extremes(gains, "gain")
    [{'class': 'pole', 'gain': 0.2}]
    """
    sides = [frame[sign * frame[column] >= SHOWN] for sign in (1, -1)] if len(frame) else []
    return [records(side.loc[[side[column].abs().idxmax()]])[0][1] for side in sides if len(side)]


def write_csv(path: Any, table: pd.DataFrame) -> None:
    """Write a table whole or not at all."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))
