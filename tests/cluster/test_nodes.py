"""Real trials on real Ray nodes: interrupted and resumed, a node killed under them, the head killed."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import binary_tree
import numpy as np
import psutil
import pytest
import yaml
from small_trial import SMALL, make_data, train, words_of

REPOSITORY = Path(__file__).resolve().parents[2]
OWN = REPOSITORY / "tools/ray/.venv/bin/python"
SAME = ("epochs.csv", "counts_val.npz", "counts_test.npz", "post_hoc.csv", "draws.csv")
LOSSES = ("cross_entropy", "focal")
OPTUNA = {
    "tuner": {"className": "imbseg.tuning.nni_tuner.OptunaTuner", "classArgs": {"seed": 4, "startup": 2}},
    "assessor": {"className": "imbseg.tuning.nni_tuner.MedianAssessor", "classArgs": {"start_step": 1, "startup": 1}},
}
ASHA = {"advisor": {"className": "imbseg.tuning.nni_tuner.Hyperband", "classArgs": {"seed": 4, "R": 4, "eta": 2}}}
DRAWN = {
    "lr": {"_type": "loguniform", "_value": [0.00001, 0.1]},
    "loss": {"_type": "choice", "_value": [
        {"_name": "cross_entropy"}, {"_name": "focal", "gamma": {"_type": "uniform", "_value": [1, 4]}}]},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _installed() -> None:
    if not OWN.is_file():
        pytest.skip("no environment with Ray: make it with `make setup EXTRA=ray`")


class Runs:
    """An experiment's config, its driver started as a user does, and what it printed."""

    def __init__(self, folder: Path, seeds: int, epochs: int, **keys: Any) -> None:
        self.flags = SMALL | make_data(folder) | {"epochs": str(epochs)}
        self.runs, self.config, self.seeds = folder / "runs", folder / "a.yml", seeds
        choices = {"loss": [*LOSSES], "seed": [*range(1, seeds + 1)]}
        grid = {name: {"_type": "choice", "_value": values} for name, values in choices.items()}
        left = {"loss", *keys.get("searchSpace", grid), *(["epochs"] if "advisor" in keys else [])}
        fixed = {name: value for name, value in self.flags.items() if name not in left}
        config: dict[str, Any] = {
            "searchSpace": grid,
            "trialCodeDirectory": str(REPOSITORY),
            "trialCommand": " ".join(["python", "src/train_nni.py", *words_of(fixed)]),
            "trialConcurrency": 1,
            **({} if "advisor" in keys else {"tuner": {"name": "GridSearch"}}),
            "trainingService": {"platform": "local"},
            **keys,
        }
        for role in ("tuner", "assessor", "advisor"):
            if "className" in config.get(role, {}):
                config[role] = {**config[role], "codeDirectory": str(REPOSITORY / "src")}
        self.config.write_text(yaml.safe_dump(config))
        self.lines: list[str] = []

    def start(self, *more: str) -> subprocess.Popen[str]:
        words = [str(OWN), "-u", "src/run_experiment.py", str(self.config), *more]
        own = {"IMBSEG_RUNS": str(self.runs)}
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        pipe: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(words, cwd=REPOSITORY, env=kept | own, **pipe)

    def until(self, output: IO[str], pattern: str, times: int = 1) -> list[re.Match[str]]:
        """Read on until lines of a pattern have come so often, or nothing comes any more."""
        found = []
        for line in output:
            self.lines.append(line)
            if match := re.search(pattern, line):
                found.append(match)
                if len(found) == times:
                    return found
        raise AssertionError("".join(self.lines))

    @property
    def folders(self) -> list[Path]:
        return sorted(file.parent for file in self.runs.glob("*/*/trial.json"))

    def check(self, experiment: str, seeds: range, tmp_path: Path) -> None:
        """One finished folder a trial, and the same bytes as one that nothing disturbed."""
        assert len(self.folders) == len(LOSSES) * self.seeds
        by = {}
        for folder in self.folders:
            about = yaml.safe_load((folder / "trial.json").read_text())["parameters"]
            by[about["loss"], about["seed"]] = folder
            assert '"status": "finished"' in (folder / "status.json").read_text()
        for key in [(loss, seed) for loss in LOSSES for seed in seeds]:
            alone = tmp_path / "alone" / f"{key[0]}{key[1]}"
            train(self.flags | {"loss": key[0], "seed": str(key[1])}, alone)
            assert filecmp.cmpfiles(alone, by[key], SAME, shallow=False) == ([*SAME], [], []), key


@pytest.mark.slow
def test_one_machine_interrupted_and_resumed(tmp_path: Path) -> None:
    runs = Runs(tmp_path, seeds=1, epochs=6)
    with runs.start("--ray", "local", "--trial_cpus", "0.5") as driver:
        assert driver.stdout is not None
        experiment = runs.until(driver.stdout, r"^experiment (\w+) on Ray at 127\.0\.0\.1:.* 1 machine, ")[0][1]
        told = runs.until(driver.stdout, r"^whatever ends it early, go on with: (.*)$")[0][1]
        runs.until(driver.stdout, r"RUNNING +epochs +[12] ")
        assert {one.nice() for one in family(driver.pid)} == {os.nice(0)}
        assert elsewhere(driver.pid) == []
        driver.send_signal(signal.SIGINT)
        command = runs.until(driver.stdout, r"interrupted, no trial runs any more; go on with: (.*)$")[0][1]
        assert driver.wait() == 130
    assert command.endswith(f"--ray local --trial_cpus 0.5 --resume {experiment}")
    assert command == told
    assert not any('"running"' in (folder / "status.json").read_text() for folder in runs.folders)
    with runs.start("--ray", "local", "--trial_cpus", "0.5", "--resume", experiment) as driver:
        assert driver.stdout is not None
        runs.until(driver.stdout, r"^2 of 2 trials ended well$")
        assert driver.wait() == 0
    runs.check(experiment, range(1, 2), tmp_path)


@pytest.mark.long
def test_a_trial_that_could_not_run_is_started_again_by_a_resume(tmp_path: Path) -> None:
    runs = Runs(tmp_path, seeds=1, epochs=1)
    image = min((tmp_path / "cracks" / "images").iterdir())
    away = image.rename(tmp_path / image.name)
    with runs.start("--ray", "local", "--trial_cpus", "0.5") as driver:
        assert driver.stdout is not None
        experiment = runs.until(driver.stdout, r"^experiment (\w+) ")[0][1]
        runs.until(driver.stdout, r"^0 of 2 trials ended well; .*\.png is missing")
        assert driver.wait() == 1
    away.rename(image)
    with runs.start("--ray", "local", "--trial_cpus", "0.5", "--resume", experiment) as driver:
        assert driver.stdout is not None
        runs.until(driver.stdout, r"^2 of 2 trials ended well$")
        assert driver.wait() == 0


def half(number: int, size: tuple[int, int]) -> np.ndarray:
    """A mask that a small network learns in four epochs, where the learning rate lets it."""
    mask = np.zeros(size, np.uint8)
    mask[:, : size[1] // 3 + number % 16] = 255
    return mask


@pytest.mark.long
@pytest.mark.parametrize("how", [OPTUNA, ASHA], ids=["optuna", "asha"])
def test_a_search_on_one_machine(how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary_tree, "draw_crack", half)
    monkeypatch.setattr(binary_tree, "EVERY", 1)
    runs = Runs(tmp_path, seeds=1, epochs=4, searchSpace=DRAWN, maxTrialNumber=4, **how)
    one_at_a_time = str(os.cpu_count())  # the same trials in the same order, whatever the machine
    with runs.start("--ray", "local", "--trial_cpus", one_at_a_time) as driver:
        assert driver.stdout is not None
        runs.until(driver.stdout, r"^4 of 4 trials ended well$")
        assert driver.wait() == 0
    printed = "".join(runs.lines)
    assert re.search("EARLY_STOPPED +epochs +[123] ", printed)
    assert not re.search("WAITING +epochs +[1-9]", printed)  # a trial that is paused starts its process anew
    finished = {folder for folder in runs.folders if '"finished"' in (folder / "status.json").read_text()}
    assert len(finished) == len(re.findall("SUCCEEDED", printed)) > 0
    one = min(finished)
    given = yaml.safe_load((one / "trial.json").read_text())["parameters"]
    assert given["epochs"] == 4
    assert 0.00001 <= given["lr"] <= 0.1
    drawn = {name: str(given[name]) for name in ("lr", "loss", *(["gamma"] if given["loss"] == "focal" else []))}
    train(runs.flags | drawn, tmp_path / "alone")
    assert filecmp.cmpfiles(tmp_path / "alone", one, SAME, shallow=False) == ([*SAME], [], [])


def elsewhere(pid: int) -> list[str]:
    """Addresses but 127.0.0.1 at which a process, or one that it started, listens."""
    found = []
    for process in family(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
    assert len(found) > 3
    return [ip for ip in found if ip not in ("127.0.0.1", "::1", "::ffff:127.0.0.1")]


def family(pid: int) -> list[psutil.Process]:
    driver = psutil.Process(pid)
    return [driver, *driver.children(recursive=True)]


@pytest.fixture
def nodes() -> Iterator[Any]:
    """Start three nodes: (the process that holds them, their address, the raylets' process ids)."""
    started = []

    def start() -> tuple[subprocess.Popen[str], str, list[int]]:
        words = [str(OWN), "-u", str(Path(__file__).with_name("nodes.py")), "3"]
        pipe: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(words, **pipe)
        started.append(process)
        assert process.stdout is not None
        address, *raylets = process.stdout.readline().split()
        return process, address, [int(one) for one in raylets]

    yield start
    for process in started:
        process.communicate()


def kill_node(process: subprocess.Popen[str], number: int) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{number}\n")
    process.stdin.flush()
    assert process.stdout.readline() == "killed\n"


def trials_of(raylet: int) -> list[psutil.Process]:
    """The trial processes that a node's workers have started."""
    return [one for one in psutil.Process(raylet).children(recursive=True) if "src/train_nni.py" in one.cmdline()]


@pytest.mark.long
def test_ten_trials_on_three_nodes_a_node_killed_then_the_head(nodes: Any, tmp_path: Path) -> None:
    runs = Runs(tmp_path, seeds=5, epochs=12)
    process, address, raylets = nodes()
    with runs.start("--ray", address, "--trial_cpus", "0.25") as driver:
        assert driver.stdout is not None
        experiment = runs.until(driver.stdout, r"^experiment (\w+) .*3 machines, 12 trials at once")[0][1]
        seen = runs.until(driver.stdout, r"trial (\d) .* RUNNING +epochs +0 ", times=10)
        assert {match[1] for match in seen} == {*"0123456789"}
        assert "SUCCEEDED" not in "".join(runs.lines)  # ten at once
        runs.until(driver.stdout, r"RUNNING +epochs +2 ", times=5)
        gone = trials_of(raylets[2])
        assert gone
        kill_node(process, 2)
        runs.until(driver.stdout, r"WAITING +epochs +[1-9]")  # back in the queue, with what it had trained
        runs.until(driver.stdout, r"RUNNING +epochs +[4-9] ", times=2)
        assert not any(one.is_running() for one in gone)
        kill_node(process, 0)
        driver.kill()
    process.communicate()  # the last node
    ended = sum('"finished"' in (folder / "status.json").read_text() for folder in runs.folders)
    assert ended < 10  # else nothing was restored
    process, address, _ = nodes()
    with runs.start("--ray", address, "--trial_cpus", "0.25", "--resume", experiment) as driver:
        assert driver.stdout is not None
        runs.until(driver.stdout, r"^10 of 10 trials ended well$")
        assert driver.wait() == 0
    again = [*runs.runs.glob("*/.ray/output/*.txt")]
    assert any("going on after epoch" in file.read_text() for file in again)
    runs.check(experiment, range(1, 3), tmp_path)
