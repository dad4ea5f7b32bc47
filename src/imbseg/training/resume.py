"""last.pt: all that the next epoch depends on, so that a trial that was stopped ends with the same bytes."""

from __future__ import annotations

from typing import Any

from imbseg.errors import InputError, first_line
from imbseg.models import checkpoint
from imbseg.training.folder import write_rows
from imbseg.training.prepare import Run
from imbseg.training.stages import freeze

STATE = ("model", "optimizer", "scaler", "history", "draws", "seconds")


def save(run: Run) -> None:
    """Write last.pt; what only some trials have stands in theirs alone."""
    learner = run.learner
    state: dict[str, Any] = {
        "model": learner.model.state_dict(),
        "optimizer": learner.optimizer.state_dict(),
        "scaler": learner.scaler.state_dict(),
        "history": run.history,
        "draws": run.draws,
        "seconds": run.seconds,
    }
    if learner.average is not None:
        state["average"] = learner.average.state_dict()
    if run.head_from is not None:
        state["head_from"] = run.head_from
    checkpoint.save(run.folder.file("last.pt"), state)


def restore(run: Run) -> None:
    """Go back to where an earlier start ended, if there was one.

    Raises:
        InputError: the checkpoint is broken, or of another network, optimizer or version.
    """
    file = run.folder.file("last.pt")
    if not file.is_file():
        return
    state = checkpoint.load(file, run.learner.device)
    if lacking := [name for name in STATE if name not in state]:
        raise InputError(f"checkpoint {file}: lacks {lacking[0]!r}, so another version of imbseg wrote it; train in "
                         f"another folder")  # fmt: skip
    if "head_from" in state:
        freeze(run, state["head_from"])
    try:
        run.learner.model.load_state_dict(state["model"])
        run.learner.optimizer.load_state_dict(state["optimizer"])
        run.learner.scaler.load_state_dict(state["scaler"])
        if run.learner.average is not None:
            run.learner.average.load_state_dict(state["average"])
    except (RuntimeError, ValueError, KeyError) as error:  # torch tells each in several lines
        raise InputError(f"checkpoint {file}: is of another network or optimizer than this trial's ("
                         f"{first_line(error)}); train in another folder") from error  # fmt: skip
    run.history, run.draws, run.seconds = state["history"], state["draws"], state["seconds"]
    write_rows(run.folder.file("epochs.csv"), run.history)
    write_rows(run.folder.file("draws.csv"), run.draws)
    run.say(f"going on after epoch {len(run.history)}")
