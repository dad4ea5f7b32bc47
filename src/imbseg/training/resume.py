"""last.pt: all that the next epoch depends on, so that a trial that was stopped ends with the same bytes."""

from __future__ import annotations

from typing import Any

from imbseg.errors import InputError, first_line
from imbseg.models import checkpoint
from imbseg.training.folder import write_rows
from imbseg.training.prepare import Run
from imbseg.training.stages import freeze

LEARNED, TOLD = ("model", "optimizer", "scaler"), ("history", "draws", "seconds")


def save(run: Run) -> None:
    """Write last.pt; what only some trials have stands in theirs alone."""
    learner = run.learner
    parts = [name for name in (*LEARNED, "average") if getattr(learner, name) is not None]
    state: dict[str, Any] = {name: getattr(learner, name).state_dict() for name in parts}
    state |= {name: getattr(run, name) for name in TOLD}
    if run.head_from is not None:
        state["head_from"] = run.head_from
    checkpoint.save(run.folder.file("last.pt"), state)


def write_tables(run: Run) -> None:
    """The tables of all epochs so far; last.pt holds the history, so that they can always be made from it."""
    for name, rows in (("epochs", run.history), ("draws", run.draws), ("timing", run.seconds)):
        write_rows(run.folder.file(f"{name}.csv"), rows)


def restore(run: Run) -> None:
    """Go back to where an earlier start ended, if there was one.

    Raises:
        InputError: the checkpoint is broken, or of another network, optimizer or version.
    """
    file = run.folder.file("last.pt")
    if not file.is_file():
        return
    state = checkpoint.load(file, run.learner.device)
    if lacking := [name for name in (*LEARNED, *TOLD) if name not in state]:
        other = "another version of imbseg wrote it; train in another folder"
        raise InputError(f"checkpoint {file}: lacks {lacking[0]!r}, so {other}")
    if "head_from" in state:
        freeze(run, state["head_from"])
    try:
        for name in (*LEARNED, *(["average"] if run.learner.average is not None else [])):
            getattr(run.learner, name).load_state_dict(state[name])
    except (RuntimeError, ValueError, KeyError) as error:  # torch tells each in several lines
        other = f"another network or optimizer than this trial's ({first_line(error)})"
        raise InputError(f"checkpoint {file}: is of {other}; train in another folder") from error
    run.history, run.draws, run.seconds = state["history"], state["draws"], state["seconds"]
    write_tables(run)
    run.say(f"going on after epoch {len(run.history)}")
