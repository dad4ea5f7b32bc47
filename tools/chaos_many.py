"""Many trials that train nothing: whether NNI lists what each of them received, what a trial costs, and memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from chaos_fire import free_port, prepare_sample, viewed
from chaos_lists import listed_everywhere

from imbseg.files import REPOSITORY
from imbseg.manager import launch, orphans

TRIAL = REPOSITORY / "tools" / "chaos_trial.py"
FLAGS = "--dataset sample --strategy full/mskf/none/none --split_seed 1"
OVERHEAD_S = 2.0
GROWTH = 2.0  # of the manager's memory, from a tenth of the trials to the last
MB = 1024


class Many:
    """A running experiment of stand-ins."""

    def __init__(self, folder: Path, trials: int) -> None:
        """Nothing runs yet."""
        self.folder, self.port = folder, free_port()
        own = {"HOME": str(folder), "IMBSEG_RUNS": str(folder / "runs"), "RECEIVED": str(folder / "received")}
        self.environment = launch.environment(given={**os.environ, **own, "PYTHONWARNINGS": "ignore"}, guarded=False)
        self.trials, self.wrong = trials, list[str]()
        self.memory: dict[str, list[float]] = {"NNI's manager": [], "run_experiment.py": []}

    @property
    def id(self) -> str:
        """NNI's."""
        return next(
            one.name for one in (self.folder / "nni-experiments").iterdir() if one.is_dir() and one.name != "_latest"
        )

    def run(self, concurrency: int) -> float:
        """Seconds from the first trial's start to the command's end; memory is noted every second."""
        config = write_config(self.folder, self.trials, concurrency)
        command = [sys.executable, "src/run_experiment.py", str(config), "--port", str(self.port), "--retries", "0"]
        with (self.folder / "screen.txt").open("wb") as screen:
            process = subprocess.Popen(
                command, stdout=screen, stderr=subprocess.STDOUT, env=self.environment, cwd=REPOSITORY
            )
            received, first = self.folder / "received", 0.0
            while process.poll() is None:
                if not first and any(received.iterdir()):
                    first = time.monotonic()
                if first:
                    self.note("NNI's manager", orphans.manager_of(self.id))
                    self.note("run_experiment.py", process.pid)
                time.sleep(1.0)
        return time.monotonic() - first

    def note(self, what: str, process: int | None) -> None:
        """Resident memory of a process, MB."""
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            self.memory[what].append(int(next(one for one in lines if one.startswith("VmRSS")).split()[1]) / MB)
        except (OSError, StopIteration):
            pass


def many(folder: Path, trials: int, *, dead: int, concurrency: int, latest_s: float, runs_s: float) -> list[str]:
    """Run them; what is wrong."""
    (folder / "received").mkdir()
    experiment = Many(folder, trials)
    every = trials // dead if dead else 0
    doomed = " ".join(str(every * number + every // 2) for number in range(dead))
    experiment.environment |= {"DIES_AT": doomed, "LATEST_S": str(latest_s), "RUNS_S": str(runs_s)}
    prepare_sample(experiment.environment)
    seconds = experiment.run(concurrency)
    print(f"{trials} trials, {concurrency} at once, {dead} of which die at once: {seconds:.0f} s", flush=True)
    if not latest_s:
        overhead = seconds * concurrency / trials - runs_s
        print(f"a trial of {runs_s:.0f} s costs {overhead:.2f} s more", flush=True)
        if overhead > OVERHEAD_S:
            experiment.wrong.append(f"{overhead:.2f} s overhead a trial, expected at most {OVERHEAD_S} s")
    check_memory(experiment)
    check_lists(experiment, dead)
    if not dead:
        time_report(experiment)
    return experiment.wrong


def check_memory(experiment: Many) -> None:
    """Bounded: it doesn't grow with the trials by more than GROWTH."""
    for what, seen in experiment.memory.items():
        early = seen[len(seen) // 10]
        print(f"memory of {what}: {early:.0f} MB after a tenth, {max(seen):.0f} at most, {seen[-1]:.0f} at the end")
        if max(seen) > GROWTH * early:
            experiment.wrong.append(f"memory of {what} grew from {early:.0f} to {max(seen):.0f} MB")


def check_lists(experiment: Many, dead: int) -> None:
    """Each point once, and under each trial what it received, in all three lists."""
    files = (experiment.folder / "received").glob("*.json")
    received = {one.stem: json.loads(one.read_text()) for one in files}
    with viewed(experiment) as base:
        lists = listed_everywhere(base, experiment.id, experiment.environment)
    for where, found in lists.items():
        points = sorted(given["seed"] for given, _ in found.values())
        mixed = [one for one, given in received.items() if one not in found or found[one][0] != given]
        ended = sum(final is not None for _, final in found.values())
        print(f"{where}: {len(found)} trials listed, {len(mixed)} wrongly, {ended} with a result", flush=True)
        if points != list(range(1, experiment.trials + 1)):
            experiment.wrong.append(f"{where}: {len(points)} trials, {len(set(points))} different")
        if mixed or ended != experiment.trials - dead:
            experiment.wrong.append(f"{where}: {len(mixed)} listed wrongly, {ended} with a result")


def time_report(experiment: Many) -> None:
    """The report on as many run folders: copies of a stored run, each with another seed."""
    source = next(one for one in sorted((REPOSITORY / "docs" / "sample_runs").rglob("trial.json"))).parent
    for number in range(experiment.trials):
        copy = experiment.folder / "copies" / "exp" / f"t{number:04}"
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns("events", "*.pt"))
        about = json.loads((copy / "trial.json").read_text())
        about["parameters"]["seed"] = number + 1
        (copy / "trial.json").write_text(json.dumps(about))
    since, out = time.monotonic(), experiment.folder / "report"
    command = [sys.executable, "src/report.py", "--runs", str(experiment.folder / "copies"), "--out", str(out)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=experiment.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        experiment.wrong.append(f"report.py: exit status {done.returncode}, {done.stderr[-300:]}")
        return
    size = (out / "report.html").stat().st_size / MB**2
    print(f"report of {experiment.trials} runs: {time.monotonic() - since:.0f} s, a page of {size:.1f} MB", flush=True)


def write_config(folder: Path, trials: int, concurrency: int) -> Path:
    """A grid of seeds for the stand-in, which stands where the training would."""
    (folder / "src").mkdir()
    shutil.copy(TRIAL, folder / "src" / "train_nni.py")
    content: dict[str, Any] = {
        "searchSpace": {"seed": {"_type": "choice", "_value": list(range(1, trials + 1))}},
        "trialCommand": f"{sys.executable} src/train_nni.py {FLAGS}",
        "trialCodeDirectory": str(folder),
        "trialConcurrency": concurrency,
        "tuner": {"name": "GridSearch"},
        "trainingService": {"platform": "local"},
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(content))
    return path
