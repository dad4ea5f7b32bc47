"""How the trials were run: their settings, versions and data, in one table a group."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from imbseg.errors import listed
from imbseg.runs.collect import Run
from imbseg.runs.strategies import Group

COLUMNS = ("setting", "value", "trials")
MOST = 12  # values of one setting that are listed


def table(group: Group) -> pd.DataFrame:
    """A row a setting: its value, or its values where trials differ; versions and digests of the data below them.

    Args:
        group: strategies that may be compared.

    Returns:
        Columns COLUMNS; `trials` is how many tell the setting.
    """
    runs = [run for strategy in group.strategies for run in strategy.runs]
    told: dict[str, list[str]] = {}
    for run in runs:
        for name, value in _of(run):
            told.setdefault(name, []).append(value)
    rows = [(name, _joined(values), len(values)) for name, values in told.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def hours(group: Group) -> tuple[float, int]:
    """Training and validation of all trials that tell it, in hours (NaN where none does), and how many tell."""
    seconds = pd.Series([run.seconds for strategy in group.strategies for run in strategy.runs], dtype=float)
    return float(seconds.sum(min_count=1)) / 3600, int(seconds.notna().sum())


def _of(run: Run) -> Iterable[tuple[str, str]]:
    yield from ((str(name), str(value)) for name, value in run.parameters.items())
    versions = run.about.get("versions")
    if isinstance(versions, dict):
        yield from ((f"version of {name}", str(value)) for name, value in versions.items())
    for key in ("commit", "dataset_sha256", "meta_sha256", "train_images", "val_images", "test_images"):
        if run.about.get(key) is not None:
            yield key, str(run.about[key])


def _joined(values: list[str]) -> str:
    return listed(list(dict.fromkeys(values)), MOST, "; ")
