"""What true labels keep on the grid that a finished trial predicts on: its own ceiling, class by class."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imbseg.datasets.read import read_mask
from imbseg.datasets.spec import Dataset
from imbseg.meta.ceiling import ceilings
from imbseg.meta.ceiling_table import LEAST_MASKS, MOST_PIXELS
from imbseg.training.folder import Row, write_rows
from imbseg.training.samples import Files
from imbseg.trial import Trial
from imbseg.trial.geometry import geometry_of


def write_ceilings(path: Path, trial: Trial, dataset: Dataset, subsets: dict[str, Files]) -> None:
    """Write a row with `SUBSET:CLASS` for each class; empty where no mask shows it.

    Args:
        path: the CSV.
        trial: as its best epoch had it.
        dataset: whose masks they are.
        subsets: name -> files; of very many pixels some masks, evenly spread.
    """
    grid, row = geometry_of(trial).grid, Row()
    for subset, files in subsets.items():
        masks = (read_mask(files.masks[place], dataset) for place in _spread(files))
        found = ceilings(masks, grid, len(dataset.classes))
        row |= {f"{subset}:{name}": float(value) for name, value in zip(dataset.class_names, found, strict=True)}
    write_rows(path, [row])


def _spread(files: Files) -> list[int]:
    typical = float(np.median([width * height for width, height in files.sizes]))
    number = min(len(files.sizes), max(LEAST_MASKS, int(MOST_PIXELS / typical)))
    return [int(place) for place in np.linspace(0, len(files.sizes) - 1, number)]
