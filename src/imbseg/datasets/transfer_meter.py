"""How far a download is: a bar on a terminal, a line for each tenth in a pipe or a log."""

import contextlib
import sys
from collections.abc import Callable, Iterator


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
