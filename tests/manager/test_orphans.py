"""What killed commands and managers leave, with processes that only look like them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from imbseg.errors import InputError
from imbseg.manager import orphans, preflight

SLEEP = "import sys, time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def experiment() -> str:
    """An id that no other test's processes have."""
    return f"x{os.getpid():07d}"[:8]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process with arguments and variables; all are gone at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *arguments]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables}))
        assert started[-1].stdout is not None
        assert started[-1].stdout.readline() == "up\n"
        return started[-1]

    yield run
    for one in started:
        one.kill()
        one.communicate()


def manager_words(experiment: str, port: int) -> list[str]:
    return ["main.js", "--port", str(port), "--experiment-id", experiment, "--action", "create"]


def test_a_manager_is_found_by_its_command_and_named_by_its_port(start: Start, experiment: str, free_port: int) -> None:
    assert orphans.manager_of(experiment) is None
    manager = start(SLEEP, *manager_words(experiment, free_port))
    assert orphans.manager_of(experiment) == manager.pid
    assert orphans.manager_on(free_port) == experiment
    assert orphans.manager_on(1) is None


def test_a_taken_port_is_said_to_be_an_experiments(start: Start, experiment: str, free_port: int) -> None:
    listens = f"import socket; server = socket.create_server(('127.0.0.1', {free_port})); {SLEEP}"
    start(listens, *manager_words(experiment, free_port))
    with pytest.raises(InputError, match=f"is taken by experiment {experiment}; .*nnictl stop {experiment}"):
        preflight.check_port(free_port)


def test_trials_are_found_by_their_variables_and_without_what_they_started(start: Start, experiment: str) -> None:
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); {SLEEP}"
    trial = start(f"{child}", NNI_EXP_ID=experiment)
    start(SLEEP, NNI_EXP_ID=f"{experiment}x")
    assert orphans.trials_of(experiment) == [trial.pid]
    orphans.end_trials(experiment)
    assert trial.wait(timeout=60) != 0
    orphans.end_trials(experiment)  # the child, whose parent is gone
    assert orphans.trials_of(experiment) == []


def test_a_tuner_whose_manager_was_killed_is_ended_before_a_resume(start: Start, experiment: str) -> None:
    tuner = start(SLEEP, SDK_PROCESS="dispatcher", NNI_LOG_DIRECTORY=f"/some/nni-experiments/{experiment}/log")
    other = start(SLEEP, SDK_PROCESS="dispatcher", NNI_LOG_DIRECTORY="/some/nni-experiments/other/log")
    start(SLEEP, NNI_LOG_DIRECTORY=f"/some/nni-experiments/{experiment}/log")
    assert orphans.tuner_of(experiment) == [tuner.pid]
    orphans.wait_until_stopped(experiment)
    assert tuner.wait(timeout=60) == -15
    assert other.poll() is None


def test_what_a_stop_left_is_ended_and_what_ignores_it_killed(
    start: Start, experiment: str, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "TRIAL_S", 0.2)
    manager = start(SLEEP, *manager_words(experiment, free_port))
    trial = start(STUBBORN, NNI_EXP_ID=experiment)
    orphans.end_all(experiment)
    assert (manager.wait(timeout=60), trial.wait(timeout=60)) == (-15, -9)


def test_a_resume_waits_for_the_manager_to_stop_and_refuses_one_that_goes_on(
    start: Start, experiment: str, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    orphans.wait_until_stopped(experiment)
    monkeypatch.setattr(orphans, "MANAGER_S", 0.2)
    manager = start(SLEEP, *manager_words(experiment, free_port))
    with pytest.raises(InputError, match=f"experiment {experiment} still runs \\(process {manager.pid}\\)"):
        orphans.wait_until_stopped(experiment)
    assert manager.poll() is None


def test_an_experiment_without_an_end_is_offered_to_its_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path / "runs"))
    config, other = tmp_path / "mine.yml", tmp_path / "other.yml"
    assert list(orphans.offers(config)) == []
    orphans.note("ab12cd34", config, "the command")
    (line,) = orphans.offers(config)
    assert line == "experiment ab12cd34 of this config has trials without a result; go on with: the command"
    assert list(orphans.offers(other)) == []
    (tmp_path / "runs" / "ab12cd34" / "trial").mkdir()
    orphans.forget("ab12cd34")
    assert list(orphans.offers(config)) == []
    assert (tmp_path / "runs" / "ab12cd34" / "trial").is_dir()
    orphans.note("ef56gh78", config, "the command")
    orphans.forget("ef56gh78")
    assert not (tmp_path / "runs" / "ef56gh78").exists()  # no trial came so far


def test_the_owner_is_known_while_it_runs_and_forgotten_when_it_leaves() -> None:
    with orphans.owned() as file:
        assert file.read_text() == str(os.getpid())
    assert not file.exists()
