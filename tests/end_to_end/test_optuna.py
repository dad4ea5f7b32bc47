"""Optuna and Hyperband under NNI: real trials of seconds, stopped in between, each told once."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import optuna
import pytest
from end_to_end.real_trials import ran, run_experiment, trial_command, write_config
from end_to_end.test_resume import wait_for
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

pytestmark = pytest.mark.slow

SPACE = {
    "lr": {"_type": "loguniform", "_value": [0.0005, 0.01]},
    "loss": {
        "_type": "choice",
        "_value": [
            {"_name": "cross_entropy"},
            {"_name": "softmax_focal", "gamma": {"_type": "uniform", "_value": [1.0, 4.0]}},
        ],
    },
}
OWN = {"codeDirectory": str(Path(__file__).parents[2] / "src")}
SAMPLED = ("lr", "loss", "class_weights")


def stored(home: Path, experiment: str) -> list[optuna.trial.FrozenTrial]:
    file = home / "nni-experiments" / experiment / "checkpoint" / "optuna.journal"
    return optuna.load_study(study_name="nni", storage=JournalStorage(JournalFileBackend(str(file)))).trials


def scores(home: Path, goal: str) -> dict[tuple[Any, ...], float]:
    """What each finished run folder says of itself, by its parameters."""
    found = {}
    for file in (home / "runs").glob("*/*/status.json"):
        status = json.loads(file.read_text())
        settings = json.loads((file.parent / "trial.json").read_text())["parameters"]
        if status["status"] == "finished":
            gamma = settings["gamma"] if settings["loss"] == "softmax_focal" else None
            found[settings["lr"], settings["loss"], gamma] = status["result"][goal]
    return found


def told(trials: list[optuna.trial.FrozenTrial]) -> dict[tuple[Any, ...], float]:
    done = [one for one in trials if one.state is optuna.trial.TrialState.COMPLETE]
    keys = [(one.params["lr"], one.params["loss"], one.params.get("loss=softmax_focal/gamma")) for one in done]
    assert len(keys) == len(set(keys))
    return {key: one.values[0] for key, one in zip(keys, done, strict=True)}


def names(home: Path) -> set[str]:
    return {path.name for path in (home / "runs").iterdir()}


def test_a_search_goes_on_after_a_stop_and_teaches_the_next_one(home: Path, port: int, cracks: dict[str, str]) -> None:
    command = trial_command({**cracks, "epochs": "3"}, *SAMPLED)
    args = {"optimize": "tail", "seed": 1, "startup": 2}
    tuner = OWN | {"className": "imbseg.tuning.nni_tuner.OptunaTuner", "classArgs": args}
    config = write_config(home, "configs/hpo.yml", command, SPACE, maxTrialNumber=3, tuner=tuner, assessor=None)
    process = run_experiment(config, port)
    wait_for(lambda: len(scores(home, "tail")) >= 2, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 130, said
    (first,) = names(home)
    process = run_experiment(config, port, "--resume", first)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert len(ran(home)) == 3
    assert told(stored(home, first)) == pytest.approx(scores(home, "tail"), abs=1e-12)

    config = write_config(home, "configs/hpo.yml", command, SPACE, maxTrialNumber=1, tuner=tuner, assessor=None)
    process = run_experiment(config, port, "--from", first)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert "3 results of 3 finished runs taken" in said
    (second,) = names(home) - {first}
    assert told(stored(home, second)) == pytest.approx(scores(home, "tail"), abs=1e-12)


def test_the_assessor_stops_what_is_below_the_median(home: Path, port: int, cracks: dict[str, str]) -> None:
    """Two rates that learn, and two that are left at what the network was initialised with."""
    flags = {**cracks, "epochs": "4", "loss": "weighted_cross_entropy", "class_weights": "inverse"}
    command = trial_command(flags, "lr", "encoder_lr")
    rates = {"lr": {"_type": "choice", "_value": [0.01, 0.02]}, "encoder_lr": {"_type": "choice", "_value": [0.01]}}
    still = {name: {"_type": "choice", "_value": [1e-9]} for name in ("lr", "encoder_lr")}
    space = {"schedule": {"_type": "choice", "_value": [{"_name": "poly", **rates}, {"_name": "onecycle", **still}]}}
    tuner = OWN | {"className": "imbseg.tuning.nni_tuner.OptunaTuner", "classArgs": {"optimize": "tail", "seed": 2}}
    args = {"optimize": "tail", "startup": 1, "start_step": 1}
    assessor = OWN | {"className": "imbseg.tuning.nni_tuner.MedianAssessor", "classArgs": args}
    changes = {"tuner": tuner, "assessor": assessor, "maxTrialNumber": None, "trialConcurrency": 1}
    process = run_experiment(write_config(home, "configs/hpo.yml", command, space, **changes), port)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    (experiment,) = names(home)
    trials = [one for one in stored(home, experiment) if one.user_attrs]
    states = {(one.params["schedule"], one.params.get("schedule=poly/lr")): one.state.name for one in trials}
    assert states["onecycle", None] == "PRUNED", said
    assert states["poly", '{"": 0.01}'] == "COMPLETE", said
    ended = {json.loads(file.read_text())["status"] for file in (home / "runs").glob("*/*/status.json")}
    assert "finished" in ended
    assert [one.state.name for one in trials].count("PRUNED") == said.count("EARLY_STOPPED")


def test_hyperband_gives_each_trial_its_epochs(home: Path, port: int, cracks: dict[str, str]) -> None:
    command = trial_command(cracks, *SAMPLED, "epochs")
    changes = {"maxTrialNumber": 5, "advisor": OWN | {"className": "imbseg.tuning.nni_tuner.Hyperband"}}
    changes["advisor"]["classArgs"] = {"R": 2, "eta": 2}
    process = run_experiment(write_config(home, "configs/hyperband.yml", command, SPACE, **changes), port)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert sorted(one["epochs"] for one in ran(home).values()) == [1, 1, 2, 2, 2]
    again = [one["lr"] for one in ran(home).values()]
    assert len(set(again)) == 4  # the better one of the first two, once more
