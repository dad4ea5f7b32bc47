"""Epoch by epoch: the validation scores of every finished run, as epochs.csv has them."""

from __future__ import annotations

import math

import pandas as pd

from imbseg.errors import InputError
from imbseg.runs.collect import SCORES, read_rows
from imbseg.runs.strategies import Group

COLUMNS = ("strategy", "trial", "seed", "epoch", "loss", *SCORES)


def table(group: Group) -> pd.DataFrame:
    """A row a run and epoch; a run whose epochs.csv can't be read any more has none.

    Args:
        group: strategies that may be compared.

    Returns:
        Columns COLUMNS; scores are of the validation images, NaN where a run has no such score.
    """
    rows = []
    for strategy in group.strategies:
        for run in strategy.runs:
            try:
                epochs = read_rows(run.folder / "epochs.csv") if run.epochs else []
            except (InputError, OSError, UnicodeDecodeError):
                epochs = []
            told = {"strategy": strategy.label, "trial": run.name, "seed": run.seed[0]}
            rows += [told | {name: row.get(name, math.nan) for name in COLUMNS[3:]} for row in epochs]
    return pd.DataFrame(rows, columns=list(COLUMNS))
