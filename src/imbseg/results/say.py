"""Differences as sentences have them."""

from __future__ import annotations

import math

from imbseg.results.frames import Record


def signed(value: float) -> str:
    """A difference in three digits.

    >>> signed(-0.0125), signed(0.2), signed(-1e-9)
    ('−0.013', '+0.200', '+0.000')
    """
    return f"{0.0 if abs(value) < 0.0005 else value:+.3f}".replace("-", "−")


def span(row: Record) -> str:
    """A difference with its interval, or without where one seed gives none; unpaired ones say so."""
    unpaired = "" if row["paired"] else " unpaired"
    if math.isnan(row["low"]):
        return signed(row["mean"]) + unpaired
    return f"{signed(row['mean'])} [{signed(row['low'])}, {signed(row['high'])}]{unpaired}"
