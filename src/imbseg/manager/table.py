"""What the watcher shows of the trials: one row a trial, as a table on a terminal, as lines in a pipe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from imbseg.manager.rest import Latest, Listed

if TYPE_CHECKING:
    from rich.table import Table

FINISHED = ("SUCCEEDED", "FAILED", "USER_CANCELED", "SYS_CANCELED", "EARLY_STOPPED")
_STYLES = {"SUCCEEDED": "green", "RUNNING": "cyan", "WAITING": "dim", "EARLY_STOPPED": "yellow"}


class Row(NamedTuple):
    """A trial as it is shown; `epochs` is the number of intermediate results, the scores are the latest known."""

    trial: str
    id: str
    status: str
    epochs: str
    default: str
    tail: str
    parameters: str
    note: str = ""

    def line(self) -> str:
        """The row as one line of text."""
        state = f"trial {self.trial} {self.id}  {self.status:<13}  epochs {self.epochs:>3}"
        scores = f"default {self.default}  tail {self.tail}"
        return "  ".join(filter(None, [state, scores, self.parameters, self.note]))


def rows(
    trials: Sequence[Listed], latest: Mapping[str, Latest], notes: Mapping[str, str] = MappingProxyType({})
) -> list[Row]:
    """One row a trial, with the parameters that differ between trials, and what there is to say of some."""
    names = varying([trial.parameters for trial in trials])
    return [_row(trial, latest.get(trial.id, Latest(0)), names, notes.get(trial.id, "")) for trial in trials]


def varying(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the parameters whose values differ between trials; all of them where there is only one trial.

    >>> varying([{"seed": 1, "loss": "focal"}, {"seed": 2, "loss": "focal"}])
    ['seed']
    """
    names = list(dict.fromkeys(name for given in parameters for name in given))
    if len(parameters) < 2:
        return names
    return [name for name in names if len({repr(given.get(name)) for given in parameters}) > 1]


def failed(trial: Listed) -> str | None:
    """Why a finished trial counts as failed, or None: NNI's SUCCEEDED says only that the process exited 0."""
    if trial.status in ("FAILED", "SYS_CANCELED"):
        return "failed"
    if trial.status == "USER_CANCELED":
        return "was canceled"
    if trial.status == "SUCCEEDED" and trial.final is None:
        return "ended without a result"
    if trial.status == "SUCCEEDED" and _score(trial.final, "default") == "-":
        return "ended with a result that is no finite number"
    return None


def as_table(shown: Sequence[Row], title: str) -> Table:
    """The rows as a table of rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in Row._fields[:-2]:
        table.add_column(name, justify="left" if name in ("id", "status") else "right", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    for row in shown:
        style = {row.status: _STYLES.get(row.status, "red")}
        parameters = "  ".join(filter(None, [row.parameters, row.note]))
        table.add_row(*(Text(cell, style.get(cell, "")) for cell in (*row[:-2], parameters)))
    return table


def _row(trial: Listed, latest: Latest, names: Sequence[str], note: str) -> Row:
    scores = trial.final or latest.scores
    shown = "  ".join(f"{name}={_value(trial.parameters[name])}" for name in names if name in trial.parameters)
    if left := (scores or {}).get("micro_batch"):
        shown = f"{shown}  micro_batch {left} (memory was too small)"
    numbers = (str(latest.count), _score(scores, "default"), _score(scores, "tail"))
    return Row(str(trial.sequence), trial.id, trial.status, *numbers, shown, note)


def _score(scores: Mapping[str, Any] | None, name: str) -> str:
    value = (scores or {}).get(name)
    return f"{value:.4f}" if isinstance(value, int | float) and math.isfinite(value) else "-"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        inner = ",".join(f"{name}={_value(part)}" for name, part in value.items() if name != "_name")
        return f"{value.get('_name', '')}({inner})" if inner else str(value.get("_name", ""))
    return str(value)
