"""A trial as a process: src/train_nni.py in its run folder, watched through the files that it writes there."""

import contextlib
import csv
import fcntl
import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imbseg.datasets.spec import GROUPS
from imbseg.errors import TrialFailed
from imbseg.files import read_object
from imbseg.trial.sources import flatten
from imbseg.tuning.goal import score

TIED = Path(__file__).with_name("tied.py")
METRIC = "goal"  # the key of what is optimised
POLL_S = 0.5
LEAVES_S = 10.0  # a trial that is asked to stop needs 4 s at most, and writes a checkpoint
MOST_LETTERS = 500


@dataclass(frozen=True)
class Place:
    """What every trial of an experiment shares; all of it on storage that every machine sees at the same path.

    Attributes:
        words: the command up to the sampled values.
        code: the folder that it runs in.
        runs: where the run folders lie.
        output: where the trials' own output goes.
        goal: of GOALS: what is optimised.
    """

    words: tuple[str, ...]
    code: Path
    runs: Path
    output: Path
    goal: str = "mIoU"


def name_of(sampled: Mapping[str, Any]) -> str:
    """The run folder of these values: whoever hands them out again, the trial goes on there.

    >>> name_of({"seed": 1, "loss": "focal"}) == name_of({"loss": "focal", "seed": 1})
    True
    """
    return hashlib.sha256(json.dumps(sampled, sort_keys=True).encode()).hexdigest()[:8]


def flags_of(sampled: Mapping[str, Any]) -> list[str]:
    """Sampled values as flags of train_nni.py, nested choices opened.

    >>> flags_of({"loss": {"_name": "focal", "gamma": 2.0}, "lr": 0.1})
    ['--loss=focal', '--gamma=2.0', '--lr=0.1']
    """
    return [f"--{name}={value}" for name, value in flatten(sampled).items()]


@dataclass
class TrialProcess:
    """One trial, started once or again."""

    place: Place
    sampled: Mapping[str, Any]
    told: int = 0  # epochs that Ray knows of
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return self.place.runs / name_of(self.sampled)

    @property
    def log(self) -> Path:
        """What the process printed, start after start."""
        return self.place.output / f"{self.folder.name}.txt"

    def start(self) -> None:
        """Start the process, once no other trains in its folder: that of a node cut off, or one of the same values."""
        wait_until_free(self.folder)
        self.told = max(len(epochs(self.folder)) - 1, 0)  # the last is told again: nobody may have heard it
        words = [*self.place.words, *flags_of(self.sampled), f"--out={self.folder}"]
        tied = [sys.executable, str(TIED), str(os.getpid()), *words]
        self.place.output.mkdir(parents=True, exist_ok=True)
        apart: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "start_new_session": True}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(tied, cwd=self.place.code, env=environment(), stdout=output, **apart)

    def step(self) -> dict[str, Any]:
        """Wait for the next epoch, or for the end.

        Returns:
            What Ray Tune gets: `epochs` and the scores; with `done` the best epoch's, or why the trial can't run.

        Raises:
            TrialFailed: it ended otherwise; started again it may go on.
        """
        if self.process is None:
            self.start()
        while True:
            ended = self.process.poll() if self.process else None
            rows = epochs(self.folder)
            if len(rows) > self.told:
                self.told += 1
                return self._told({"epochs": self.told, **scores(rows[self.told - 1])})
            if ended is not None:
                return self._end(ended, len(rows))
            time.sleep(POLL_S)

    def _end(self, status: int, trained: int) -> dict[str, Any]:
        if status == 0:
            result = read_object(self.folder / "status.json", "result")["result"]
            return self._told({"done": True, "epochs": trained, **result})
        if status < 0:
            raise TrialFailed(f"killed by {signal.Signals(-status).name}")
        said = last_line(self.log) or f"exit status {status}"
        if status == 2:  # what was given can't be used: it couldn't the next time either
            return {"done": True, "epochs": trained, "failure": said}
        raise TrialFailed(f"exit status {status}: {said}")

    def _told(self, found: dict[str, Any]) -> dict[str, Any]:
        value = score(self.place.goal, found)
        return {**found, METRIC: math.nan if value is None else value}  # Optuna asks for it every time

    def stop(self) -> None:
        """Let it write a checkpoint and leave; kill it where it doesn't in time."""
        if self.process is None:
            return
        for number, patience in ((signal.SIGTERM, LEAVES_S), (signal.SIGKILL, None)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
                return


def environment() -> dict[str, str]:
    """The environment of a trial: `python` is this one, and nothing says that NNI started it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NNI_")}
    here = [str(Path(sys.executable).parent), *(str(Path(base) / "bin") for base in main_environments())]
    return kept | {"PATH": os.pathsep.join([*here, kept.get("PATH", "")])}


def main_environments() -> Iterator[str]:
    """The environments whose packages this one takes as well: their programs (torchrun) come after its own."""
    for folder in sys.path:
        path = Path(folder)
        if path.name == "site-packages" and (base := path.parents[2]) != Path(sys.prefix):
            yield str(base)


def wait_until_free(folder: Path) -> None:
    """Return once no process holds the lock of a run folder, on whatever machine."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("wb") as lock:
        while True:
            with contextlib.suppress(OSError):
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(POLL_S)


def epochs(folder: Path) -> list[dict[str, str]]:
    """The rows of epochs.csv; none where there is no such file yet."""
    file = folder / "epochs.csv"
    if not file.is_file():
        return []
    with file.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def scores(row: Mapping[str, str]) -> dict[str, float]:
    """An epoch's scores by the names that NNI gets: `default` is the validation mIoU."""
    named = {"default": "mIoU_present", **dict(zip(GROUPS, GROUPS, strict=True))}
    found = {name: float(row.get(column) or "nan") for name, column in named.items()}
    return {name: value for name, value in found.items() if not math.isnan(value)}


def last_line(file: Path) -> str:
    """The last line that isn't empty, cut where it is long."""
    lines: Sequence[str] = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    return next((line.strip() for line in reversed(lines) if line.strip()), "")[:MOST_LETTERS]
