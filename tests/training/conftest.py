from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from small_trial import make_data, train


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Binary: 15 train images and 5 for testing, a crack in every fourth, components for objects; not to be changed."""
    kept = os.environ.get("IMBSEG_TEST_DATA")  # of `make mutants`, where each mutant is a process of its own
    folder = Path(kept) if kept else tmp_path_factory.mktemp("data")
    if (folder / "meta" / "manifest.json").is_file():
        return {"dataset": str(folder / "cracks" / "cracks.yml"), "meta": str(folder / "meta")}
    return make_data(folder)


@pytest.fixture(scope="session")
def finished(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a trial of two epochs, and what was heard of it; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "trial"
    return out, train(data, out)


def _stop(_: dict[str, float]) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def stop() -> Any:
    """What ends a trial from outside after its first epoch."""
    return _stop
