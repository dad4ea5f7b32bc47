"""What the samples of a training showed of each class: the sums of draws.csv over the epochs."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from imbseg.runs.collect import Run, Seed
from imbseg.runs.csv_table import columns_of
from imbseg.runs.strategies import Strategy

Shown = dict[str, NDArray[np.float64]]  # pixels and pasted: (classes,)


def shown(strategy: Strategy) -> Mapping[Seed, Shown]:
    """Seed -> labelled pixels and pasted instances of each class, of the runs that tell."""
    found = {run.seed: _of_run(run) for run in strategy.runs}
    return {seed: sums for seed, sums in found.items() if sums is not None}


def _of_run(run: Run) -> Shown | None:
    """None of a run whose draws.csv is missing or tells nothing of the classes."""
    table = columns_of(run.folder / "draws.csv")
    columns = {what: [f"{what}:{one}" for one in run.classes] for what in ("pixels", "pasted")}
    if table is None or not {*columns["pixels"]} <= {*table.columns} or table[columns["pixels"]].isna().any(axis=None):
        return None
    sums = table.sum()
    return {what: np.array([float(sums.get(one, 0.0)) for one in names]) for what, names in columns.items()}
