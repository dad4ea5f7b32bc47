"""A table of the report -> its cells, each with what it says by the CSV's columns: the same in every renderer."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from imbseg.page.columns import TEXT, Column
from imbseg.page.content import Table, records


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell as it is shown: its text, what it says by the CSV's column, its column, place in the CSV, and strategy."""

    text: str
    values: Mapping[str, float]
    column: Column
    row: int = 0
    label: str = ""


@dataclasses.dataclass(frozen=True)
class Heading:
    """What stands above a column: text, what it means, the strategy that it belongs to, and whether numbers follow."""

    text: str
    meaning: str
    label: str
    right: bool


def grid(table: Table) -> tuple[list[Heading], list[list[Cell]]]:
    """Headings and rows as they are shown; columns that have nothing to say in these rows are left out."""
    # a wide frame is shown in many tables, each of a few of its columns
    wanted = {table.by, *(name for column in table.columns for name in column.sources)}
    held = records(table.frame[[name for name in table.frame if name in wanted]])
    labels = [str(row[table.by]) if table.by else "" for _, row in held]
    rows = [
        [cell(row, column, place, label) for column in table.columns]
        for (place, row), label in zip(held, labels, strict=True)
    ]
    shown = [column for column in zip(*rows, strict=True) if any(one.text for one in column)]
    if not table.turned:
        heads = [(one[0].column.title, one[0].column.meaning, "") for one in shown]
        return _headed(heads, [[*row] for row in zip(*shown, strict=True)])
    first, *others = shown
    heads = [(table.columns[0].title, "", ""), *((one.text, "", one.label) for one in first)]
    return _headed(heads, [[Cell(row[0].column.title, {}, table.columns[0]), *row] for row in others])


def _headed(heads: list[tuple[str, str, str]], rows: list[list[Cell]]) -> tuple[list[Heading], list[list[Cell]]]:
    right = [all(one.values or not one.text for one in column) for column in zip(*rows, strict=True)]
    return [Heading(*head, side) for head, side in zip(heads, right, strict=True)], rows


def cell(record: Mapping[str, Any], column: Column, place: int = 0, label: str = "") -> Cell:
    """What a table shows of a row of its CSV, which stands at a place there and belongs to a strategy.

    >>> cell({"mean": "0.4745", "std": 0.01}, Column("mean", "mIoU", 3, spread="std")).text
    '0.474 ± 0.010'
    >>> cell({"mean": 0.2, "low": -0.1, "high": 0.3}, Column("mean", "", 3, low="low", high="high", signed=True)).text
    '+0.200 [−0.100, 0.300]'
    >>> cell({"before": 0.0, "after": 0.238}, Column("after", "", 3, start="before")).text
    '0.000 -> 0.238'
    """
    value = None if column.digits == TEXT else as_number(record[column.name])
    if value is None:
        text = record[column.name]
        text = ("no", "yes")[text] if isinstance(text, bool) else text
        missing = text is None or (isinstance(text, float) and math.isnan(text))
        return Cell("" if missing else str(text), {}, column, place, label)
    values = {name: found for name in column.sources if (found := as_number(record[name])) is not None}
    text = shown(value, column, signed=column.signed)
    if column.start in values:
        text = f"{shown(values[column.start], column)} -> {text}"
    if column.spread in values:
        text += f" ± {shown(values[column.spread], column)}"
    if column.low in values and column.high in values:
        text += f" [{shown(values[column.low], column)}, {shown(values[column.high], column)}]"
    return Cell(text, values, column, place, label)


def plain(value: float, digits: int = 3, sign: str = "") -> str:
    """A number as the report has it; infinity as its sign, and no minus before nothing.

    >>> plain(-0.0125), plain(0.2), plain(-1e-9), plain(-math.inf)
    ('−0.013', '0.200', '0.000', '−∞')
    """
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{0.0 if abs(value) < 0.5 * 10**-digits else value:{sign}.{digits}f}".replace("-", "−")


def shown(value: float, column: Column, *, signed: bool = False) -> str:
    """A number as its column has it."""
    text = plain(100 * value if column.percent else value, column.digits, "+" if signed else "")
    return f"{text} %" if column.percent and not math.isinf(value) else text


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
