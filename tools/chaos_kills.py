"""Twelve trainings through everything that can end them, and whether each result is what it would have been."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml
from chaos_events import EVENTS
from chaos_fire import Fire, free_port, prepare_sample, status_of, viewed
from chaos_lists import listed_everywhere

from imbseg.files import REPOSITORY
from imbseg.manager import launch, orphans

SAMPLE = "--dataset sample --resize 64x64 --crop 64 --batch_size 8 --epochs 2"
FLAGS = "--threads 1 --workers 0 --strategy full/mskf/none/none --checkpoint_minutes 0.05"
DISK_MB = 1500
AT_ONCE = 2
CHOICES = {"seed": (1, 2, 3), "loss": ("cross_entropy", "weighted_cross_entropy"), "lr": (0.004, 0.008)}
COMPARED = ("epochs.csv", "draws.csv", "counts_val.npz", "counts_test.npz", "post_hoc.csv")


def kills(folder: Path, trials: int, flags: str) -> list[str]:
    """All of it; what is wrong."""
    disk = folder / "disk"
    disk.mkdir()
    with mounted(disk):
        wrong = _kills(folder, disk, trials, flags)
        if wrong:  # the disk goes, what tells why stays
            shutil.copytree(disk, folder / "left", ignore=shutil.ignore_patterns("*.pt", "events"))
    return wrong


def _kills(folder: Path, disk: Path, trials: int, flags: str) -> list[str]:
    for name in ("home", "runs"):
        (disk / name).mkdir()
    fire = Fire(folder, folder / "config.yml", free_port(), environment(disk))
    if not flags:
        prepare_sample(fire.environment)
    space = {name: list(values) for name, values in CHOICES.items()}
    points = list(itertools.product(*space.values()))[:trials]
    write_config(fire.config, f"{flags or SAMPLE} {FLAGS}", points)
    try:
        burn(fire, len(points))
    finally:
        if fire.process is not None and fire.process.poll() is None:
            fire.process.kill()
        for one in fire.runs.iterdir():
            orphans.end_all(one.name)
    check(fire, points, f"{flags or SAMPLE} {FLAGS}")
    return fire.wrong


def burn(fire: Fire, trials: int) -> None:
    """Start it, and everything that can end it, until all trials have ended."""
    began = time.monotonic()
    fire.start([sys.executable, "src/run_experiment.py", str(fire.config), "--port", str(fire.port)])
    for place, what in enumerate(EVENTS):
        before, due = time.monotonic(), place * trials // len(EVENTS)
        if not fire.wait(lambda due=due: fire.finished() >= due and fire.training(1), f"before {what.__name__}"):
            fire.wrong.append(f"before {what.__name__} the command ended by itself: {fire.last_line()}")
            break
        print(f"{what.__name__}: {what(fire)}; {fire.finished()} of {trials} had finished, "
              f"{time.monotonic() - before:.0f} s", flush=True)  # fmt: skip
    status = fire.ended()
    minutes = (time.monotonic() - began) / 60
    if status != 0:
        fire.wrong.append(f"the last command ended with exit status {status}: {fire.last_line()}")
    print(f"{fire.finished()} results after {minutes:.1f} minutes and {fire.commands} commands", flush=True)


def check(fire: Fire, points: list[tuple[Any, ...]], flags: str) -> None:
    """Results and lists against the points of the grid, and each training against an undisturbed one."""
    with viewed(fire) as base:
        lists = listed_everywhere(base, fire.id, fire.environment)
    folders = {one.parent.name: one.parent for one in fire.runs.glob("*/*/status.json") if status_of(one) == "finished"}
    wanted = sorted(map(repr, points))
    for where, trials in lists.items():
        found = sorted(repr(tuple(given[name] for name in CHOICES)) for given, _ in trials.values())
        if found != wanted:
            fire.wrong.append(f"{where}: {len(found)} trials, {len(set(found) & set(wanted))} of {len(wanted)} points")
        for trial, (given, final) in trials.items():
            own = json.loads((folders[trial] / "trial.json").read_text())["parameters"] if trial in folders else {}
            if any(own.get(name) != value for name, value in given.items()):
                fire.wrong.append(f"{where}: trial {trial} is listed with {given}, and ran {own or 'nothing'}")
            if final is None:
                fire.wrong.append(f"{where}: trial {trial} has no result")
    if len(folders) != len(points):
        fire.wrong.append(f"{len(folders)} finished run folders, expected {len(points)}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        equal = sum(pool.map(lambda one: compare(fire, one, flags), folders.values()))
    print(f"{equal} of {len(folders)} byte-equal to an undisturbed run; lists: {', '.join(lists)}", flush=True)


def compare(fire: Fire, run: Path, flags: str) -> bool:
    """Train the same without any disturbance; whether tables and counts are the same bytes."""
    own = json.loads((run / "trial.json").read_text())["parameters"]
    out = fire.folder / "undisturbed" / run.name
    words = [word for name in CHOICES for word in (f"--{name}", str(own[name]))]
    command = [sys.executable, "src/train_nni.py", *shlex.split(flags), *words, "--out", str(out)]
    subprocess.run(command, cwd=REPOSITORY, env=fire.environment, check=True, stdout=subprocess.DEVNULL)
    differ = [name for name in COMPARED if (run / name).read_bytes() != (out / name).read_bytes()]
    results = [json.loads((one / "status.json").read_text()) for one in (run, out)]
    differ += ["status.json"] * (results[0] != results[1])
    if differ:
        fire.wrong.append(f"{run.name}: {', '.join(differ)} not as in an undisturbed run")
    return not differ


@contextlib.contextmanager
def mounted(disk: Path) -> Iterator[None]:
    """A disk of DISK_MB in memory."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(disk)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def environment(disk: Path) -> dict[str, str]:
    """NNI's home and the run folders on the disk."""
    own = {"HOME": str(disk / "home"), "IMBSEG_RUNS": str(disk / "runs"), "OMP_NUM_THREADS": "1"}
    return launch.environment(given={**os.environ, **own, "PYTHONWARNINGS": "ignore"}, guarded=False)


def write_config(file: Path, flags: str, points: list[tuple[Any, ...]]) -> None:
    """A grid of all points, or of the first of them."""
    space = {name: {"_type": "choice", "_value": list(dict.fromkeys(point[place] for point in points))}
             for place, name in enumerate(CHOICES)}  # fmt: skip
    content = {
        "searchSpace": space,
        "trialCommand": f"python src/train_nni.py {flags}",
        "trialCodeDirectory": str(REPOSITORY),
        "trialConcurrency": AT_ONCE,
        "tuner": {"name": "GridSearch"},
        "trainingService": {"platform": "local"},
    }
    file.write_text(yaml.safe_dump(content))
