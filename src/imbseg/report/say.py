"""Numbers, differences, seeds and names as sentences have them."""

import math

from imbseg.errors import amount as amount
from imbseg.page.cells import plain as plain
from imbseg.report.frames import Record
from imbseg.runs.collect import Seed


def number(value: float, digits: int = 5) -> str:
    """A number as all files have it; nothing for NaN.

    >>> number(0.123456), number(float("nan"))
    ('0.12346', '')
    """
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def signed(value: float) -> str:
    """A difference in three digits.

    >>> signed(-0.0125), signed(0.2), signed(-1e-9)
    ('−0.013', '+0.200', '+0.000')
    """
    return plain(value, sign="+")


def levels(row: Record) -> str:
    """From which level to which."""
    return f"{plain(row['before'])} -> {plain(row['after'])}"


def span(row: Record) -> str:
    """A difference with its interval, or without where one seed gives none; unpaired ones say so."""
    unpaired = "" if row["paired"] else " unpaired"
    if math.isnan(row["low"]):
        return signed(row["mean"]) + unpaired
    return f"{signed(row['mean'])} [{plain(row['low'])}, {plain(row['high'])}]{unpaired}"


def moved(row: Record, what: str, *, with_seeds: bool = True) -> str:
    """A difference with its levels before it: `tail 0.000 -> 0.238 (+0.238 [0.048, 0.428], 3 seeds)`."""
    count = f", {seeds(int(row['seeds']))}" if with_seeds else ""
    return f"{what} {levels(row)} ({span(row)}{count})"


def seeds(count: int) -> str:
    """How many seeds a number is a mean of.

    >>> seeds(1), seeds(3)
    ('1 seed', '3 seeds')
    """
    return amount(count, "seed")


def seed_name(seed: Seed) -> str:
    """A run's seed as a text, with the split's where it has its own.

    >>> seed_name((3, 0)), seed_name((3, 1))
    ('3', '3(split 1)')
    """
    return str(seed[0]) if not seed[1] else f"{seed[0]}(split {seed[1]})"


def name(text: object) -> str:
    """A class or a strategy within a sentence: in one line."""
    return " ".join(str(text).split())
