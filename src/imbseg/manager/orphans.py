"""What a killed run_experiment.py, a killed manager or a reboot leave: processes, and experiments without an end."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from imbseg.errors import InputError
from imbseg.files import read_object, runs_folder, write_json

NOTE = ".unfinished"  # in the folder of an experiment's run folders, as long as trials lack a result
MANAGER_S = 20.0  # a manager whose run_experiment.py was killed needs up to 10 s to stop
TRIAL_S = 5.0  # a trial leaves with a checkpoint within 4 s
LOOK_S = 0.1
PROC = Path("/proc")


def note(experiment_id: str, config: Path, command: str) -> None:
    """Remember that an experiment has begun, and the command that goes on with it."""
    file = runs_folder() / experiment_id / NOTE
    with contextlib.suppress(OSError):  # without it an experiment runs as well
        write_json(file, {"config": str(config.resolve()), "command": command})


def forget(experiment_id: str) -> None:
    """Every trial of an experiment has its result."""
    folder = runs_folder() / experiment_id
    with contextlib.suppress(OSError):
        (folder / NOTE).unlink(missing_ok=True)
        folder.rmdir()  # where no trial came so far


def offers(config: Path) -> Iterator[str]:
    """A line for each experiment of a config that has trials without a result."""
    for file in sorted(runs_folder().glob(f"*/{NOTE}")):
        with contextlib.suppress(InputError, OSError):
            known = read_object(file)
            if known.get("config") == str(config.resolve()):
                name = file.parent.name
                yield f"experiment {name} of this config has trials without a result; go on with: {known['command']}"


@contextlib.contextmanager
def owned() -> Iterator[Path]:
    """A file with this process's number: the process gone, and the file not, the guard stops the experiment."""
    with tempfile.NamedTemporaryFile("w", prefix="imbseg-", suffix=".pid", delete=False) as file:
        file.write(str(os.getpid()))
    try:
        yield Path(file.name)
    finally:
        Path(file.name).unlink(missing_ok=True)


def wait_until_stopped(experiment_id: str) -> None:
    """Wait for the end of an experiment's manager, then end the trials that it left.

    Raises:
        InputError: it goes on.
    """
    until = time.monotonic() + MANAGER_S
    while manager := manager_of(experiment_id):
        if time.monotonic() > until:
            other = f"look at it in its web UI, or stop it with: nnictl stop {experiment_id}"
            raise InputError(f"--resume: experiment {experiment_id} still runs (process {manager}); {other}")
        time.sleep(LOOK_S)
    end_trials(experiment_id)


def end_all(experiment_id: str) -> None:
    """End what `nnictl stop` left of an experiment: its manager, where NNI's list is lost, then its trials."""
    manager = manager_of(experiment_id)
    _end(lambda: [manager] if manager and is_alive(manager) else [], MANAGER_S)
    end_trials(experiment_id)


def end_trials(experiment_id: str) -> None:
    """End the trials and the tuner of an experiment whose manager is gone: with a checkpoint, if that takes seconds."""
    _end(lambda: [*trials_of(experiment_id), *tuner_of(experiment_id)], TRIAL_S)


def _end(find: Callable[[], list[int]], patience_s: float) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = find()
        for one in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, number)
        until = time.monotonic() + patience_s
        while any(map(is_alive, left)) and time.monotonic() < until:
            time.sleep(LOOK_S)


def manager_of(experiment_id: str) -> int | None:
    """The process of an experiment's manager, whatever NNI's list of experiments says."""
    words = f"\0--experiment-id\0{experiment_id}\0".encode()
    return next((one for one, line in _read_all("cmdline") if words in line and b"main.js" in line), None)


def manager_on(port: int) -> str | None:
    """The experiment whose manager has a port."""
    for _, line in _read_all("cmdline"):
        words = line.decode(errors="replace").split("\0")
        if "--experiment-id" in words and "--port" in words and words[words.index("--port") + 1] == str(port):
            return words[words.index("--experiment-id") + 1]
    return None


def trials_of(experiment_id: str) -> list[int]:
    """The processes of an experiment's trials, without those that they started themselves."""
    return _told(f"\0NNI_EXP_ID={experiment_id}\0")


def tuner_of(experiment_id: str) -> list[int]:
    """The process of an experiment's tuner: for 10 s after its manager's death it takes the next one for it."""
    return _told("\0SDK_PROCESS=dispatcher\0", f"/{experiment_id}/log\0")


def is_alive(process: int) -> bool:
    """Whether it runs: one that has ended and that nobody has waited for doesn't."""
    return _state(process)[:1] not in ([], ["Z"])


def _told(*variables: str) -> list[int]:
    """The processes whose variables hold all these, without those that they started themselves."""
    words = [one.encode() for one in variables]
    found = {one for one, line in _read_all("environ") if all(word in b"\0" + line for word in words)} - {os.getpid()}
    return sorted(one for one in found if _parent(one) not in found)


def _parent(process: int) -> int:
    return int((_state(process)[1:2] or ["0"])[0])


def _state(process: int) -> list[str]:
    """The fields of /proc/PROCESS/stat behind its name; none where it is gone."""
    try:
        return (PROC / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _read_all(name: str) -> Iterable[tuple[int, bytes]]:
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # of another user, or gone
            yield int(folder.name), (folder / name).read_bytes()
