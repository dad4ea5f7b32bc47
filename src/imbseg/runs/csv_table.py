"""CSV of a user -> a table, strictly: a row that doesn't fit the header is refused instead of shifted or filled."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.errors import InputError

LISTED = 5  # offenders that a message names


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
        table: what `read_table` gave.
        columns: of numbers.
        where: flag and file.
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


def _check_shape(file: Path, flag: str) -> None:
    with file.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.reader(handle)
        header = next(reader, [])
        twice = sorted({name for name in header if header.count(name) > 1})
        if twice:
            raise InputError(f"{flag} {file}: {len(twice)} column name(s) stand twice in the header "
                             f"({', '.join(twice[:LISTED])}); keep one column of each")  # fmt: skip
        for cells in reader:
            if cells and len(cells) != len(header):
                raise InputError(f"{flag} {file}: line {reader.line_num}: expected {len(header)} cells, as in the "
                                 f"header, found {len(cells)}; mend or remove that line")  # fmt: skip
