"""The trials while they run: a live table on a terminal, one line a change in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from imbseg.manager import table
from imbseg.manager.rest import Latest, Listed

if TYPE_CHECKING:
    from rich.live import Live


class Lines:
    """One line whenever a trial's status or number of epochs changes."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self.out = out
        self.known: dict[str, tuple[str, str]] = {}

    def show(self, trials: Sequence[Listed], latest: Mapping[str, Latest]) -> None:
        """Print what has changed since the last call."""
        for row in table.rows(trials, latest):
            state = (row.status, row.epochs)
            if self.known.get(row.id) != state:
                self.known[row.id] = state
                print(row.line(), file=self.out, flush=True)


class LiveTable:
    """The table of all trials, drawn anew at every call."""

    def __init__(self, live: Live, title: str) -> None:
        """Draw through `live`, below a title."""
        self.live = live
        self.title = title

    def show(self, trials: Sequence[Listed], latest: Mapping[str, Latest]) -> None:
        """Draw the trials."""
        ended = sum(trial.status in table.FINISHED for trial in trials)
        title = f"{self.title}  {ended} of {len(trials)} trials ended"
        self.live.update(table.as_table(table.rows(trials, latest), title), refresh=True)


@contextmanager
def opened(out: TextIO, title: str) -> Iterator[Lines | LiveTable]:
    """What fits `out`: the table where it is a terminal, lines elsewhere."""
    if not out.isatty():
        yield Lines(out)
        return
    from rich.console import Console
    from rich.live import Live

    # A long table is cut while it runs and shown whole at the end.
    with Live(console=Console(file=out), auto_refresh=False, vertical_overflow="ellipsis") as live:
        yield LiveTable(live, title)
        live.vertical_overflow = "visible"
        live.refresh()
