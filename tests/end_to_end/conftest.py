"""A port, a home of its own for NNI, and a small data set with its meta."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from end_to_end.real_trials import stop_all
from small_trial import make_data


@pytest.fixture
def port(free_port: int) -> int:
    """Of NNI's manager."""
    return free_port


@pytest.fixture(scope="session")
def cracks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The flags that name the data."""
    return make_data(tmp_path_factory.mktemp("data"), n=60)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """NNI's list of experiments lies there, and all experiments on it are stopped at the end; runs go to home/runs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield tmp_path
    stop_all(tmp_path)
