"""Trials with the samplers that change what a sample is, or change as training goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_trial import make_data, train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"))


def test_rare_class_trains_the_same_at_any_number_of_workers(data: dict[str, str], tmp_path: Path) -> None:
    flags = {**data, "strategy": "full/mskf/rare_class/none", "crop": "32", "crop_on_object": "0.5"}
    for workers in ("0", "2"):
        train({**flags, "workers": workers}, tmp_path / workers)
    assert (tmp_path / "0" / "epochs.csv").read_bytes() == (tmp_path / "2" / "epochs.csv").read_bytes()
