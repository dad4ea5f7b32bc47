"""The trials of a look as one NNI experiment; and what run folders say of trials, wherever they stand."""

import dataclasses
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from imbseg.errors import InputError, TrialFailed
from imbseg.files import read_object, write_text
from imbseg.manager import launch, watch
from imbseg.racing.entries import Entries, named_by_strategy, split_off
from imbseg.runs.collect import FINISHED
from imbseg.runs.csv_table import Row, read_rows
from imbseg.trial import name, resolve

STARTS = 2  # of NNI: its tuner has 10 s to connect, which a busy machine may miss
SELECTED = "mIoU_present"  # by which a trial keeps its best epoch
REPLACED = ("searchSpace", "searchSpaceFile", "trialCommand", "tuner", "advisor", "assessor", "maxTrialNumber")
PATHS = {"trialCodeDirectory": ".", "experimentWorkingDirectory": "~/nni-experiments"}
Trial = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Stand:
    """Where a trial stands: its epochs so far, whether it has finished, seconds of an epoch (NaN before one)."""

    rows: tuple[Row, ...]
    finished: bool
    pace: float

    def reached(self, epochs: int) -> bool:
        """Whether it was trained so far, or has ended by itself before."""
        return self.finished or len(self.rows) >= epochs

    def score(self, epochs: int, score: str) -> float:
        """Of the best of its first epochs, by validation mIoU; NaN where it wasn't trained so far."""
        rows = self.rows[:epochs]
        if not rows or not self.reached(epochs):
            return math.nan
        return float(max(rows, key=lambda row: row[SELECTED]).get(score, math.nan))


def stand_of(folder: Path, trial: Trial) -> Stand:
    """Read a trial's run folder below the race's."""
    run = folder / name.whole(resolve({}, trial).trial)
    try:
        rows = read_rows(run / "epochs.csv")
        status = read_object(run / "status.json") if (run / "status.json").is_file() else {}
        times = read_rows(run / "timing.csv")
    except (InputError, OSError):  # damaged: the trial itself says what to do
        return Stand((), False, math.nan)
    spent = [row.get("train_s", 0.0) + row.get("val_s", 0.0) + row.get("checkpoint_s", 0.0) for row in times]
    return Stand(tuple(rows), status.get("status") == FINISHED, sum(spent) / len(spent) if spent else math.nan)


def config_text(config: Path, entries: Entries, folder: Path, trials: Sequence[Trial], epochs: int) -> str:
    """NNI's config for such trials, up to an epoch; what isn't about trials is the user's.

    Args:
        folder: the race's, where the trials' own folders lie.
    """
    raw = yaml.safe_load(config.read_text(encoding="utf-8"))
    given = {key: value for key, value in raw.items() if key not in REPLACED}
    for key, default in PATHS.items():
        given[key] = str((config.resolve().parent / Path(str(given.get(key, default))).expanduser()).resolve())
    common, apart = split_off([named_by_strategy(trial) for trial in trials])
    places = {"below": str(folder), **({"until": str(epochs)} if epochs < entries.epochs else {})}
    words = [word for flag, value in {**common, **places}.items() for word in (f"--{flag}", value)]
    given["trialCommand"] = shlex.join([*entries.program, *words])
    given["tuner"] = {"name": "GridSearch"}
    given["experimentName"] = folder.name
    choices = [
        {"_name": one["strategy"], **{key: _one(value) for key, value in one.items() if key != "strategy"}}
        for one in apart
    ]
    given["searchSpace"] = {"strategy": {"_type": "choice", "_value": choices}}
    return yaml.safe_dump(given, sort_keys=False, allow_unicode=True)


def _one(value: Any) -> dict[str, Any]:
    return {"_type": "choice", "_value": [value]}


def train(config: Path, port: int, retries: int) -> None:
    """Run a look's experiment to its end, with the live table; once more where NNI broke down before any trial.

    Args:
        retries: of a trial that was killed, or failed for what may pass.

    Raises:
        TrialFailed: NNI broke down; trials that failed by themselves aren't this function's concern.
    """
    for attempt in range(STARTS):
        with launch.running(config, port, retries=retries) as experiment:
            print(f"experiment {experiment.id}: web UI at http://127.0.0.1:{experiment.port}", flush=True)
            outcome = watch.watch(experiment)
        print(outcome.sentence(), flush=True)
        if not outcome.died:
            return
        if outcome.trials or attempt == STARTS - 1:
            raise TrialFailed(outcome.died)


def write_config(config: Path, entries: Entries, folder: Path, trials: Sequence[Trial], epochs: int) -> Path:
    """The experiment's file in the race's folder, which it is started from and can be read in afterwards."""
    number = len(list(folder.glob("round_*.yml"))) + 1
    path = folder / f"round_{number}.yml"
    write_text(path, config_text(config, entries, folder, trials, epochs))
    return path
