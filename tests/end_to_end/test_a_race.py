"""A race through real NNI: interrupted, gone on with, and each trial to the bytes of one that never paused."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest
from end_to_end.real_trials import experiments, run_experiment, trial_command, write_config
from end_to_end.test_resume import rows, wait_for
from small_trial import train

from imbseg.files import read_object
from imbseg.runs.collect import FINISHED, collect

pytestmark = pytest.mark.slow

LOSSES = ["cross_entropy", "weighted_cross_entropy"]
SPACE = {"seed": {"_type": "choice", "_value": [1, 2]}, "loss": {"_type": "choice", "_value": LOSSES}}


@pytest.mark.parametrize("epochs", ["2", pytest.param("4", marks=pytest.mark.long)])
def test_a_race_is_interrupted_and_ends(home: Path, port: int, cracks: dict[str, str], epochs: str) -> None:
    flags = {**cracks, "epochs": epochs, "patience": "0"}
    command = trial_command(flags, "loss")
    config = write_config(home, "configs/sample.yml", command, SPACE)
    process = run_experiment(config, port, "--race", "--hours", "1", "--keep_baseline")
    wait_for(lambda: len(list(home.glob("runs/race_config_1/*/epochs.csv"))) == 2, process, timeout_s=600)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 130, said
    assert said.splitlines()[-1].endswith("--resume race_config_1")
    spent = read_object(home / "runs/race_config_1/race.json")["spent"]
    assert spent > 0

    process = run_experiment(config, port, "--race", "--keep_baseline", "--resume", "race_config_1")
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert "ranks at short against whole training" in said
    assert "the whole grid (2 candidates, 2 seeds) would have taken" in said
    assert all(one["status"] == "STOPPED" for one in experiments(home).values())

    runs = collect(home / "runs/race_config_1")
    assert [run.status for run in runs] == [FINISHED] * 4  # near ties: both stay to the end
    for run in runs:
        if run.parameters["seed"] == 1:
            train(flags | {"loss": str(run.parameters["loss"]), "seed": "1"}, home / "through" / run.name)
            assert rows(home / "through" / run.name / "epochs.csv") == rows(run.folder / "epochs.csv")
    with (home / "runs/race_config_1/race.csv").open(newline="") as handle:
        assert {row["state"] for row in csv.DictReader(handle)} == {"in the race"}
    assert read_object(home / "runs/race_config_1/race.json")["spent"] > spent
