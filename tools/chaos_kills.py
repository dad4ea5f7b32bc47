"""Twelve trainings through everything that can end them, and whether each result is what it would have been."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import yaml
from chaos_lists import listed_everywhere

from imbseg.files import REPOSITORY
from imbseg.manager import launch, orphans

SAMPLE = "--dataset sample --resize 64x64 --crop 64 --batch_size 8 --epochs 2"
FLAGS = "--threads 1 --workers 0 --strategy full/mskf/none/none --checkpoint_minutes 0.05"
DISK_MB, FULL_S = 1500, 20
AT_ONCE = 2
GONE_S = 10.0
PATIENCE_S = 900.0
CHOICES = {"seed": (1, 2, 3), "loss": ("cross_entropy", "weighted_cross_entropy"), "lr": (0.004, 0.008)}
COMPARED = ("epochs.csv", "draws.csv", "counts_val.npz", "counts_test.npz", "post_hoc.csv")


class Viewed(Protocol):
    """An experiment whose home and port are known."""

    port: int
    environment: dict[str, str]

    @property
    def id(self) -> str:
        """NNI's."""


class Fire:
    """An experiment, the command that runs it now, and what the screen showed."""

    def __init__(self, folder: Path, config: Path, port: int, environment: dict[str, str]) -> None:
        """Nothing runs yet."""
        self.folder, self.config, self.port, self.environment = folder, config, port, environment
        self.wrong: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None
        self.number = 0
        self.commands = 0

    def start(self, command: list[str]) -> None:
        """Run a command, its screen in a file."""
        self.number, self.commands = self.number + 1, self.commands + 1
        with self.screen.open("wb") as screen:
            self.process = subprocess.Popen(
                command, stdout=screen, stderr=subprocess.STDOUT, env=self.environment, cwd=REPOSITORY
            )

    @property
    def screen(self) -> Path:
        """What the command wrote."""
        return self.folder / f"screen{self.number}.txt"

    @property
    def said(self) -> str:
        """The same as text."""
        return self.screen.read_text(errors="replace")

    @property
    def id(self) -> str:
        """NNI's."""
        return next(one.name for one in self.runs.iterdir())

    @property
    def runs(self) -> Path:
        """The run folders of all experiments."""
        return Path(self.environment["IMBSEG_RUNS"])

    def shown_command(self) -> list[str]:
        """How to go on: the last line says it where the command ended by itself, else one of its first."""
        lines = self.said.strip().splitlines()
        last = [lines[-1]] if self.process and self.process.poll() in (1, 130) else lines
        found = [line for line in last if "--resume" in line]
        if not found:
            self.wrong.append(f"{self.screen.name}: no command in the last line: {lines[-1]}")
            found = [line for line in lines if "--resume" in line]
        return shlex.split(found[-1][found[-1].index(": /") + 2 :])

    def go_on(self) -> None:
        """As the screen says."""
        self.start(self.shown_command())

    def wait(self, what: Callable[[], Any], why: str) -> Any:
        """Until it is so; a command that ended before is wrong."""
        until = time.monotonic() + PATIENCE_S
        while not (found := what()):
            if time.monotonic() > until:
                raise TimeoutError(f"{why}: {self.said[-2000:]}")
            if self.process is not None and self.process.poll() is not None:
                return None
            time.sleep(0.05)
        return found

    def finished(self) -> int:
        """Trials with a result."""
        return sum(_status(one) == "finished" for one in self.runs.glob("*/*/status.json"))

    def training(self, number: int) -> list[int]:
        """The processes of the trials, once so many train and have a checkpoint."""
        found = orphans.trials_of(self.id) if any(self.runs.glob("*")) else []
        going = [one for one in self.runs.glob("*/*/last.pt") if _status(one.with_name("status.json")) == "running"]
        return found if len(going) >= number and len(found) >= number else []

    def ended(self) -> int:
        """Wait for the command's end by itself; its exit status."""
        assert self.process is not None
        return self.process.wait(timeout=PATIENCE_S)


def kills(folder: Path, trials: int, flags: str) -> list[str]:
    """All of it; what is wrong."""
    disk = folder / "disk"
    disk.mkdir()
    with mounted(disk):
        return _kills(folder, disk, trials, flags)


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
    for what in (kill_trial, kill_manager, kill_command, fill_disk, stop_by_nnictl, reboot):
        before = time.monotonic()
        fire.wait(lambda: fire.training(1), f"before {what.__name__}")
        print(f"{what.__name__}: {what(fire)}; {fire.finished()} of {trials} had finished, "
              f"{time.monotonic() - before:.0f} s", flush=True)  # fmt: skip
    status = fire.ended()
    minutes = (time.monotonic() - began) / 60
    if status != 0:
        fire.wrong.append(f"the last command ended with exit status {status}: {fire.said.strip().splitlines()[-1]}")
    print(f"{fire.finished()} results after {minutes:.1f} minutes and {fire.commands} commands", flush=True)


def kill_trial(fire: Fire) -> str:
    """It is started again by itself."""
    (trial, *_) = fire.wait(lambda: fire.training(1), "a trial that trains")
    os.kill(trial, signal.SIGKILL)
    again = fire.wait(lambda: "started again (1)" in fire.said, "the trial's second start")
    if not again:
        fire.wrong.append("a killed trial was not started again")
    return "a trial killed, started again without a command"


def kill_manager(fire: Fire) -> str:
    """The command ends by itself."""
    manager = orphans.manager_of(fire.id)
    assert manager is not None
    since = time.monotonic()
    os.kill(manager, signal.SIGKILL)
    status = fire.ended()
    took = time.monotonic() - since
    fire.go_on()
    return f"manager killed, run_experiment.py ended with exit status {status} after {took:.0f} s"


def kill_command(fire: Fire) -> str:
    """Nothing of it is left after GONE_S."""
    assert fire.process is not None
    fire.process.kill()
    fire.process.wait()
    took = gone(fire)
    fire.go_on()
    return f"run_experiment.py killed, port and processes gone after {took:.1f} s"


def fill_disk(fire: Fire) -> str:
    """The disk that holds NNI's files and the run folders is full for FULL_S."""
    ballast = Path(fire.environment["HOME"]) / "ballast"
    until = time.monotonic() + FULL_S
    with ballast.open("wb", buffering=0) as file:
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                file.write(bytes(1 << 16))
                continue
            time.sleep(0.01)
    ballast.unlink()
    assert fire.process is not None
    ended = fire.wait(lambda: fire.training(1), "training after the full disk") is None
    if ended:
        fire.go_on()
        return f"disk full for {FULL_S} s, the command ended and was started again"
    return f"disk full for {FULL_S} s, the experiment went on"


def stop_by_nnictl(fire: Fire) -> str:
    """As a user does beside it."""
    command = [str(launch.nnictl()), "stop", fire.id]
    subprocess.run(command, env=fire.environment, capture_output=True, check=True)
    status = fire.ended()
    fire.go_on()
    return f"nnictl stop, run_experiment.py ended with exit status {status}"


def reboot(fire: Fire) -> str:
    """All processes end at once; the files stay."""
    assert fire.process is not None
    manager = orphans.manager_of(fire.id)
    for one in filter(None, [fire.process.pid, manager, *orphans.trials_of(fire.id)]):
        with contextlib.suppress(ProcessLookupError):  # it ended with its parent
            os.kill(one, signal.SIGKILL)
    fire.process.wait()
    gone(fire)
    fire.go_on()
    return "every process killed at once"


def gone(fire: Fire) -> float:
    """Seconds until an experiment's port and processes are gone; more than GONE_S is wrong."""
    since = time.monotonic()
    while orphans.manager_of(fire.id) or orphans.trials_of(fire.id) or not is_free(fire.port):
        if time.monotonic() - since > 6 * GONE_S:
            break
        time.sleep(0.05)
    took = time.monotonic() - since
    if took > GONE_S:
        fire.wrong.append(f"port or processes were there for {took:.1f} s after a kill")
    return took


def check(fire: Fire, points: list[tuple[Any, ...]], flags: str) -> None:
    """Results and lists against the points of the grid, and each training against an undisturbed one."""
    with viewed(fire) as base:
        lists = listed_everywhere(base, fire.id, fire.environment)
    folders = {one.parent.name: one.parent for one in fire.runs.glob("*/*/status.json") if _status(one) == "finished"}
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
def viewed(fire: Viewed) -> Iterator[str]:
    """The address of the experiment's manager, opened read-only."""
    before = dict(os.environ)
    os.environ.update(fire.environment)
    try:
        place = Path(fire.environment["HOME"]) / "nni-experiments"
        experiment = launch.view(fire.id, fire.port, place)
        yield experiment.base
        launch.stop(experiment.id)
    finally:
        os.environ.clear()
        os.environ.update(before)


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


def prepare_sample(given: dict[str, str]) -> None:
    """The sample and its meta, where they aren't there."""
    for words in (["src/get_data.py", "sample"], ["src/make_meta.py", "--dataset", "sample"]):
        subprocess.run([sys.executable, *words], cwd=REPOSITORY, env=given, check=True, stdout=subprocess.DEVNULL)


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


def is_free(port: int) -> bool:
    """Whether nothing listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def _status(file: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return str(json.loads(file.read_text())["status"])
    return ""
