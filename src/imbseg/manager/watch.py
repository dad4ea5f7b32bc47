"""Watch an experiment until all its trials have ended, its tuner has died, or its manager is gone."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from imbseg.manager import rest, screen, table
from imbseg.manager.launch import Experiment, text_of

# As NNI 3.0 writes it.
DISPATCHER_SET_UP = "Setup tuner..."
DISPATCHER_STARTED = "Dispatcher started"
DISPATCHER_DIED = "Dispatcher terminiated"
SILENT_S = 15.0
MOST_LETTERS = 500  # of a trial's last error


@dataclass(frozen=True)
class Outcome:
    """How an experiment ended: trial id -> why it counts as failed, and what broke down, None where nothing did."""

    trials: int
    failures: dict[str, str] = field(default_factory=dict)
    died: str | None = None

    @property
    def ok(self) -> bool:
        """Whether there were trials, all ended well, and nothing broke down on the way."""
        return self.trials > 0 and not self.failures and self.died is None

    def sentence(self) -> str:
        """How many trials there were, which failed, and what broke down."""
        good = self.trials - len(self.failures)
        parts = [f"{good} of {self.trials} trials ended well", *(f"{id} {why}" for id, why in self.failures.items())]
        return "; ".join([*parts, *filter(None, [self.died])])


def watch(
    experiment: Experiment, *, poll_s: float = 1.0, silent_s: float = SILENT_S, out: TextIO | None = None
) -> Outcome:
    """Show the trials until the experiment has ended.

    Args:
        poll_s: seconds between two looks.
        silent_s: the manager counts as dead when it has not answered for so long.
        out: where to; standard output where None. On a terminal a live table, else one line a change.
    """
    seen: list[rest.Listed] = []
    notes = _Notes(experiment.folder)
    title = f"experiment {experiment.id}  http://127.0.0.1:{experiment.port}"
    with screen.opened(out or sys.stdout, title) as shown:
        answered, quiet = time.monotonic(), 0
        while True:
            died = dispatcher_error(experiment.folder)
            try:
                seen = rest.trials(experiment.base)
                shown.show(seen, rest.latest_results(experiment.base), notes.of(seen))
                status, errors = rest.status(experiment.base)
                died = died or (f"NNI reports an error: {' '.join(errors) or status}" if status == "ERROR" else None)
                quiet = quiet + 1 if all_ended(experiment.base, status, seen) else 0
                answered = time.monotonic()
            except rest.ManagerSilent as error:
                if time.monotonic() - answered > silent_s:
                    died = died or f"{error}; {manager_error(experiment.folder)}"
            # Twice in a row: a trial is listed a moment after the tuner has said that there are no more.
            if died or quiet >= 2:
                return outcome(seen, died, experiment.folder)
            time.sleep(poll_s)


def outcome(trials: list[rest.Listed], died: str | None, folder: Path) -> Outcome:
    """Counts of the trials; with a dead tuner or manager those that had not ended are failures, too.

    Args:
        folder: NNI's, which keeps what trials wrote to their standard error.
    """
    failures = {}
    for trial in trials:
        why = table.failed(trial)
        if why is None and trial.status not in table.FINISHED:
            why = "had not ended"
        if why is not None:
            said = trial_error(folder, trial.id)
            failures[trial.id] = f"{why}: {said}" if said else why
    return Outcome(len(trials), failures, died)


def all_ended(base: str, status: str, trials: list[rest.Listed]) -> bool:
    """Whether NNI will start no more trials and those that it lists have ended."""
    if status in ("DONE", "STOPPED"):
        return True
    # NO_MORE_TRIAL turns into DONE by itself; TUNER_NO_MORE_TRIAL stays.
    if status != "TUNER_NO_MORE_TRIAL":
        return False
    # Made by the tuner, but not listed yet: one that waits for a GPU, say.
    made = int(rest.ask(base, "experiment").get("nextSequenceId", 0))
    return len(trials) >= made and all(trial.status in table.FINISHED for trial in trials)


def dispatcher_error(folder: Path) -> str | None:
    """What the dispatcher (the process of the tuner) died of; NNI itself goes on saying RUNNING."""
    log = folder / "log" / "dispatcher.log"
    text = text_of(log)
    # A resumed experiment goes on in the same file, after the line with which its earlier dispatcher was stopped.
    if text.count(DISPATCHER_STARTED) < text_of(folder / "log" / "nnimanager.log").count(DISPATCHER_SET_UP):
        return None
    text = text.rpartition(DISPATCHER_STARTED)[2]
    if DISPATCHER_DIED not in text:
        return None
    errors = [line.strip() for line in text.splitlines() if "Error" in line and not line.startswith("[")]
    reason = f" of {errors[-1]}" if errors else ""
    return f"NNI's dispatcher (the tuner) died{reason}; see {log}"


def trial_error(folder: Path, trial: str, start: str = "") -> str:
    """The last line that a local trial wrote to its standard error, cut where it is long; empty where it wrote none.

    Args:
        start: `.1` for its first start, and so on, where it was started again; empty: the last.
    """
    files = folder.glob(f"environments/*/trials/{trial}/trial.stderr{start}")
    lines = [line.strip() for file in files for line in text_of(file).splitlines() if line.strip()]
    return lines[-1][:MOST_LETTERS] if lines else ""


def starts_before(folder: Path, trial: str) -> int:
    """How often a local trial ended and was started again."""
    return sum(1 for _ in folder.glob(f"environments/*/trials/{trial}/trial.stderr.*"))


class _Notes:
    """What there is to say of trials that failed, or were started again; files of what has ended are read once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ended: dict[str, str] = {}

    def of(self, trials: list[rest.Listed]) -> dict[str, str]:
        found = dict(self.ended)
        for trial in trials:
            if trial.id in found or trial.status in ("WAITING", "SUCCEEDED"):
                continue
            if trial.status not in table.FINISHED:
                if number := starts_before(self.folder, trial.id):
                    why = trial_error(self.folder, trial.id, f".{number}") or "it was killed"
                    found[trial.id] = f"started again ({number}): {why}"
            elif table.failed(trial) is not None:
                found[trial.id] = self.ended[trial.id] = trial_error(self.folder, trial.id)
        return found


def manager_error(folder: Path) -> str:
    """The last error in the manager's log, and where that log is."""
    log = folder / "log" / "nnimanager.log"
    errors = [line.strip() for line in text_of(log).splitlines() if "ERROR" in line or "CRITICAL" in line]
    return f"its last error: {errors[-1]}; see {log}" if errors else f"see {log}"
