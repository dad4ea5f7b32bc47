"""The columns of the report's tables: what each is called, how its numbers are shown, and what they are."""

from __future__ import annotations

import csv
import dataclasses
import re
from pathlib import Path

TEXT = -1  # digits of what is no number


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: of the CSV's column.
        title: what the report calls it.
        digits: after the point of a number; TEXT: the cell is shown as it is.
        spread: the CSV's column that stands behind a plus-minus sign.
        low, high: the CSV's columns that stand in brackets.
        start: the CSV's column that stands before an arrow.
        signed: whether a plus sign is shown.
        percent: whether a share is shown times 100.
        minor: whether a narrow terminal does without.
        meaning: what it is, in a line.
    """

    name: str
    title: str
    digits: int = TEXT
    spread: str = ""
    low: str = ""
    high: str = ""
    start: str = ""
    signed: bool = False
    percent: bool = False
    minor: bool = False
    meaning: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The CSV's columns that a cell shows."""
        return tuple(name for name in (self.name, self.spread, self.low, self.high, self.start) if name)


def _known() -> dict[str, Column]:
    """Every column of page.csv by its name, and after a point its table, where tables differ.

    How it is shown: .3 digits, + signed, % a share, [low, high] the ends of an interval, {start} what
    stands before an arrow, ? minor.
    """
    with (Path(__file__).parent / "page.csv").open(newline="", encoding="utf-8") as handle:
        return {row["name"]: _column(**row) for row in csv.DictReader(handle)}


def _column(name: str, shown: str, title: str, meaning: str) -> Column:
    digits, ends = re.search(r"\.(\d)", shown), re.search(r"\[(\w+), (\w+)\]", shown)
    low, high = ends.groups() if ends else ("", "")
    start = re.search(r"\{(\w+)\}", shown)
    return Column(
        name.partition(".")[0],
        title,
        int(digits[1]) if digits else TEXT,
        low=low,
        high=high,
        start=start[1] if start else "",
        signed="+" in shown,
        percent="%" in shown,
        minor="?" in shown,
        meaning=meaning,
    )


COLUMNS = _known()
STRATEGY = COLUMNS["strategy"]


def columns(*keys: str) -> tuple[Column, ...]:
    """Columns by their keys in page.csv."""
    return tuple(COLUMNS[key] for key in keys)
