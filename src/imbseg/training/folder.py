"""A run folder: opened fresh, gone on with, or refused; its small files written whole."""

import contextlib
import csv
import dataclasses
import fcntl
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg import __version__, ranks
from imbseg.errors import InputError, TrialFailed, describe_os_error
from imbseg.files import REPOSITORY, portable, read_object, seal, sha256, whole_file, writable_folder, write_json
from imbseg.interrupt import asked, leaving
from imbseg.models.checkpoint import Cadence
from imbseg.trial import Resolved, Trial
from imbseg.trial.fields import FIELDS, WITHOUT_EFFECT
from imbseg.trial.remedies import MENUS, own_files
from imbseg.trial.stored import by_todays_names
from imbseg.trial.values import show

PACKAGES = ("torch", "segmentation-models-pytorch", "pytorch-toolbelt", "nni", "opencv-python", "numpy", "timm")
KEPT = ("last.pt", "previous.pt", "best.pt", "epochs.csv")  # one of them: something was trained
Row = dict[str, float]
CHANGED = {"dataset_sha256": "the data set file", "meta_sha256": "the meta", "weak_classes": "the weak classes"}
CHANGED |= {"own_sha256": "the file of a remedy of your own", "image_weights_sha256": "the image weights"}


@dataclasses.dataclass
class Folder:
    """An opened run folder."""

    path: Path

    def file(self, name: str) -> Path:
        """A file of the run."""
        return self.path / name

    def status(self, state: str, **more: Any) -> None:
        """Write status.json: running, finished, failed or interrupted, what goes with it, and its checksum."""
        if not ranks.is_main():
            return
        content = {"status": state, **more}
        write_json(self.file("status.json"), {**content, "sha256": seal(content)})

    def log(self, line: str) -> None:
        """Append a line to log.txt."""
        if not ranks.is_main():
            return
        with self.file("log.txt").open("a", encoding="utf-8") as handle:
            handle.write(line + "\n")


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[Folder]:
    """Make or take a run folder, for this process (or the main one of several) alone while the context lasts.

    Raises:
        InputError: it can't be written, is a file, or another process trains in it.
    """
    with contextlib.ExitStack() as held:
        yield Folder(ranks.agreed(lambda: _taken(path, held)))


def _taken(path: Path, held: contextlib.ExitStack) -> Path:
    folder = writable_folder(path)
    lock = held.enter_context((folder / ".lock").open("wb"))
    try:
        # Of this process alone: the loader's processes don't inherit it, which outlive a kill by seconds
        fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise InputError(f"{folder}: another process trains in this folder; wait, or choose another --out") from error
    for left in folder.glob(".*.tmp.*"):  # of a process that was killed while it wrote
        left.unlink()
    return folder


@contextlib.contextmanager
def guarded(folder: Folder, cadence: Cadence) -> Iterator[None]:
    """Whatever ends a trial early, status.json says so; a signal within seconds."""
    stopped = "stopped from outside; start it again to go on"

    def late() -> None:
        failed = isinstance(cause := ranks.heard(), Exception)
        why = str(cause) if failed else f"{stopped}; a step took longer, so {cadence.lost()} are lost"
        if ranks.is_main():
            print(f"{folder.path}: {why}", file=sys.stderr, flush=True)
        folder.status("failed" if failed else "interrupted", message=why)

    folder.status("running")
    with leaving(late):
        try:
            with ranks.blamed():
                yield
        except KeyboardInterrupt:
            _last_status(folder, "interrupted", stopped)
            raise
        except Exception as error:
            if asked():  # the signal reached the loader's processes as well, and their end came first
                _last_status(folder, "interrupted", f"{stopped}; {cadence.lost()} are lost")
                raise KeyboardInterrupt from error
            ours = str(error) if isinstance(error, InputError | TrialFailed) else f"{type(error).__name__}: {error}"
            _last_status(folder, "failed", describe_os_error(error) if isinstance(error, OSError) else ours)
            raise


def _last_status(folder: Folder, state: str, message: str) -> None:
    """Write it if the disk has room: what ended the trial is raised in any case."""
    with contextlib.suppress(OSError, InputError):
        if stored_result(folder.path) is None:  # else it stays: the tuner alone didn't hear of it
            folder.status(state, message=message)


def recorded_threads(path: Path) -> int | None:
    """The thread count that an earlier start of this trial recorded.

    Raises:
        InputError: its trial.json is broken.
    """
    file = path / "trial.json"
    if not file.is_file():
        return None
    threads = read_object(file, "parameters")["parameters"].get("threads")
    if not isinstance(threads, int) or isinstance(threads, bool):
        again = "remove the run folder and start the trial again"
        raise InputError(f"{file}: threads: expected a whole number, found {threads!r}; {again}")
    return threads


def stored_status(path: Path) -> dict[str, Any]:
    """What a run folder's status.json says; nothing where there is none.

    Raises:
        InputError: it holds no JSON object, or not what was written.
    """
    file = path / "status.json"
    status = read_object(file) if file.is_file() else {}
    damaged = status.get("sha256", seal(status)) != seal(status)  # earlier versions wrote no checksum
    if damaged or (status.get("status") == "finished" and not isinstance(status.get("result"), dict)):
        other = "train in another folder, or remove the file to train in this one again"
        raise InputError(f"{file}: is damaged, so that its result can't be trusted; {other}")
    return status


def stored_result(path: Path) -> Row | None:
    """The result of a run that has finished."""
    status = stored_status(path)
    return status.get("result") if status.get("status") == "finished" else None


def describe(resolved: Resolved, trial: Trial, meta_digest: str, **more: Any) -> dict[str, Any]:
    """The content of trial.json: all parameters with their sources, versions, commit, meta's hash."""
    return {
        "parameters": trial.as_json(),
        "sources": resolved.sources,
        "dataset_file": portable(resolved.dataset.path),
        "dataset_sha256": resolved.dataset.digest,
        "meta_sha256": meta_digest,
        **_own_digests(trial),
        "versions": {"python": platform.python_version(), "imbseg": __version__}
        | {name: _version(name) for name in PACKAGES},
        "commit": _commit(),
        "experiment": os.environ.get("NNI_EXP_ID"),
        "nni_trial": os.environ.get("NNI_TRIAL_JOB_ID"),
        **({"processes": ranks.size()} if ranks.size() > 1 else {}),
        **more,
    }


def _version(package: str) -> str | None:
    """None of what a trial by hand doesn't need (nni), or finds under another name (opencv-python-headless)."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _own_digests(trial: Trial) -> dict[str, Any]:
    """The hashes of the user's own files that hold the trial's remedies; nothing without any."""
    files = own_files({axis: getattr(trial, axis) for axis in MENUS})
    return {"own_sha256": {name: sha256(file) for name, file in files.items()}} if files else {}


def keep_or_refuse(folder: Folder, description: dict[str, Any]) -> None:
    """Write trial.json, or hold it against the one that is there.

    Raises:
        InputError: the folder belongs to a trial with other parameters, data or meta (the message names the fields),
            or one of its files is broken.
    """
    stored_status(folder.path)  # before anything trusts it
    file = folder.file("trial.json")
    known = by_todays_names(read_object(file, "parameters")) if file.is_file() else {}
    if not known or not any(folder.file(name).is_file() for name in KEPT):
        # Nothing was trained yet: nothing to lose, and no result that other settings gave.
        write_json(file, description)
        return
    if (number := known.get("processes", 1)) != ranks.size():
        again = f"start it with torchrun --nproc_per_node {number} again, or choose another --out"
        raise InputError(f"{folder.path}: processes: {number} trained this trial, found {ranks.size()}; {again}")
    now = description["parameters"]
    before = _newer(now, description) | known["parameters"]
    differ = [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in {**before, **now}
        if name not in WITHOUT_EFFECT and before.get(name) != now.get(name)
    ]
    differ += [f"{words} changed" for key, words in CHANGED.items() if known.get(key) != description.get(key)]
    if differ:
        settings = "; ".join(differ)
        raise InputError(f"{folder.path}: holds a trial with other settings ({settings}); choose another --out")


def _newer(parameters: Mapping[str, Any], description: Mapping[str, Any]) -> dict[str, Any]:
    """Settings at their defaults: a run of an earlier version lacks those that came since, and trained with these."""
    by_default = {name for name, source in description.get("sources", {}).items() if source == "default"}
    return {
        name: value
        for name, value in parameters.items()
        if name in by_default or (name in FIELDS and value == show(FIELDS[name].default))
    }


def write_rows(path: Path, rows: Sequence[Mapping[str, float | str]]) -> None:
    """Write rows of one table as CSV; the shortest digits that read back exactly, nothing for NaN."""
    columns = list(rows[0])
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")  # quotes a class name that holds a comma
        writer.writerow(columns)
        writer.writerows([_cell(row[column]) for column in columns] for row in rows)


def _cell(value: float | str) -> str:
    if isinstance(value, int | str):
        return str(value)
    return "" if value != value else repr(float(value))


def _commit() -> str | None:
    command = ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
