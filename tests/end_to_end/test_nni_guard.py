"""NNI itself, started by nnictl, with and without the guard; trials are a few lines that train nothing."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from manager.experiments import write_config, write_meta

from imbseg.manager import launch, rest, watch

pytestmark = pytest.mark.slow

LITTLE_TRIAL = Path(__file__).with_name("little_trial.py")
RUN_EXPERIMENT = Path(__file__).parents[2] / "src" / "run_experiment.py"
LOOPBACK = "0100007F"
EVERYWHERE = {"0" * 8, "0" * 32}

Start = Callable[..., launch.Experiment]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's home: NNI keeps its list of experiments there, and the experiments."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "received" / "listed").mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", str(RUN_EXPERIMENT.parent))
    monkeypatch.setenv("RECEIVED", str(tmp_path / "received"))
    return tmp_path


@pytest.fixture
def start(folder: Path, port: int) -> Iterator[Start]:
    """Start an experiment that is stopped by its id at the end of the test."""
    started: list[launch.Experiment] = []

    def run(*, guarded: bool = True, **config: Any) -> launch.Experiment:
        shutil.copy(LITTLE_TRIAL, folder)
        path = folder / "config.yml"
        service = {"trainingService": {"platform": "local"}, "trialCommand": "python little_trial.py"}
        path.write_text(yaml.safe_dump({**service, **config}))
        started.append(launch.start(path, port, guarded=guarded))
        return started[0]

    yield run
    for experiment in started:
        launch.stop(experiment.id)


def received(folder: Path, which: str = "received") -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in (folder / which).glob("*.json")}


def listening(port: int) -> list[str]:
    """Local addresses, in the kernel's hexadecimal, of what listens on a port."""
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split() for table in tables if table.is_file() for line in table.read_text().splitlines()[1:]]
    local = [row[1].rpartition(":") for row in rows if row[3] == "0A"]
    return [address for address, _, number in local if int(number, 16) == port]


GRID = {
    "searchSpace": {"seed": {"_type": "choice", "_value": [1, 2, 3]}, "fold": {"_type": "choice", "_value": [1, 2]}},
    "trialConcurrency": 2,
    "tuner": {"name": "GridSearch"},
}
TPE = {
    "searchSpace": {"lr": {"_type": "loguniform", "_value": [1e-4, 1e-1]}},
    "trialConcurrency": 4,
    "maxTrialNumber": 12,
    "tuner": {"name": "TPE", "classArgs": {"optimize_mode": "maximize", "seed": 1}},
}


def test_what_nni_lists_is_what_each_trial_received(
    folder: Path, port: int, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIES_AT", "1")
    experiment = start(**GRID)
    assert listening(port) == [LOOPBACK]

    outcome = watch.watch(experiment, poll_s=0.3, out=io.StringIO())
    listed = rest.trials(experiment.base)
    dead = listed[1].id
    assert outcome.trials == 6
    assert list(outcome.failures) == [dead]
    assert {trial.id: trial.parameters for trial in listed if trial.id != dead} == received(folder)
    # The tuner's own number of the parameters comes back with the metric: it learns from the right pair.
    jobs = rest.ask(experiment.base, "trial-jobs")
    numbers = [(json.loads(one["hyperParameters"][0])["parameter_id"], one["finalMetricData"][0]["parameterId"])
               for one in jobs if one["trialJobId"] != dead]  # fmt: skip
    assert [str(given) for given, _ in numbers] == [came_back for _, came_back in numbers]


def test_tpe_ends_with_early_deaths(folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIES_AT", "2 3 9")
    experiment = start(**TPE)
    outcome = watch.watch(experiment, poll_s=0.3, out=io.StringIO())
    assert (outcome.trials, len(outcome.failures), outcome.died) == (12, 3, None)
    assert rest.status(experiment.base)[0] == "DONE"
    listed = {trial.id: trial.parameters for trial in rest.trials(experiment.base)}
    assert received(folder) == {name: given for name, given in listed.items() if name not in outcome.failures}


def test_without_the_guard_the_tuner_dies_and_everybody_can_reach_the_manager(
    folder: Path, port: int, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIES_AT", "2 3 9")
    experiment = start(guarded=False, **TPE)
    assert set(listening(port)) <= EVERYWHERE
    assert listening(port)

    outcome = watch.watch(experiment, poll_s=0.3, out=io.StringIO())
    assert outcome.died is not None
    assert "died of KeyError" in outcome.died
    # NNI would go on like this for ever: no new trial, no end, no error.
    time.sleep(3)
    assert rest.status(experiment.base) == ("RUNNING", [])
    listed = {trial.id: trial.parameters for trial in rest.trials(experiment.base)}
    assert len(listed) < 12
    assert any(listed[name] != given for name, given in received(folder).items())
    # What a trial then goes by: it asks which parameters are listed as its own.
    asked = received(folder, "received/listed")
    assert asked
    assert asked == {name: listed[name] for name in asked}


def run_experiment(folder: Path, port: int, *more: str) -> subprocess.Popen[str]:
    """The command on a config that passes its checks, with the little trial in the place of a training."""
    write_meta(folder)
    config = write_config(folder)
    shutil.copy(LITTLE_TRIAL, folder / "src" / "train_nni.py")
    command = [sys.executable, str(RUN_EXPERIMENT), str(config), "--port", str(port), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def nni_still_runs(folder: Path, port: int) -> bool:
    experiments = json.loads((folder / "nni-experiments" / ".experiment").read_text())
    return bool(listening(port)) or any(one["status"] != "STOPPED" for one in experiments.values())


def test_the_command_says_where_everything_is_and_fails_with_a_trial(
    folder: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILS_AT", "1")
    process = run_experiment(folder, port)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 1, said
    lines = said.splitlines()
    assert "1 of 2 trials ended well" in said
    assert "default 0.5000  tail 0.2500  seed=1" in said
    place = next(place for place, line in enumerate(lines) if line.startswith("run folders: data/runs/"))
    assert f"/nnictl view {lines[place].split('/')[2]} --port {port}" in lines[place + 1]
    assert "src/report.py" not in said  # the stand-in left no run folder to compare
    assert not nni_still_runs(folder, port)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_command_stops_nni_and_can_be_resumed(
    folder: Path, port: int, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS_S", "60")
    process = run_experiment(folder, port)
    until = time.monotonic() + 60
    while len(received(folder)) < 2 and time.monotonic() < until:
        time.sleep(0.2)
    process.send_signal(number)
    said, _ = process.communicate(timeout=90)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "go on with: " in said.splitlines()[-1]
    assert not nni_still_runs(folder, port)

    if number == signal.SIGTERM:
        return
    before = received(folder)
    (experiment,) = json.loads((folder / "nni-experiments" / ".experiment").read_text())
    monkeypatch.setenv("RUNS_S", "0")
    said, _ = run_experiment(folder, port, "--resume", experiment).communicate(timeout=90)
    assert "2 of 2 trials ended well" in said  # NNI's grid would hand their parameters out once more
    assert before == received(folder)  # under their old ids
    assert all(f"{name}  SUCCEEDED" in said for name in before)
    assert not nni_still_runs(folder, port)
