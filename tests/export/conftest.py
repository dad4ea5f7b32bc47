"""A finished trial, for what is written of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_trial import make_data, train


@pytest.fixture(scope="session")
def exported_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def runs(exported_data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one strategy, one epoch each, at a scale of their own; not to be changed."""
    out = tmp_path_factory.mktemp("runs")
    for seed in ("1", "2"):
        how = {"seed": seed, "epochs": "1", "resize": "48x56", "crop": "none", "post_hoc": "prior"}
        train({**exported_data, **how}, out / f"seed{seed}")
    return out
