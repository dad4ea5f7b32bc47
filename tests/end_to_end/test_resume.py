"""Trials whose experiment was stopped end as if they had never stopped: by Ctrl-C, and by nnictl itself.

test_killed.py has kills.
"""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from end_to_end.real_trials import ran, run_experiment, trial_command, write_config
from killing import ending, everything
from killing import start as run_through
from small_trial import train

from imbseg.manager import launch, rest

pytestmark = pytest.mark.slow

EPOCHS = {"epochs": "10"}
SPACE = {"seed": {"_type": "choice", "_value": [1, 2, 3]}}


@pytest.fixture(scope="session")
def never_stopped(cracks: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], bytes]:
    """epochs.csv of a trial with a seed that ran through."""
    known: dict[int, bytes] = {}

    def epochs(seed: int) -> bytes:
        if seed not in known:
            out = tmp_path_factory.mktemp("through") / "trial"
            train({**cracks, **EPOCHS, "seed": str(seed)}, out)
            known[seed] = (out / "epochs.csv").read_bytes()
        return known[seed]

    return epochs


def rows(file: Path) -> list[dict[str, str]]:
    if not file.is_file():
        return []
    with file.open(newline="") as handle:
        return list(csv.DictReader(handle))


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str] | None = None, timeout_s: float = 120) -> None:
    until = time.monotonic() + timeout_s
    while not what():
        assert process is None or process.poll() is None, process.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.05)


def interrupted_experiment(home: Path, config: Path, port: int) -> dict[str, int]:
    """Ctrl-C once both trials have had an epoch; how many each had when it stopped."""
    process = run_experiment(config, port)
    wait_for(lambda: len(list(home.glob("runs/*/*/epochs.csv"))) == 2, process)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 130, said
    had = {file.parent.name: len(rows(file)) for file in home.glob("runs/*/*/epochs.csv")}
    assert all(1 <= count < int(EPOCHS["epochs"]) for count in had.values()), had
    return had


def test_a_resumed_experiment_trains_nothing_twice(
    home: Path, port: int, cracks: dict[str, str], never_stopped: Callable[[int], bytes]
) -> None:
    config = write_config(home, "configs/sample.yml", trial_command({**cracks, **EPOCHS}), SPACE, maxTrialNumber=None)
    had = interrupted_experiment(home, config, port)
    (experiment,) = (path.name for path in (home / "runs").iterdir())
    process = run_experiment(config, port, "--resume", experiment, "--keep")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said

    for trial, count in had.items():
        log = (home / "runs" / experiment / trial / "log.txt").read_text()
        assert f"going on after epoch {count}" in log
    found = ran(home)
    assert sorted(settings["seed"] for settings in found.values()) == [1, 2, 3]
    for trial, settings in found.items():
        if trial in had or settings["seed"] == 3:
            epochs = home / "runs" / experiment / trial / "epochs.csv"
            assert epochs.read_bytes() == never_stopped(settings["seed"])
    listed = rest.trials(rest.base_of_port(port))
    assert {trial.id: trial.parameters for trial in listed} == {
        trial: {"seed": settings["seed"]} for trial, settings in found.items()
    }
    assert [trial.sequence for trial in listed] == [0, 1, 2]
    assert all(trial.final is not None for trial in listed)


def status_of(folder: Path) -> str:
    file = folder / "status.json"
    return str(json.loads(file.read_text())["status"]) if file.is_file() else ""


def test_nnictl_stop_and_resume_lose_nothing(home: Path, port: int) -> None:
    """Plain nnictl on a trial with everything that has a state of its own; stopped in its second epoch."""
    flags = {**everything(home), "epochs": "6", "checkpoint_minutes": "0.001"}
    space = {"seed": {"_type": "choice", "_value": [1]}}
    config = write_config(home, "configs/sample.yml", trial_command(flags), space, maxTrialNumber=None)
    experiment = launch.start(config, port, guarded=False)
    wait_for(lambda: bool(list(home.glob("runs/*/*/epochs.csv"))))
    (folder,) = home.glob("runs/*/*")
    assert launch.stop(experiment.id)
    wait_for(lambda: status_of(folder) == "interrupted")
    subprocess.run(
        [launch.nnictl(), "resume", experiment.id, "--port", str(port)],
        env=launch.environment(guarded=False), check=True, capture_output=True,
    )  # fmt: skip
    wait_for(lambda: status_of(folder) == "finished")
    assert "going on after epoch " in (folder / "log.txt").read_text()
    assert run_through({**flags, "seed": "1"}, home / "through").status == 0
    found, through = ending(folder), ending(home / "through")
    assert [name for name in {**through, **found} if through.get(name) != found.get(name)] == []
