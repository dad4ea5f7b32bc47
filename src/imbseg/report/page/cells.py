"""A table of the report -> its cells, each with what it says by the CSV's columns: the same in every renderer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from imbseg.report.frames import records
from imbseg.report.page.content import TEXT, Cell, Column, Table

MINUS = "−"
Heading = tuple[str, str]  # text, and label of the strategy that the column belongs to


def grid(table: Table) -> tuple[list[Heading], list[list[Cell]]]:
    """Headings and rows as they are shown; columns that have nothing to say in these rows are left out."""
    held = [(place, str(record[table.by]) if table.by else "", record) for place, record in records(table.frame)]
    cells = [[dataclasses.replace(cell(record, column), row=place, label=label) for column in table.columns]
             for place, label, record in held]  # fmt: skip
    kept = [place for place in range(len(table.columns)) if any(row[place].text for row in cells)]
    cells = [[row[place] for place in kept] for row in cells]
    if not table.turned:
        return [(table.columns[place].title, "") for place in kept], cells
    first, *others = zip(*cells, strict=True)
    names = [Cell(one[0].column.title, {}, numeric=False, column=table.columns[0]) for one in others]
    headings = [(table.columns[0].title, ""), *((one.text, one.label) for one in first)]
    return headings, [[name, *row] for name, row in zip(names, others, strict=True)]


def to_right(rows: list[list[Cell]]) -> list[bool]:
    """Which columns hold numbers and stand to the right."""
    whole = [[cell.numeric or not cell.text for cell in row] for row in rows]
    return [all(column) for column in zip(*whole, strict=True)]


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
        text = ("yes" if text else "no") if isinstance(text, bool) else text
        missing = text is None or (isinstance(text, float) and math.isnan(text))
        return Cell("" if missing else str(text), {}, False, column)
    values = {name: found for name in column.sources if (found := as_number(record[name])) is not None}
    text = shown(value, column)
    if column.spread in values:
        text += f" ± {shown(values[column.spread], dataclasses.replace(column, signed=False))}"
    if column.low in values and column.high in values:
        text += f" [{shown(values[column.low], column)}, {shown(values[column.high], column)}]"
    return Cell(text, values, True, column)


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
