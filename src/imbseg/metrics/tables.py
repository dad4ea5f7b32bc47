"""Counts of whole sets as small tables of a run folder: components.csv and calibration.csv, rows of both subsets."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.files import write_text
from imbseg.metrics import calibration, components
from imbseg.metrics.counts import Counts


@dataclasses.dataclass(frozen=True)
class Layout:
    """A table: its file, the column that numbers the rows of a class, that column's cells, and the counts' names."""

    file: str
    key: str
    keys: tuple[str, ...]
    counts: tuple[str, ...]

    @property
    def header(self) -> list[str]:
        """The columns in their order."""
        return ["subset", "class", self.key, *self.counts]


LAYOUTS = {
    "components": Layout("components.csv", "threshold", tuple(map(str, components.THRESHOLDS)), components.OUTCOMES),
    "calibration": Layout("calibration.csv", "bin", tuple(map(str, range(calibration.BINS))), calibration.COLUMNS),
}


def save_tables(folder: Path, found: Mapping[str, Counts], classes: Sequence[str]) -> None:
    """Write every table that all subsets' counts hold, whole or not at all.

    Args:
        folder: of a run.
        found: subset -> counts.
        classes: names in index order.
    """
    for name, layout in LAYOUTS.items():
        counted = [getattr(counts, name) for counts in found.values()]
        if all(part is not None for part in counted):
            cells = np.stack(counted).reshape(-1, len(layout.counts)).tolist()
            keys = itertools.product(found, classes, layout.keys)
            rows = [[*key, *map(_cell, values)] for key, values in zip(keys, cells, strict=True)]
            table = pd.DataFrame(rows, columns=layout.header)
            write_text(folder / layout.file, table.to_csv(index=False, lineterminator="\n"))


def load_table(folder: Path, name: str, subset: str, classes: Sequence[str]) -> NDArray[np.float64] | None:
    """Read a subset's counts back.

    Args:
        folder: of a run.
        name: of LAYOUTS.
        classes: names in index order.

    Returns:
        (classes, keys, counts) float64; None of a run of an earlier version, or where the rows are others than a
        trial writes.
    """
    layout = LAYOUTS[name]
    found = _rows(folder / layout.file, layout)
    own = found[found["subset"] == subset]
    if list(zip(own["class"], own[layout.key], strict=True)) != list(itertools.product(classes, layout.keys)):
        return None
    values = own[list(layout.counts)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    sound = np.isfinite(values).all() and (values >= 0).all()
    return values.reshape(len(classes), len(layout.keys), -1) if sound else None


def _rows(file: Path, layout: Layout) -> pd.DataFrame:
    """The rows of a table as texts; none where the file is missing or another."""
    try:
        found = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (OSError, ValueError):  # pandas' own errors are ValueErrors
        found = pd.DataFrame()
    return found if list(found.columns) == layout.header else pd.DataFrame(columns=layout.header)


def _cell(value: float) -> str:
    """Whole numbers as such; else the shortest digits that read back exactly."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))
