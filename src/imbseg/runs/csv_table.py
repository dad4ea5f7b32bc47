"""CSV of a user or of a run -> a table, strictly: a row that doesn't fit the header is refused."""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.files import check_separator

LISTED = 5  # offenders that a message names
Row = dict[str, float]


def read_table(file: Path, flag: str, row: str) -> pd.DataFrame:
    """Read a CSV as pandas does, its shape checked first; every cell stays the text that it is.

    Args:
        file: CSV with a header, in UTF-8.
        flag: that named it, for messages.
        row: what a row stands for, such as "a trial".

    Raises:
        InputError: the file can't be read, a name stands twice in the header, a row has more or fewer cells than the
            header, or there is no row.
    """
    try:
        _check_shape(file, flag)
        table = pd.read_csv(file, compression=None, index_col=False, dtype=str, keep_default_na=False)
    except InputError:
        raise
    except (OSError, ValueError, csv.Error) as error:  # pandas' own errors are ValueErrors
        raise InputError(f"{flag} {file}: can't be read as CSV ({' '.join(str(error).split())})") from error
    if not len(table):
        raise InputError(f"{flag} {file}: has no row; a row {row} is expected")
    return table


def numbers(table: pd.DataFrame, columns: Sequence[str], where: str, expected: str) -> NDArray[np.float64]:
    """Columns as (rows, columns) float64.

    Args:
        columns: of numbers.
        expected: what a cell should be, and after a semicolon what to do.

    Raises:
        InputError: a cell holds no finite number; the message names line and column.
    """
    values: NDArray[np.float64] = table[list(columns)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    if not np.isfinite(values).all():
        row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(values)))
        raw = table[columns[column]].iloc[row]
        found = repr(raw) if raw else "nothing"
        what, _, advice = expected.partition("; ")
        raise InputError(f"{where}: line {row + 2}, {columns[column]}: expected {what}, found {found}; {advice}")
    return values


def read_rows(file: Path) -> list[Row]:
    """A table of numbers; an empty cell is NaN, a missing file has no rows.

    Raises:
        InputError: a row doesn't fit the header, a cell is no number, or an epoch is no whole one.
    """
    if not file.is_file():
        return []
    try:
        with file.open(newline="", encoding="utf-8") as handle:
            reader = csv.DictReader(handle)
            names = reader.fieldnames or ()
            rows = [_numbers(row, file.name) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file.name}: expected a table of numbers, found {error}; it was damaged") from error
    if len(set(names)) < len(names):
        raise InputError(f"{file.name}: a name stands twice in the header")
    return rows


def columns_of(file: Path) -> pd.DataFrame | None:
    """The same as a table; None where the file is missing, broken or has no row."""
    try:
        rows = read_rows(file)
    except (InputError, OSError, ValueError, csv.Error):
        return None
    return pd.DataFrame(rows) if rows else None


def _numbers(row: Mapping[str | None, Any], where: str) -> Row:
    if None in row or None in row.values():
        raise InputError(f"{where}: a row has more or fewer cells than the header; it was cut short")
    try:
        found = {str(name): float(cell) if cell != "" else math.nan for name, cell in row.items()}
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error
    if not float(found.get("epoch", 1.0)).is_integer():
        raise InputError(f"{where}: expected whole epochs, found {found['epoch']:g}")
    return found


def _check_shape(file: Path, flag: str) -> None:
    with file.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.reader(handle)
        header = next(reader, [])
        check_separator(header, f"{flag} {file}")
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise InputError(
                f"{flag} {file}: {len(twice)} column name(s) stand twice in the header "
                f"({', '.join(twice[:LISTED])}); keep one column of each"
            )
        for cells in reader:
            if cells and len(cells) != len(header):
                raise InputError(
                    f"{flag} {file}: line {reader.line_num}: expected {len(header)} cells, as in the "
                    f"header, found {len(cells)}; mend or remove that line"
                )
