"""What a page is made of: tables and charts whose every number is a cell of a CSV file beside the page."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from imbseg.report.frames import records

MINUS = "−"
TEXT = -1  # digits of what is no number


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table on the page.

    Attributes:
        name: of the CSV's column.
        title: what the page calls it.
        digits: after the point of a number; TEXT: the cell is shown as it is.
        spread: the CSV's column that stands behind a plus-minus sign.
        low, high: the CSV's columns that stand in brackets.
        signed: whether a plus sign is shown.
        percent: whether a share is shown times 100.
    """

    name: str
    title: str
    digits: int = TEXT
    spread: str = ""
    low: str = ""
    high: str = ""
    signed: bool = False
    percent: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The CSV's columns that a cell shows."""
        return tuple(name for name in (self.name, self.spread, self.low, self.high) if name)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table on the page.

    Attributes:
        caption: what it shows, in a sentence.
        file: the CSV file beside the page.
        frame: rows of that file; the index is the row's place in it.
        columns: what is shown.
        by: the frame's column that names the row's strategy by its label; none: the rows belong to no strategy.
        folded: whether it starts folded up.
    """

    caption: str
    file: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    by: str = ""
    folded: bool = False


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell as it is shown: its text, and the values it says by the CSV's column."""

    text: str
    values: Mapping[str, float]
    numeric: bool


@dataclasses.dataclass(frozen=True)
class Chart:
    """A figure drawn as SVG.

    Attributes:
        svg: the element.
        title: above it.
        strategy: the label of the one strategy that it shows; none: several.
        file: the CSV that holds its numbers.
    """

    svg: Markup
    title: str
    file: str
    strategy: str = ""


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image: where it comes from (a data: address), and what it shows in words."""

    source: str
    title: str
    alt: str


@dataclasses.dataclass(frozen=True)
class Row:
    """Pictures beside each other under one heading."""

    title: str
    pictures: tuple[Picture, ...]


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: for the address of the part, such as `classes`.
        title: its heading.
        said: sentences above everything else.
        charts: figures, side by side where there is room.
        tables: below them.
        rows: of pictures.
        legend: name and colour of what pictures show.
        notes: how to read it, in small print.
    """

    key: str
    title: str
    said: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    rows: tuple[Row, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.said or self.charts or self.tables or self.rows)


@dataclasses.dataclass(frozen=True)
class Tile:
    """One number that matters, large: its text, what it is, and which file holds it."""

    number: str
    words: str
    tone: str = ""


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One group of comparable trials.

    Attributes:
        name: of the group.
        answer: the first sentences.
        tiles: the numbers of the answer.
        strategies: labels, the baseline first.
        sections: what follows.
    """

    name: str
    answer: tuple[str, ...]
    tiles: tuple[Tile, ...]
    strategies: tuple[str, ...]
    sections: tuple[Section, ...]


@dataclasses.dataclass(frozen=True)
class Page:
    """The whole page: title, what keeps its chapters apart, chapters, and what belongs to all of them."""

    title: str
    warnings: tuple[str, ...]
    chapters: tuple[Chapter, ...]
    sections: tuple[Section, ...]


def rows(table: Table) -> Iterator[tuple[int, str, list[Cell]]]:
    """The rows of a table: place in the CSV file, label of the strategy, cells."""
    columns = shown_of(table)
    for place, record in records(table.frame):
        label = str(record[table.by]) if table.by else ""
        yield place, label, [cell(record, column) for column in columns]


def shown_of(table: Table) -> list[Column]:
    """The columns that have anything to say in these rows: one seed has no p values."""
    rows = [record for _, record in records(table.frame)]
    return [column for column in table.columns if any(cell(record, column).text for record in rows)]


def cell(record: Mapping[str, Any], column: Column) -> Cell:
    """What a table shows of a row of its CSV.

    >>> cell({"mean": "0.4745", "std": 0.01}, Column("mean", "mIoU", 3, spread="std")).text
    '0.474 ± 0.010'
    >>> cell({"mean": 0.2, "low": 0.1, "high": 0.3}, Column("mean", "", 3, low="low", high="high", signed=True)).text
    '+0.200 [+0.100, +0.300]'
    """
    value = None if column.digits == TEXT else as_number(record[column.name])
    if value is None:
        text = record[column.name]
        missing = text is None or (isinstance(text, float) and math.isnan(text))
        return Cell("" if missing else str(text), {}, numeric=False)
    values = {name: found for name in column.sources if (found := as_number(record[name])) is not None}
    text = shown(value, column)
    if column.spread in values:
        text += f" ± {shown(values[column.spread], dataclasses.replace(column, signed=False))}"
    if column.low in values and column.high in values:
        text += f" [{shown(values[column.low], column)}, {shown(values[column.high], column)}]"
    return Cell(text, values, numeric=True)


def shown(value: float, column: Column) -> str:
    """A number as the page has it; infinity as its sign."""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    scaled = 100 * value if column.percent else value
    scaled = 0.0 if abs(scaled) < 0.5 * 10**-column.digits else scaled  # no minus sign before nothing
    text = f"{scaled:{'+' if column.signed else ''}.{column.digits}f}{' %' if column.percent else ''}"
    return text.replace("-", MINUS)


def as_number(value: Any) -> float | None:
    """A number, also one that stands as text; None for texts and for NaN.

    >>> as_number("0.5"), as_number(""), as_number("1 2"), as_number(True)
    (0.5, None, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return None if math.isnan(found) else found
