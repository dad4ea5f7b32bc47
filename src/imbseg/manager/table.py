"""What the watcher shows of the trials: one row a trial, as a table on a terminal, as lines in a pipe."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imbseg.manager.rest import Latest, Listed

if TYPE_CHECKING:
    from rich.table import Table

FINISHED = ("SUCCEEDED", "FAILED", "USER_CANCELED", "SYS_CANCELED", "EARLY_STOPPED")
_STYLES = {"SUCCEEDED": "green", "RUNNING": "cyan", "WAITING": "dim", "EARLY_STOPPED": "yellow"}


@dataclass(frozen=True)
class Row:
    """A trial as it is shown; `epochs` is the number of intermediate results, the scores are the latest known."""

    id: str
    sequence: int
    status: str
    parameters: str
    epochs: int
    default: float | None
    tail: float | None

    def line(self) -> str:
        """The row as one line of text."""
        scores = f"default {_number(self.default)}  tail {_number(self.tail)}"
        return (
            f"trial {self.sequence} {self.id}  {self.status:<13}  epochs {self.epochs:>3}  {scores}  {self.parameters}"
        )


def rows(trials: Sequence[Listed], latest: Mapping[str, Latest]) -> list[Row]:
    """One row a trial, with the parameters that differ between trials."""
    names = varying([trial.parameters for trial in trials])
    return [_row(trial, latest.get(trial.id, Latest(0)), names) for trial in trials]


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
        return "was canceled or killed (out of memory shows like this, too)"
    if trial.status == "SUCCEEDED" and trial.final is None:
        return "ended without a result"
    if trial.status == "SUCCEEDED" and _score(trial.final, "default") is None:
        return "ended with a result that is no finite number"
    return None


def as_table(shown: Sequence[Row], title: str) -> Table:
    """The rows as a table of rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left")
    for name in ("trial", "id", "status", "epochs", "default", "tail"):
        table.add_column(name, justify="left" if name in ("id", "status") else "right", no_wrap=True)
    table.add_column("parameters", overflow="fold")
    for row in shown:
        status = Text(row.status, style=_STYLES.get(row.status, "red"))
        cells = [str(row.epochs), _number(row.default), _number(row.tail)]
        table.add_row(str(row.sequence), Text(row.id), status, *cells, Text(row.parameters))
    return table


def _row(trial: Listed, latest: Latest, names: Sequence[str]) -> Row:
    scores = trial.final or latest.scores
    shown = "  ".join(f"{name}={_value(trial.parameters[name])}" for name in names if name in trial.parameters)
    return Row(
        id=trial.id,
        sequence=trial.sequence,
        status=trial.status,
        parameters=shown,
        epochs=latest.count,
        default=_score(scores, "default"),
        tail=_score(scores, "tail"),
    )


def _score(scores: Mapping[str, Any] | None, name: str) -> float | None:
    value = (scores or {}).get(name)
    usable = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        inner = ",".join(f"{name}={_value(part)}" for name, part in value.items() if name != "_name")
        return f"{value.get('_name', '')}({inner})"
    return str(value)
