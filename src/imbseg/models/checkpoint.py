"""What a trial keeps of itself on disk: written whole or not at all, read without running code, never when damaged."""

import contextlib
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from imbseg.errors import InputError, first_line
from imbseg.files import whole_file

LEAST_WORK = 49  # times what a checkpoint takes is trained before the next: 2 % of the time


class Cadence:
    """When checkpoints are due: so many minutes apart, and never for more than 2 % of the time."""

    def __init__(self, minutes: float) -> None:
        """The first is due in `minutes`."""
        self.interval_s, self.cost_s, self.spent_s = 60 * minutes, 0.0, 0.0
        self.tried = self.kept = clock()

    def due(self) -> bool:
        """Whether the next one should be written now."""
        return clock() - self.tried >= max(self.interval_s, LEAST_WORK * self.cost_s)

    def lost(self) -> str:
        """`3.2 minutes since the last checkpoint`."""
        return f"{(clock() - self.kept) / 60:.1f} minutes since the last checkpoint"

    def spent(self) -> float:
        """Seconds that checkpoints have taken since it was asked last."""
        found, self.spent_s = self.spent_s, 0.0
        return found

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Measure the writing of one."""
        started = clock()
        try:
            yield
            self.kept = clock()
        finally:
            self.tried = clock()
            self.cost_s = self.tried - started
            self.spent_s += self.cost_s


def clock() -> float:
    """Seconds; no number of a trial depends on it."""
    return time.monotonic()


def save(path: Path, content: dict[str, Any], *, before: Path | None = None) -> None:
    """Write tensors, numbers and texts to a file, whole or not at all.

    Args:
        before: where the file goes that stands there; it is in one of the two places at any moment.

    Raises:
        OSError: it can't be written (a full disk, say); the error names `path`.
    """
    # An open file and no path: torch would put the temporary name, process number and all, into the archive.
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        try:
            torch.save(content, handle)
        except RuntimeError as error:
            cause = error.__context__  # torch complains about its archive; what the file said stands behind it
            if not isinstance(cause, OSError):
                raise
            raise OSError(cause.errno, cause.strerror) from error
        if before is not None and path.is_file():
            handle.flush()
            os.fsync(handle.fileno())
            path.replace(before)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, cut short, damaged or no checkpoint.
    """
    try:
        _check(path)
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"checkpoint {path}: no such file") from error
    except Exception as error:  # unpickling a broken file fails in many ways
        again = "remove the run folder and start the trial again"
        raise InputError(f"checkpoint {path}: can't be read ({first_line(error)}); {again}") from error
    if not isinstance(content, dict):
        raise InputError(f"checkpoint {path}: expected a dict, found {type(content).__name__}")
    return content


def _check(path: Path) -> None:
    """Hold every part of the archive against the checksum that torch wrote with it, which it doesn't do by itself."""
    with zipfile.ZipFile(path) as archive:
        if (part := archive.testzip()) is not None:
            raise ValueError(f"{part} isn't what was written, by its checksum")
