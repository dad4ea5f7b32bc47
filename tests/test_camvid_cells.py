"""tools/camvid_cells.py: every cell is a trial, and keeps what a report reads without its weights."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from imbseg.trial import resolve

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def cells() -> ModuleType:
    spec = importlib.util.spec_from_file_location("camvid_cells", ROOT / "tools" / "camvid_cells.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_cell_is_a_trial_of_its_own(cells: ModuleType) -> None:
    found = [
        resolve({**{k: str(v) for k, v in {**cells.COMMON, **own}.items()}}, {}).trial for own in cells.CELLS.values()
    ]
    assert len({json.dumps(trial.as_json()) for trial in found}) == len(found)
    assert {trial.dataset for trial in found} == {"camvid"}


def test_a_finished_cell_is_not_trained_again_and_its_weights_are_not_kept(
    cells: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "runs" / "camvid_cells" / "plain_2"
    folder.mkdir(parents=True)
    for name in ("best.pt", "last.pt", "log.txt", "epochs.csv", "counts_val.npz", "trial.json"):
        (folder / name).write_text("x")
    (folder / "status.json").write_text('{"status": "finished"}')
    monkeypatch.setattr(cells, "REPOSITORY", tmp_path)
    cells.train("plain", 2)
    kept = sorted(path.name for path in (tmp_path / "docs" / "runs" / "camvid" / "plain_2").iterdir())
    assert kept == ["counts_val.npz", "epochs.csv", "status.json", "trial.json"]
