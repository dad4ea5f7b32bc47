"""Meta without its figures, which take most of the time of a small data set's, where no test looks at them."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from imbseg.datasets.spec import Dataset
from imbseg.meta import build as build_module


def build(dataset: Dataset, folder: Path, **geometry: Any) -> build_module.Built:
    """All the rest, by one process, with seed 1."""
    with mock.patch.object(build_module, "_draw"):
        return build_module.build(dataset, folder, workers=1, seed=1, **geometry)
