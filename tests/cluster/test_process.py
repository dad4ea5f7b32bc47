"""A trial as a process, with a stand-in for src/train_nni.py: no Ray needed."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from imbseg.cluster import process, trainable
from imbseg.cluster.process import Place, TrialProcess, name_of
from imbseg.errors import TrialFailed

STAND_IN = """
import json, os, sys, time
from pathlib import Path
flags = dict(word[2:].split("=", 1) for word in sys.argv[1:])
out = Path(flags["out"])
rows = out / "epochs.csv"
done = len(rows.read_text().splitlines()) - 1 if rows.is_file() else 0
print("started at epoch", done, "with", " ".join(sys.argv[1:-1]), flush=True)
if flags["seed"] == "2":
    sys.exit("error: no such thing")  # printed, and exit status 1
if flags["seed"] == "3":
    print("error: never good", file=sys.stderr)
    sys.exit(2)
for epoch in range(done, 2):
    text = rows.read_text() if done or epoch else "epoch,mIoU_present,head,tail\\n"
    rows.write_text(text + f"{epoch + 1},0.{epoch + 1}5,,0.25\\n")
    while flags["seed"] == "4":
        time.sleep(0.05)
(out / "status.json").write_text(json.dumps({"status": "finished", "result": {"default": 0.25, "test/mIoU": 0.5}}))
"""


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., TrialProcess]]:
    monkeypatch.setattr(process, "POLL_S", 0.01)
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    place = Place((sys.executable, "stand_in.py"), tmp_path, tmp_path / "runs", tmp_path / "output")
    made = []

    def start(**sampled: Any) -> TrialProcess:
        made.append(TrialProcess(place, sampled))
        return made[-1]

    yield start
    for one in made:
        one.stop()


def test_every_epoch_is_told_and_then_the_result(started: Callable[..., TrialProcess]) -> None:
    trial = started(seed=1, loss={"_name": "focal", "gamma": 2.0})
    assert [trial.step() for _ in range(3)] == [
        {"epochs": 1, "default": 0.15, "tail": 0.25, "goal": 0.15},
        {"epochs": 2, "default": 0.25, "tail": 0.25, "goal": 0.25},
        {"done": True, "epochs": 2, "default": 0.25, "test/mIoU": 0.5, "goal": 0.25},
    ]
    assert trial.log.read_text() == "started at epoch 0 with --seed=1 --loss=focal --gamma=2.0\n"
    assert trial.folder.name == name_of({"loss": {"gamma": 2.0, "_name": "focal"}, "seed": 1})


def test_what_is_optimised_is_told_under_one_key(started: Callable[..., TrialProcess]) -> None:
    trial = started(seed=1)
    for goal, values in (("tail", [0.25]), ("balanced", [float("nan")])):  # no head in its rows
        trial.place, trial.told = dataclasses.replace(trial.place, goal=goal), 0
        assert [trial.step()["goal"]] == pytest.approx(values, nan_ok=True)


def test_a_trial_that_cannot_run_is_not_tried_again(started: Callable[..., TrialProcess]) -> None:
    assert started(seed=3).step() == {"done": True, "epochs": 0, "failure": "error: never good"}
    with pytest.raises(TrialFailed, match="exit status 1: error: no such thing"):
        started(seed=2).step()


def test_started_again_it_goes_on_and_the_last_epoch_is_told_once_more(started: Callable[..., TrialProcess]) -> None:
    first = started(seed=4)
    assert first.step()["epochs"] == 1
    first.stop()
    assert first.process is not None
    assert first.process.returncode == -signal.SIGTERM
    again = started(seed=4)
    assert [again.step()["epochs"] for _ in range(2)] == [1, 2]
    assert "started at epoch 1" in again.log.read_text()


def test_it_waits_for_whoever_trains_in_its_folder(started: Callable[..., TrialProcess]) -> None:
    trial = started(seed=1)
    trial.folder.mkdir(parents=True)
    holder = "import fcntl,sys; h=open(sys.argv[1],'wb'); fcntl.lockf(h,fcntl.LOCK_EX); print(flush=True); input()"
    words = [sys.executable, "-c", holder, str(trial.folder / ".lock")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        other.stdout.readline()
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(trial.step()))
        thread.start()
        time.sleep(0.1)
        assert not found
        assert trial.process is None
        other.stdin.close()
        thread.join()
    assert found[0]["epochs"] == 1


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    # as a worker of a node that is killed: nothing of it runs that could stop its child
    inner = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
    outer = (
        "import os, subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, {str(process.TIED)!r}, str(os.getpid()), *{inner!r}])\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        parent.kill()
        assert parent.stdout.read() == ""  # closed by the end of the child, which holds it too


def test_nothing_of_nni_reaches_a_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNI_PLATFORM", "local")
    found = process.environment()
    assert not any(name.startswith("NNI_") for name in found)
    assert found["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_lock_of_this_process_is_no_hindrance(tmp_path: Path) -> None:
    process.wait_until_free(tmp_path / "run")
    with (tmp_path / "run" / ".lock").open("wb") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def ray_trial(status: str, **result: Any) -> SimpleNamespace:
    config = {"sampled": {"seed": len(result)}}
    return SimpleNamespace(status=status, last_result=result or None, config=config, num_failures=0)


def test_the_table_has_ray_tunes_trials_as_it_has_nnis() -> None:
    trials = [
        ray_trial("PENDING"),
        ray_trial("RUNNING", epochs=2, default=0.5),
        ray_trial("TERMINATED", epochs=3, default=0.5, tail=0.1, **{"test/mIoU": 0.4}),
        ray_trial("TERMINATED", epochs=1, default=0.5),
        ray_trial("TERMINATED", epochs=0, failure="error: x"),
        ray_trial("ERROR", epochs=1, default=0.5),
    ]
    found = trainable.listed(trials)
    assert [one.status for one in found] == [
        "WAITING", "RUNNING", "SUCCEEDED", "EARLY_STOPPED", "FAILED", "FAILED"]  # fmt: skip
    assert [one.final for one in found] == [None, None, {"default": 0.5, "tail": 0.1}, None, None, None]
    assert (found[1].sequence, found[1].id) == (1, name_of({"seed": 2}))
    assert [trainable.latest(trial).count for trial in trials] == [0, 2, 3, 1, 0, 1]


def test_trials_keep_their_numbers_after_a_resume() -> None:
    trials = [SimpleNamespace(experiment_tag=tag) for tag in ("10_sampled=a", "2", "0_sampled=b")]
    assert [one.experiment_tag for one in trainable.in_order(trials)] == ["0_sampled=b", "2", "10_sampled=a"]


def test_what_ended_a_trial_before_is_told_while_it_goes_on() -> None:
    trial = ray_trial("RUNNING", epochs=1)
    assert trainable.started_again(trial) == ""
    trial.num_failures = 1
    trial.get_error = lambda: "Failure # 1\n  File x\nimbseg.errors.TrialFailed: killed by SIGKILL\n"
    assert trainable.started_again(trial) == "started again (1): killed by SIGKILL"
    trial.status = "TERMINATED"
    assert trainable.started_again(trial) == ""


def test_a_killed_trial_is_told_by_its_signal(started: Callable[..., TrialProcess]) -> None:
    trial = started(seed=4)
    assert trial.step()["epochs"] == 1
    assert trial.process is not None
    os.killpg(trial.process.pid, signal.SIGKILL)
    with pytest.raises(TrialFailed, match="killed by SIGKILL"):
        trial.step()
