"""Run folders below a directory -> one record a run, with its scores or with the reason why it has none."""

import csv
import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imbseg.datasets.spec import GROUPS
from imbseg.errors import InputError
from imbseg.files import read_object, seal
from imbseg.post_hoc import CORRECTIONS, PRODUCTS, SCORED, prefix
from imbseg.runs.csv_table import Row, read_rows
from imbseg.trial.stored import by_todays_names

SCORES = ("mIoU", *GROUPS)
SUBSETS = ("test", "val")
PRIOR = prefix("prior")  # before the name of a score: the same network, decoded with that correction
CORRECTED = tuple(prefix(step) + name for step in (*CORRECTIONS, *PRODUCTS) for name in SCORED)
MARKERS = {"trial.json", "status.json", "epochs.csv", "last.pt"}  # one of them makes a folder a run's
FINISHED, BROKEN = "finished", "broken"
NAN = math.nan
Seed = tuple[int, int]  # the trial's, and the split's where it has its own


@dataclasses.dataclass(frozen=True)
class Run:
    """One run folder.

    Attributes:
        name: the folder's path below the directory that was searched.
        folder: where it lies.
        status: finished, failed, interrupted, running, "not started", duplicate or broken.
        reason: why it is averaged nowhere; empty for a finished run.
        about: trial.json as it stands; empty where it can't be read.
        best_epoch: with the highest validation mIoU; 0 where the run has not finished.
        epochs: how many were trained.
        val: scores of the best epoch on the validation images; empty where the run has not finished.
        test: scores of the best epoch on the test images.
        seconds: of training and validating, from timing.csv; NaN where that is missing.
    """

    name: str
    folder: Path
    status: str
    reason: str
    about: Mapping[str, Any]
    best_epoch: int = 0
    epochs: int = 0
    val: Mapping[str, float] = dataclasses.field(default_factory=dict)
    test: Mapping[str, float] = dataclasses.field(default_factory=dict)
    seconds: float = NAN

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The trial's settings."""
        found: Mapping[str, Any] = self.about.get("parameters", {})
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(self.about.get("weights_of_classes", {}))

    @property
    def seed(self) -> Seed:
        """What makes two runs of one strategy differ by chance: the seed, and the split's where it has its own."""
        return int(self.parameters.get("seed") or 0), int(self.parameters.get("split_seed") or 0)

    def score(self, subset: str, name: str) -> float:
        """A score such as mIoU, tail or IoU/<class>; NaN where there is none (the class is in no image).

        Args:
            name: of the score; after `prior/` with the prior that is best for it.
        """
        scores: Mapping[str, float] = getattr(self, subset)
        return scores.get(name, NAN)


def collect(root: Path | str) -> list[Run]:
    """Read every run folder below a directory, the directory itself included.

    Args:
        root: searched to any depth; links to folders are not followed.

    Returns:
        One record a run, by name. Nothing that lies in a run folder raises: a broken one says so in `reason`.

    Raises:
        InputError: root is no folder, or holds no run.
    """
    root = Path(root)
    if not root.is_dir():
        raise InputError(
            f"{root}: expected a folder of runs, found {'a file' if root.exists() else 'nothing'}; train "
            f"with make experiment or src/train_nni.py, or name another --runs"
        )
    runs = [_read(folder, root) for folder in sorted(_run_folders(root))]
    if not runs:
        raise InputError(
            f"{root}: holds no run folder (none has a trial.json); train with make experiment or "
            f"src/train_nni.py, or name another --runs"
        )
    return runs


def score_names(classes: tuple[str, ...]) -> list[str]:
    """The scores of a report: mIoU, the groups, those after a correction, and IoU/<class> by class index."""
    return [*SCORES, *CORRECTED, *(f"IoU/{name}" for name in classes)]


def _run_folders(root: Path) -> list[Path]:
    found = []
    for folder, below, files in os.walk(root):
        below.sort()
        if MARKERS & set(files):
            found.append(Path(folder))
            below.clear()  # what lies in a run folder is part of the run
    return found


def _read(folder: Path, root: Path) -> Run:
    told = folder.resolve().name if folder == root else str(folder.relative_to(root))
    name = os.fsencode(told).decode("utf-8", "backslashreplace")  # a name that is no UTF-8 can be written down too
    about: Mapping[str, Any] = {}
    try:
        about = _trial(folder / "trial.json")
        return _with_scores(Run(name, folder, FINISHED, "", about))
    except (InputError, OSError, UnicodeDecodeError, csv.Error) as error:
        return Run(name, folder, BROKEN, " ".join(str(error).split()), about)


def _trial(file: Path) -> Mapping[str, Any]:
    about = by_todays_names(_object(file))
    for key in ("parameters", "weights_of_classes"):
        if not isinstance(about.get(key), dict):
            raise InputError(f"{file.name}: lacks {key!r}; the run is of another version, or was cut short")
    for name, value in about["parameters"].items():
        if isinstance(value, list | dict):
            raise InputError(f"{file.name}: {name}: expected one value, found {value!r}")
    for name, value in about["weights_of_classes"].items():
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{file.name}: weights_of_classes: {name}: expected a number, found {value!r}")
    for name in ("seed", "split_seed"):
        if not isinstance(about["parameters"].get(name) or 0, int):
            raise InputError(f"{file.name}: {name}: expected a whole number, found {about['parameters'][name]!r}")
    return about


def _with_scores(run: Run) -> Run:
    """Add what the run's other files say."""
    file = run.folder / "status.json"
    status = _object(file) if file.is_file() else {"status": "not started"}
    if status.get("sha256", seal(status)) != seal(status):
        raise InputError("status.json: is damaged: it isn't what was written")
    rows = read_rows(run.folder / "epochs.csv")
    word = str(status.get("status"))
    if word != FINISHED:
        return dataclasses.replace(run, status=word, reason=_reason(status, len(rows), run), epochs=len(rows))
    best = status.get("best_epoch")
    row = next((row for row in rows if row.get("epoch") == best), None)
    if row is None:
        raise InputError(f"epochs.csv: has no row of the best epoch {best}; the run was cut short")
    test = _checked(status.get("test"), "status.json: test")
    val = _checked(row, "epochs.csv") | _corrected(status, "")
    return dataclasses.replace(
        run,
        best_epoch=int(row["epoch"]),
        epochs=len(rows),
        val=val,
        test=test | _corrected(status, "test/"),
        seconds=_seconds(run.folder / "timing.csv"),
    )


def _reason(status: Mapping[str, Any], done: int, run: Run) -> str:
    progress = f"{done} of {run.parameters.get('epochs', '?')} epochs"
    if status.get("message"):
        return f"{' '.join(str(status['message']).split())} ({progress})"
    if status.get("status") == "running":
        return f"has not ended: still running, or killed ({progress})"
    return f"has not ended ({progress})"


def _object(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise InputError(f"{file.name} is missing")
    try:
        return read_object(file)
    except InputError as error:
        raise InputError(str(error).replace(str(file), file.name).split(";")[0]) from error


def _checked(scores: Any, where: str) -> Row:
    """Scores of 0..1, else the file is broken."""
    if not isinstance(scores, dict):
        raise InputError(f"{where}: expected scores, found {type(scores).__name__}; the run was cut short")
    kept = {name: value for name, value in scores.items() if name in (*SCORES, *CORRECTED) or name.startswith("IoU/")}
    for name, value in kept.items():
        if not isinstance(value, int | float) or value < 0 or value > 1:  # NaN is neither
            raise InputError(f"{where}: {name}: expected a score of 0..1, found {value!r}")
    return {name: float(value) for name, value in kept.items()}


def _corrected(status: Mapping[str, Any], subset: str) -> Row:
    """Scores after a correction; none of a trial without it."""
    result = status.get("result", {})
    if not isinstance(result, dict):
        raise InputError("status.json: result: expected scores; the run was cut short")
    found = {name: result[subset + name] for name in CORRECTED if subset + name in result}
    return _checked(found, "status.json: result")


def _seconds(file: Path) -> float:
    spent = sum(row.get("train_s", 0.0) + row.get("val_s", 0.0) for row in rows) if (rows := read_rows(file)) else NAN
    return spent if math.isfinite(spent) and spent >= 0 else NAN
