"""Which baseline is worth comparing with: what is tried, and what the best of it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbseg.errors import InputError
from imbseg.manager import baseline
from imbseg.manager.baseline import best_setup, setups
from imbseg.manager.candidates import BASELINE, Candidate
from imbseg.trial import Trial

RUNS = Path(__file__).resolve().parents[2] / "docs" / "sample_runs"
UNET = {"architecture": "unet", "decoder_width": 96}
WEIGHTED = Candidate("weighted_cross_entropy", reason="rare")


def test_batch_size_network_and_learning_rates() -> None:
    found = [setup for setup, _ in setups(Trial(batch_size=8, lr=0.001, encoder_lr=0.0005))]
    assert found == [
        {"batch_size": 4},
        UNET,
        {"batch_size": 4, **UNET},
        {"lr": 0.000333, "encoder_lr": 0.000167},
        {"lr": 0.003, "encoder_lr": 0.0015},
    ]
    assert [list(setup) for setup, _ in setups(Trial(batch_size=2, architecture="unet"))] == [["lr", "encoder_lr"]] * 2


def test_each_setup_is_tried_plain_and_with_the_first_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = None
    monkeypatch.setattr(baseline, "candidates", lambda *_: [BASELINE, BASELINE, WEIGHTED])
    found = baseline.baselines(nothing, nothing, Trial())
    assert found[:2] == [BASELINE, WEIGHTED]
    assert [one.loss for one in found] == ["cross_entropy", "weighted_cross_entropy"] * 6
    assert [one.block for one in found[2::2]] == [one.block for one in found[3::2]]
    assert found[4].label == "x2, cross_entropy, architecture unet, decoder_width 96"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """The sample's runs, of which the weighted ones take batches of 4."""
    shutil.copytree(RUNS, tmp_path / "runs")
    for file in (tmp_path / "runs").rglob("trial.json"):
        about = json.loads(file.read_text())
        small = about["parameters"]["loss"] == "weighted_cross_entropy"
        about["parameters"] |= {"batch_size": 4 if small else 8, "lr": 0.002}
        about["sources"] |= {"batch_size": "sampled", "lr": "flag"}
        file.write_text(json.dumps(about))
    return tmp_path / "runs"


def data_set(runs: Path) -> Any:
    about = json.loads(next(runs.rglob("trial.json")).read_text())
    return SimpleNamespace(digest=about["dataset_sha256"], path=Path("sample.yml"))


def test_the_best_on_validation_gives_what_was_sampled(runs: Path) -> None:
    settings, sentence = best_setup(runs, data_set(runs))
    scores: dict[str, list[float]] = {"cross_entropy": [], "weighted_cross_entropy": []}
    for file in runs.rglob("trial.json"):
        epochs = (file.parent / "epochs.csv").read_text().splitlines()
        column = epochs[0].split(",").index("mIoU")
        best = json.loads((file.parent / "status.json").read_text())["best_epoch"]
        scores[json.loads(file.read_text())["parameters"]["loss"]].append(float(epochs[best].split(",")[column]))
    mean = {loss: sum(values) / 3 for loss, values in scores.items()}
    winner = max(mean, key=mean.__getitem__)
    assert settings == {"batch_size": "4" if winner == "weighted_cross_entropy" else "8"}
    told = (
        f"Baseline: batch_size {settings['batch_size']}; validation mIoU {mean[winner]:.3f} with {winner}, the best of"
    )
    assert sentence == f"{told} 2 settings in {runs} (the worst: {min(mean.values()):.3f})."


def test_runs_of_another_data_set_or_none_are_refused(runs: Path) -> None:
    other: Any = SimpleNamespace(digest="0", path=Path("other.yml"))
    with pytest.raises(InputError, match=r"was trained on another data set file than other.yml"):
        best_setup(runs, other)
    mine = data_set(runs)
    for file in runs.rglob("status.json"):
        file.write_text('{"status": "running"}')
    with pytest.raises(InputError, match="no run has finished; wait for one"):
        best_setup(runs, mine)
