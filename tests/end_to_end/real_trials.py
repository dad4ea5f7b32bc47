"""Experiments of real trials, each of a few seconds: their configs, their commands, and what ran in them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from small_trial import REPOSITORY, SMALL, words_of

from imbseg.manager import launch, rest

RUN_EXPERIMENT = REPOSITORY / "src" / "run_experiment.py"


def trial_command(flags: dict[str, str], *sampled: str) -> str:
    """The call of train_nni.py with a small trial's settings, those that are sampled left out."""
    given = {name: value for name, value in {**SMALL, **flags}.items() if name not in sampled}
    return f"python src/train_nni.py {shlex.join(words_of(given))}"


def write_config(home: Path, based_on: str, command: str, space: Any = None, **changes: Any) -> Path:
    """A config of the repository with another command, and on request another space; a change of None takes out."""
    file = REPOSITORY / based_on
    config = yaml.safe_load(file.read_text())
    config |= {"trialCommand": command, "trialCodeDirectory": str(REPOSITORY), **changes}
    if space is None:
        config["searchSpaceFile"] = str(file.parent / config["searchSpaceFile"])
    else:
        del config["searchSpaceFile"]
        config["searchSpace"] = space
    path = home / "config.yml"
    path.write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
    return path


def run_experiment(config: Path, port: int, *more: str) -> subprocess.Popen[str]:
    """The command on a config."""
    command = [sys.executable, str(RUN_EXPERIMENT), str(config), "--port", str(port), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def experiments(home: Path) -> dict[str, Any]:
    """NNI's list of experiments, those that run and those that have been stopped."""
    file = home / "nni-experiments" / ".experiment"
    return dict(json.loads(file.read_text())) if file.is_file() else {}


def stop_all(home: Path) -> None:
    """Stop whatever still runs of a home's experiments, each by its id."""
    for name, known in experiments(home).items():
        if known["status"] != "STOPPED":
            launch.stop(name)


def ran(home: Path) -> dict[str, dict[str, Any]]:
    """The parameters in the trial.json of every run folder, by trial id."""
    files = (home / "runs").glob("*/*/trial.json")
    return {file.parent.name: json.loads(file.read_text())["parameters"] for file in files}


def sampled(parameters: dict[str, Any], listed: rest.Listed) -> dict[str, Any]:
    """What a trial ran with, of the names that NNI lists."""
    return {name: parameters[name] for name in listed.parameters}


def trial_log(home: Path, trial: str) -> str:
    """What a trial printed, as NNI keeps it."""
    (experiment,) = experiments(home)
    folder = home / "nni-experiments" / experiment / "environments" / "local-env" / "trials" / trial
    return (folder / "trial.log").read_text()
