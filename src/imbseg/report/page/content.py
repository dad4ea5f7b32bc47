"""What a report is made of, whatever renders it: every number of a table or figure is a cell of a CSV beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pandas as pd
from markupsafe import Markup

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
        minor: whether a narrow terminal does without.
    """

    name: str
    title: str
    digits: int = TEXT
    spread: str = ""
    low: str = ""
    high: str = ""
    signed: bool = False
    percent: bool = False
    minor: bool = False

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
        turned: whether a row of the file is shown as a column, headed by the first of `columns`.
    """

    caption: str
    file: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    by: str = ""
    folded: bool = False
    turned: bool = False


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell as it is shown.

    Attributes:
        text: what stands there.
        values: what it says by the CSV's column.
        numeric: whether it is a number.
        column: whose cell it is.
        row: its place in the CSV file.
        label: of the row's strategy; empty where it belongs to none.
    """

    text: str
    values: Mapping[str, float]
    numeric: bool
    column: Column
    row: int = 0
    label: str = ""


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
        terms: of a glossary, each with its line.
        drawings: the same figures and pictures as files.
    """

    key: str
    title: str
    said: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    rows: tuple[Row, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    terms: tuple[tuple[str, str], ...] = ()
    drawings: tuple[Drawing, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.said or self.charts or self.tables or self.rows or self.terms)


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

    @property
    def parts(self) -> tuple[Section, ...]:
        """Every section, those of the chapters first."""
        return (*(part for chapter in self.chapters for part in chapter.sections), *self.sections)


# Columns that several tables have
P = 4  # digits of a p value
STRATEGY, CLASS = Column("strategy", "strategy"), Column("class", "class")
SEEDS, GAIN = Column("seeds", "seeds", 0), Column("gain", "gain in IoU", 3, signed=True)
DIFFERENCE = Column("mean", "difference [95 %]", 3, low="low", high="high", signed=True)
