"""The columns of the report's tables: what each is called, how its numbers are shown, and what they are."""

import csv
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

TEXT = -1  # digits of what is no number


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table: its name in the CSV, its title, how its numbers are shown, and what they are.

    `digits` are those after the point (TEXT: the cell as it is); `spread`, `low`, `high` and `start` name the CSV's
    columns behind a plus-minus sign, in brackets, and before an arrow; a `minor` one a narrow terminal does without.
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


def glossary() -> list[tuple[str, str]]:
    """A line a term, in the words that the report uses."""
    return [(row["term"], row["meaning"]) for row in _rows("page.glossary.csv")]


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


# .3 digits, + signed, % a share, [low, high] ends of an interval, {start} what stands before an arrow, ? minor
SHOWN = re.compile(r"(\+?)(?:\.(\d))? ?(%?) ?(?:\[(\w+), (\w+)\])? ?(?:\{(\w+)\})? ?(\??)")


def _known() -> Iterator[tuple[str, Column]]:
    """Every column of page.csv by its name, and after a point its table, where tables differ."""
    for row in _rows("page.csv"):
        how = SHOWN.fullmatch(row["shown"])
        assert how, row
        sign, digits, share, low, high, start, minor = how.groups("")
        name, flags = row["name"].partition(".")[0], (bool(sign), bool(share), bool(minor))
        shown = (int(digits or TEXT), "", low, high, start, *flags, row["meaning"])
        yield row["name"], Column(name, row["title"], *shown)


COLUMNS = dict(_known())
STRATEGY = COLUMNS["strategy"]


def columns(*keys: str) -> tuple[Column, ...]:
    """Columns by their keys in page.csv."""
    return tuple(COLUMNS[key] for key in keys)
