"""The trials while they run: a live table on a terminal, one line a change in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, TextIO

from imbseg.manager import table
from imbseg.manager.rest import Latest, Listed

if TYPE_CHECKING:
    from rich.live import Live

HEAD = 5  # lines of a table around its rows
Notes = Mapping[str, str]  # what there is to say of some trials, by id
NONE: Notes = MappingProxyType({})


class Lines:
    """One line whenever a trial's status or number of epochs changes."""

    def __init__(self, out: TextIO) -> None:
        """Write to `out`."""
        self.out = out
        self.known: dict[str, tuple[str, ...]] = {}

    def show(self, trials: Sequence[Listed], latest: Mapping[str, Latest], notes: Notes = NONE) -> None:
        """Print what has changed since the last call."""
        for row in table.rows(trials, latest, notes):
            state = (row.status, row.epochs, row.note)
            if self.known.get(row.id) != state:
                self.known[row.id] = state
                print(row.line(), file=self.out, flush=True)


class LiveTable:
    """The table of the trials that fit the screen, drawn anew at every call; of all of them at the end."""

    def __init__(self, live: Live, title: str) -> None:
        """Draw through `live`, below a title."""
        self.live = live
        self.title = title
        self.rows: list[table.Row] = []

    def show(self, trials: Sequence[Listed], latest: Mapping[str, Latest], notes: Notes = NONE) -> None:
        """Draw what fits."""
        self.rows = table.rows(trials, latest, notes)
        self._draw(fitting(self.rows, self.live.console.height - HEAD))

    def whole(self) -> None:
        """Draw every trial."""
        self._draw(self.rows)

    def _draw(self, rows: list[table.Row]) -> None:
        ended = sum(row.status in table.FINISHED for row in self.rows)
        left = f", {len(rows)} shown" if len(rows) < len(self.rows) else ""
        title = f"{self.title}  {ended} of {len(self.rows)} trials ended{left}"
        self.live.update(table.as_table(rows, title), refresh=True)


def fitting(rows: list[table.Row], most: int) -> list[table.Row]:
    """The rows to show where they don't all fit: what runs, then what ended last, then what comes next."""

    def urgency(place: int) -> tuple[int, int]:
        status = rows[place].status
        return (0, place) if status == "RUNNING" else (1, -place) if status in table.FINISHED else (2, place)

    kept = sorted(range(len(rows)), key=urgency)[: max(most, 1)]
    return [rows[place] for place in sorted(kept)]


@contextmanager
def opened(out: TextIO, title: str) -> Iterator[Lines | LiveTable]:
    """What fits `out`: the table where it is a terminal, lines elsewhere."""
    if not out.isatty():
        yield Lines(out)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(file=out), auto_refresh=False, vertical_overflow="ellipsis") as live:
        shown = LiveTable(live, title)
        yield shown
        live.vertical_overflow = "visible"
        shown.whole()
