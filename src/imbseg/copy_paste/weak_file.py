"""A CSV of earlier scores (a run's epochs.csv, a report's tables, class by class) -> the classes that scored worst."""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from imbseg.copy_paste import WORST
from imbseg.errors import InputError
from imbseg.files import check_separator

PREFIXES = ("IoU/", "val/IoU/")  # of columns that hold a class's IoU; never the test set's, which no remedy may see
CHOSEN_BY = ("mIoU_present", "mIoU")  # the score that names an epoch's row the best
SUMMARIES = ("mean", "mIoU")  # rows that a table class by class may end with
Rows = list[dict[str, str]]


def weak_classes(path: Path, classes: Sequence[str], background: str | None) -> list[str]:
    """The worst third (at least one) of the classes that an earlier result scored, the worst first.

    Three kinds of file are known by their header: a run's epochs.csv (`IoU/<class>`: the row with the best validation
    mIoU), a report's results.csv or strategies.csv (`val/IoU/<class>`: the mean over its rows), and a table with the
    classes in its first column (the mean over the other columns).

    Args:
        classes: names of the data set's classes; those without a score in the file can't be chosen.
        background: left aside, as it is no object.

    Raises:
        InputError: it can't be read, is of another kind, names other classes, or scores none.
    """
    header, rows = _read(path)
    by_column = _columns(header)
    found = _from_columns(header, rows, by_column) if by_column else _from_rows(header, rows, path)
    found = {name: score for name, score in found.items() if name in classes or name not in SUMMARIES}
    _check_names(path, found, classes, background)
    scores = {name: score for name, score in found.items() if name != background and not math.isnan(score)}
    if not scores:
        raise InputError(f"weak_from {path}: holds no IoU of any class; give the result of a run that was validated")
    low, high = min(scores.values()), max(scores.values())
    if low < 0 or high > 100:
        raise InputError(f"weak_from {path}: expected IoU of 0..1 or percent, found {low:g}..{high:g}; give scores")
    order = sorted(scores, key=lambda name: scores[name])
    return order[: max(1, round(len(order) / WORST))]


def _read(path: Path) -> tuple[list[str], Rows]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle, restval="")
            rows = list(reader)
            header = list(reader.fieldnames or [])
    except OSError as error:
        raise InputError(f"weak_from {path}: can't be read ({error.strerror}); give a CSV of earlier scores") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"weak_from {path}: expected a CSV with a header, found {error}") from error
    check_separator(header, f"weak_from {path}")
    if any(None in row for row in rows):
        raise InputError(f"weak_from {path}: a row has more cells than the header; a name with a comma needs quotes")
    if len(header) < 2 or not rows:
        found = f"{len(header)} columns and {len(rows)} rows"
        raise InputError(f"weak_from {path}: expected a header and rows ('class,IoU' and 'pole,0.12'), found {found}")
    return header, rows


def _columns(header: list[str]) -> dict[str, str]:
    """class -> the column that holds its validation IoU; strategies.csv has mean, std and n of each."""
    for prefix in PREFIXES:
        own = {column.removeprefix(prefix): column for column in header if column.startswith(prefix)}
        if own and all(name.endswith((" mean", " std", " n")) for name in own):
            own = {name.removesuffix(" mean"): column for name, column in own.items() if name.endswith(" mean")}
        if own:
            return own
    return {}


def _from_columns(header: list[str], rows: Rows, by_column: dict[str, str]) -> dict[str, float]:
    chosen_by = next((name for name in CHOSEN_BY if name in header), None)
    if chosen_by:
        scores = [_number(row[chosen_by]) for row in rows]
        best = max(range(len(rows)), key=lambda i: (-math.inf if math.isnan(scores[i]) else scores[i], -i))
        rows = [rows[best]]
    return {name: _mean(_number(row[column]) for row in rows) for name, column in by_column.items()}


def _from_rows(header: list[str], rows: Rows, path: Path) -> dict[str, float]:
    first, *others = header
    names = [row[first] for row in rows]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"weak_from {path}: class {twice[0]!r} stands there twice; leave one row of each")
    for row in rows:
        strange = [row[column] for column in others if row[column] and math.isnan(_number(row[column]))]
        if strange and strange[0].lower() != "nan":
            found = f"found {strange[0]!r}; give class,IoU, an epochs.csv or a report's results.csv"
            raise InputError(f"weak_from {path}: expected numbers behind the class in the first column, {found}")
    return {row[first]: _mean(_number(row[column]) for column in others) for row in rows}


def _check_names(path: Path, found: dict[str, float], classes: Sequence[str], background: str | None) -> None:
    unknown = [name for name in found if name not in classes]
    missing = [name for name in classes if name not in found and name != background]
    if unknown or missing:
        what = f"{unknown[0]!r} is none of them" if unknown else f"{missing[0]!r} is missing"
        expected = f"the data set's classes ({', '.join(classes)})"
        raise InputError(f"weak_from {path}: expected {expected}, {what}; give a result of this data set")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan
