"""What Ray Tune runs and calls: a trial's process as its Trainable, the live table as its callback."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from imbseg.cluster.process import MOST_LETTERS, Place, TrialProcess, name_of
from imbseg.errors import TrialFailed
from imbseg.manager.rest import Latest, Listed

SHOWN_S = 1.0
STATUSES = {"PENDING": "WAITING", "PAUSED": "WAITING", "RUNNING": "RUNNING", "ERROR": "FAILED"}
Show = Callable[[Sequence[Listed], dict[str, Latest], dict[str, str]], None]
FAILED = f"{TrialFailed.__module__}.{TrialFailed.__name__}: "


def trainable(place: Place) -> Any:
    """The class that Ray Tune starts once for each trial, on the machine that has room for it."""
    from ray import tune

    class Trial(tune.Trainable):  # type: ignore[misc]
        def setup(self, config: dict[str, Any]) -> None:
            self.trial = TrialProcess(place, config["sampled"])

        def step(self) -> dict[str, Any]:
            return self.trial.step()

        def cleanup(self) -> None:
            self.trial.stop()

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Its checkpoints lie in its run folder."""

        def load_checkpoint(self, checkpoint: Any) -> None:
            """The process finds them there."""

    return Trial


def callback(show: Show, interrupted: Sequence[int]) -> Any:
    """The callback that shows the trials, at most once a second, and keeps them for the end.

    Args:
        interrupted: not empty any more once somebody stops the experiment: Ray Tune then calls every trial ended.
    """
    from ray import tune

    class Shown(tune.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.looked = 0.0
            self.trials: Sequence[Any] = ()
            self.failed: list[Any] = []

        def __reduce__(self) -> Any:
            return tune.Callback, ()  # Ray Tune keeps it for a resume, which gets another; no screen can be kept

        def on_trial_complete(self, iteration: int, trials: Sequence[Any], trial: Any, **info: Any) -> None:
            if failure(trial):
                self.failed.append(trial)

        def on_step_end(self, iteration: int, trials: Sequence[Any], **info: Any) -> None:
            for trial in self.failed:
                if trial.status == "TERMINATED":
                    trial.set_status("ERROR")  # Ray Tune calls it ended well, and a resume would pass over it
            if time.monotonic() - self.looked > SHOWN_S:
                self.draw(trials)
                self.looked = time.monotonic()

        def on_experiment_end(self, trials: Sequence[Any], **info: Any) -> None:
            if not interrupted:
                self.draw(trials)

        def draw(self, trials: Sequence[Any]) -> None:
            self.trials = in_order(trials)
            rows = listed(self.trials)
            pairs = [*zip(rows, self.trials, strict=True)]
            show(rows, {row.id: latest(one) for row, one in pairs}, {row.id: started_again(one) for row, one in pairs})

    return Shown()


def in_order(trials: Sequence[Any]) -> Sequence[Any]:
    """Ray Tune's trials as they were made; after a resume it has those first that hadn't ended."""
    return sorted(trials, key=lambda trial: int(trial.experiment_tag.partition("_")[0]))


def listed(trials: Sequence[Any]) -> list[Listed]:
    """Ray Tune's trials as the table has NNI's: the id is the run folder's name."""
    return [_listed(number, trial) for number, trial in enumerate(trials)]


def latest(trial: Any) -> Latest:
    """The latest epoch of a trial of Ray Tune."""
    result = trial.last_result or {}
    return Latest(int(result.get("epochs", 0)), {name: result[name] for name in ("default", "tail") if name in result})


def started_again(trial: Any) -> str:
    """How often a trial that goes on has been started again, and what ended it before."""
    if not trial.num_failures or STATUSES.get(trial.status) not in ("WAITING", "RUNNING"):
        return ""
    lines = (trial.get_error() or "").split("\n")
    why = next((line for line in reversed(lines) if line.strip()), "").strip().removeprefix(FAILED)
    return f"started again ({trial.num_failures}): {why[:MOST_LETTERS]}"


def failure(trial: Any) -> str:
    """What a trial that couldn't run said."""
    return str((trial.last_result or {}).get("failure", ""))


def _listed(number: int, trial: Any) -> Listed:
    sampled = trial.config["sampled"]
    result = trial.last_result or {}
    status = STATUSES.get(trial.status)
    if status is None:  # TERMINATED: by itself, or by the scheduler
        status = "FAILED" if "failure" in result else "SUCCEEDED" if ended(result) else "EARLY_STOPPED"
    final = {name: result[name] for name in ("default", "tail") if name in result} if status == "SUCCEEDED" else None
    return Listed(name_of(sampled), number, status, sampled, final)


def ended(result: dict[str, Any]) -> bool:
    """Whether a result is a trial's last one, and not one after which the scheduler stopped it."""
    return "test/mIoU" in result
