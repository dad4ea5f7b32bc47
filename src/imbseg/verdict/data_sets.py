"""One data set of a verdict: its runs in groups, what troubles its classes, and its diagnosis."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from imbseg.errors import InputError
from imbseg.runs.collect import Run
from imbseg.runs.csv_table import numbers, read_table
from imbseg.runs.strategies import Group, arrange
from imbseg.verdict.effects import Effect, Score, effects

DIAGNOSIS = ("diagnosis.md", "classes.csv", "ceiling.csv")  # beside the runs, as make_meta.py wrote them
TROUBLES = {"images": "few images", "pixels": "few pixels", "size": "small objects"}
CAPPED = "capped by its grid"
AGAIN = "copy it again from the meta, or leave it out"
LOW = 0.9  # a ceiling below which a class is said to be capped, as in the diagnosis


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set with its runs.

    Attributes:
        name: of the data set.
        groups: its strategies.
        troubles: what troubles classes -> their names.
        diagnosis: diagnosis.md; empty where it isn't known.
    """

    name: str
    groups: tuple[Group, ...]
    troubles: Mapping[str, Sequence[str]]
    diagnosis: str

    def effects(self, classes: Sequence[str] | None = None) -> list[Effect]:
        """Every remedy's, on the tail's test IoU, or on the mean of some classes'."""
        return effects(self.name, self.groups, tail if classes is None else mean_of(classes))


def tail(run: Run) -> float:
    """Test IoU of the tail."""
    return run.score("test", "tail")


def mean_of(classes: Sequence[str]) -> Score:
    """The mean test IoU of some classes; NaN where one has none."""
    return lambda run: math.fsum(run.score("test", f"IoU/{name}") for name in classes) / len(classes)


def data_sets_of(runs: Sequence[Run], root: Path, imbalanced: Callable[[str], Sequence[str]]) -> list[DataSet]:
    """The data sets that some runs belong to, each with all its groups.

    Args:
        runs: what `collect` or `read_trials` gave.
        root: where they lie; a folder may hold the files of DIAGNOSIS.
        imbalanced: name of a data set -> the classes that it was deprived of images of, which stand for its troubles
            where no classes.csv lies there.

    Raises:
        InputError: no run has finished, or runs of two data sets lie where one diagnosis does.
    """
    groups: dict[str, list[Group]] = {}
    for group in arrange(runs, root).groups:
        groups.setdefault(Path(str(group.baseline.runs[0].parameters["dataset"])).stem, []).append(group)
    if len(groups) > 1 and (root / DIAGNOSIS[0]).is_file():
        raise InputError(f"{root}: holds runs of {', '.join(groups)} and one diagnosis; give each a folder of its own")
    return [DataSet(name, tuple(own), _troubles(root, imbalanced(name)), _text(root)) for name, own in groups.items()]


def _text(root: Path) -> str:
    file = root / DIAGNOSIS[0]
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else ""
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: expected UTF-8 ({error}); {AGAIN}") from error


def _troubles(root: Path, imbalanced: Sequence[str]) -> dict[str, list[str]]:
    if not (root / DIAGNOSIS[1]).is_file():
        return {TROUBLES["images"]: list(imbalanced)} if imbalanced else {}
    classes = _table(root / DIAGNOSIS[1], "class", "rare_by")
    told = {
        text: [row["class"] for _, row in classes.iterrows() if kind in str(row["rare_by"]).split()]
        for kind, text in TROUBLES.items()
    }
    return {text: names for text, names in {**told, CAPPED: _capped(root)}.items() if names}


def _capped(root: Path) -> list[str]:
    """Classes whose ceiling under the data set's own setting, the first of the table, is low."""
    if not (root / DIAGNOSIS[2]).is_file():
        return []
    file = root / DIAGNOSIS[2]
    table = _table(file, "class", "setting", "ceiling")
    own = table[(table["setting"] == table["setting"].iloc[0]) & (table["ceiling"] != "")]
    ceilings = numbers(own, ["ceiling"], str(file), f"an IoU; {AGAIN}")[:, 0]
    return [str(name) for name in own["class"][ceilings < LOW]]


def _table(file: Path, *columns: str) -> pd.DataFrame:
    table = read_table(file, "--verdict", "a class")
    if missing := [name for name in columns if name not in table]:
        raise InputError(f"{file}: lacks the columns {', '.join(missing)}; {AGAIN}")
    return table
