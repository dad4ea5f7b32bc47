"""What downloads share: how far one is (a bar on a terminal, else a line for each tenth), and one process at a time."""

import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from imbseg.errors import InputError


def size_text(size: int) -> str:
    """Bytes for a reader.

    >>> size_text(999), size_text(28_400_000), size_text(1_999_639_040)
    ('999 bytes', '28.4 MB', '2.0 GB')
    """
    if size < 100_000:
        return f"{size} bytes"
    return f"{size / 1e6:.1f} MB" if size < 1_000_000_000 else f"{size / 1e9:.1f} GB"


@contextlib.contextmanager
def meter(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Give a function that shows bytes done out of bytes in all (None: unknown), on stderr."""
    if not sys.stderr.isatty():
        yield _lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(what: str) -> Callable[[int, int | None], None]:
    said = -1

    def show(done: int, total: int | None) -> None:
        nonlocal said
        tenth = 10 * done // total if total else done // 100_000_000
        if tenth != said:
            said = tenth
            print(f"{what}: {size_text(done)}" + (f" of {size_text(total)}" if total else ""), file=sys.stderr)

    return show


@contextlib.contextmanager
def only_one(lock: Path, doing: str) -> Iterator[None]:
    """Let one process at a time in; the lock file is gone afterwards.

    Args:
        doing: what the others do, for the message: "fetches archive.tar".

    Raises:
        InputError: another process is at it.
    """
    handle = _locked(lock)
    while handle is not None and not _lies_at(handle, lock):  # its holder removed it while we opened it
        handle.close()
        handle = _locked(lock)
    if handle is None:
        raise InputError(f"{lock}: another process {doing}; wait until it has ended, then start the same command again")
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        handle.close()


def _locked(lock: Path) -> IO[bytes] | None:
    handle = lock.open("ab")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    except OSError:  # a file system without locks
        pass
    return handle


def _lies_at(handle: IO[bytes], lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), lock.stat())
    except FileNotFoundError:
        return False
