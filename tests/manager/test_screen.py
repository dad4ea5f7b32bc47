"""What is shown of more trials than fit the screen."""

from __future__ import annotations

import io

from rich.console import Console
from rich.live import Live

from imbseg.manager import screen
from imbseg.manager.rest import Latest, Listed


def trials(count: int, running: set[int], ended: int) -> list[Listed]:
    def status(number: int) -> str:
        return "RUNNING" if number in running else "SUCCEEDED" if number < ended else "WAITING"

    return [Listed(f"t{number}", number, status(number), {"seed": number}, {"default": 0.5}) for number in range(count)]


def test_what_runs_is_shown_then_what_ended_last_and_everything_at_the_end() -> None:
    out = io.StringIO()
    known = trials(100, running={3, 70}, ended=70)
    with Live(console=Console(file=out, force_terminal=True, width=100, height=10), auto_refresh=False) as live:
        table = screen.LiveTable(live, "title")
        table.show(known, {"t3": Latest(7)})
        drawn = out.getvalue()
        assert "69 of 100 trials ended, 5 shown" in drawn
        assert [one.id for one in known if f" {one.id} " in drawn] == ["t3", "t67", "t68", "t69", "t70"]
        table.whole()
    assert all(f" {one.id} " in out.getvalue() for one in known)


def test_what_waits_is_shown_where_there_is_room() -> None:
    rows = screen.table.rows(trials(6, running={1}, ended=1), {})
    assert [row.id for row in screen.fitting(rows, 4)] == ["t0", "t1", "t2", "t3"]
    assert [row.id for row in screen.fitting(rows, -3)] == ["t1"]
    assert screen.fitting(rows, 50) == rows
