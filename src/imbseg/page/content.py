"""What a report is made of, whatever renders it: every number of a table or figure is a cell of a CSV beside it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from imbseg.page.columns import STRATEGY, Column

Record = Mapping[str, Any]
MOST = 20  # rows of a table that isn't folded up
LONGEST = 600  # rows of a table in a page; the CSV beside it has all


def records(frame: pd.DataFrame) -> list[tuple[int, Record]]:
    """The rows of a table, each with its place in the file."""
    rows = [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
    return list(zip(map(int, frame.index), rows, strict=True))


@dataclasses.dataclass(frozen=True)
class Table:
    """A table: its caption, the CSV beside the report, rows of that file (the index is a row's place), columns.

    Attributes:
        by: the frame's column that names the row's strategy by its label; none: the rows belong to no strategy.
        folded: whether it starts folded up; None: where it is long.
        turned: whether a row of the file is shown as a column, headed by the first of `columns`.
    """

    caption: str
    file: str
    frame: pd.DataFrame
    columns: Sequence[Column]
    by: str = STRATEGY.name
    folded: bool | None = None
    turned: bool = False

    @property
    def closed(self) -> bool:
        """Whether it starts folded up."""
        return len(self.frame) > MOST if self.folded is None else self.folded

    def cut(self) -> "Table":
        """The table with no more rows than a page can hold, which its caption says."""
        whole = len(self.columns) - 1 if self.turned else len(self.frame)
        if whole <= LONGEST:
            return self
        caption = f"{self.caption}; the first {LONGEST} of {whole:,} rows, the file has all"
        if self.turned:
            return dataclasses.replace(self, caption=caption, columns=self.columns[: LONGEST + 1])
        return dataclasses.replace(self, caption=caption, frame=self.frame.head(LONGEST))


@dataclasses.dataclass(frozen=True)
class Chart:
    """A figure as an SVG element: its title, the CSV of its numbers, and the one strategy that it shows, if so."""

    svg: Markup
    title: str
    file: str
    strategy: str = ""


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A figure's file beside the report, for what can't hold an SVG element: its PNG, and what it shows in words."""

    file: str
    alt: str


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
    """A part of the report: key (for its address) and heading; sentences, then figures, tables and rows of pictures.

    `legend` names the colours of pictures, `notes` say how to read it, `terms` are a glossary's, and `drawings` are the
    same figures and pictures as files. A table without a row isn't shown.
    """

    key: str
    title: str
    said: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    rows: Sequence[Row] = ()
    legend: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    terms: Sequence[tuple[str, str]] = ()
    drawings: Sequence[Drawing] = ()

    @property
    def shown(self) -> list[Table]:
        """The tables that have a row."""
        return [table.cut() for table in self.tables if len(table.frame)]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show: sentences and notes alone don't count beside tables that have no row."""
        return not (self.charts or self.shown or self.rows or self.terms or (self.said and not self.tables))


@dataclasses.dataclass(frozen=True)
class Tile:
    """One number that matters, large: its text, what it is, and whether it is good (up) or bad (down)."""

    number: str
    words: str
    tone: str = ""


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One group of comparable trials: its name, first sentences, their numbers, strategies (baseline first), parts."""

    name: str
    answer: Sequence[str]
    tiles: Sequence[Tile]
    strategies: Sequence[str]
    sections: Sequence[Section]


@dataclasses.dataclass(frozen=True)
class Page:
    """The whole report: title, what keeps its chapters apart, chapters, and what belongs to all of them."""

    title: str
    warnings: Sequence[str]
    chapters: Sequence[Chapter]
    sections: Sequence[Section]

    @property
    def parts(self) -> list[Section]:
        """Every section, those of the chapters first."""
        return [*(part for chapter in self.chapters for part in chapter.sections), *self.sections]
