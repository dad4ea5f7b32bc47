"""An experiment under fire: the command that runs it now, its screen, port and run folders."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from imbseg.files import REPOSITORY
from imbseg.manager import launch, orphans

PATIENCE_S = 1800.0  # on a busy machine


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

    def last_line(self) -> str:
        """Of the screen."""
        return self.said.strip().splitlines()[-1]

    def shown_command(self) -> list[str]:
        """How to go on: the last line says it where the command ended by itself, else one of its first."""
        lines = self.said.strip().splitlines()
        last = [lines[-1]] if self.process and self.process.poll() in (1, 130) else lines
        found = [line for line in last if "--resume" in line]
        if not found:
            self.wrong.append(f"{self.screen.name}: no command in the last line: {self.last_line()}")
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
        return sum(status_of(one) == "finished" for one in self.runs.glob("*/*/status.json"))

    def training(self, number: int) -> list[int]:
        """The processes of the trials, once so many train and have a checkpoint."""
        found = orphans.trials_of(self.id) if any(self.runs.glob("*")) else []
        going = [one for one in self.runs.glob("*/*/last.pt") if status_of(one.with_name("status.json")) == "running"]
        return found if len(going) >= number and len(found) >= number else []

    def ended(self) -> int:
        """Wait for the command's end by itself; its exit status."""
        assert self.process is not None
        return self.process.wait(timeout=PATIENCE_S)


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


def prepare_sample(given: dict[str, str]) -> None:
    """The sample and its meta, where they aren't there."""
    for words in (["src/get_data.py", "sample"], ["src/make_meta.py", "--dataset", "sample"]):
        subprocess.run([sys.executable, *words], cwd=REPOSITORY, env=given, check=True, stdout=subprocess.DEVNULL)


def is_free(port: int) -> bool:
    """Whether nothing listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def status_of(file: Path) -> str:
    """What a status.json says of its run; empty where it can't be read now."""
    with contextlib.suppress(OSError, ValueError):
        return str(json.loads(file.read_text())["status"])
    return ""
