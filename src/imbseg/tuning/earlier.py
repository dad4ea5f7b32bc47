"""What an earlier experiment's run folders teach a search: results where nothing else differs, else what to try."""

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbseg.errors import InputError, amount
from imbseg.files import read_json, read_object, runs_folder, write_json
from imbseg.tuning.goal import score

if TYPE_CHECKING:
    from imbseg.tuning.search import Search

FROM = "IMBSEG_FROM"  # the environment variable that names the file of an Earlier to the tuner
MOST_FIRST = 3  # trials of other settings that are tried before any other
NO_MATTER = ("dataset", "seed", "split_seed", "threads", "device", "post_hoc")  # chance, or no score
MOST_TOLD = 10  # lines that name a run


@dataclass
class Earlier:
    """What is taken of an experiment.

    Attributes:
        results: parameters and scores of runs that differ from a trial of the new experiment in nothing else.
        first: parameters of the best of those that differ, such as in their epochs.
        lines: what is taken, what isn't, and why.
    """

    results: list[tuple[dict[str, Any], dict[str, float]]] = field(default_factory=list)
    first: list[dict[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def read(folder: Path, space: Mapping[str, Any], flags: Mapping[str, Any], goal: str) -> Earlier:
    """Take what fits from the finished run folders of an experiment.

    Args:
        folder: of the experiment.
        space: the new experiment's search space.
        flags: of its trial command.
        goal: of GOALS: what it optimises.

    Raises:
        InputError: there is no such folder, or nothing in it fits.
    """
    from imbseg.runs.collect import FINISHED, collect  # pandas and Optuna: only where they are needed
    from imbseg.tuning.space import same

    runs = [run for run in collect(folder) if run.status == FINISHED]
    found, left = Earlier(), []
    others: dict[str, tuple[float, str, dict[str, Any], list[str]]] = {}
    for run in runs:
        try:
            parameters, differs = _fitting(run.parameters, run.about, space, flags)
            scores = dict(read_object(run.folder / "status.json", "result")["result"])
            if (value := score(goal, scores)) is None:
                raise InputError(f"has no {goal}")
        except InputError as error:
            left.append(f"left out: {run.name}: {error}")
            continue
        if differs:
            others.setdefault(same(parameters), (value, run.name, parameters, differs))
        else:
            found.results.append((parameters, scores))
    best = sorted(others.values(), key=lambda one: -one[0])[:MOST_FIRST]
    found.first = [parameters for _, _, parameters, _ in best]
    found.lines = [
        f"from {folder}: {amount(len(found.results), 'result')} of {amount(len(runs), 'finished run')} taken"
    ]
    found.lines += [f"tried first: {run}, which has other {', '.join(differs)}" for _, run, _, differs in best]
    found.lines += left[:MOST_TOLD] + [f"left out: {len(left) - MOST_TOLD} more"] * (len(left) > MOST_TOLD)
    if not found.results and not found.first:
        raise InputError(f"--from {folder}: no finished run fits this search space; {'; '.join(left[:3]) or 'none'}")
    return found


@contextlib.contextmanager
def handed_over(
    name: str | None, tuner: Mapping[str, Any], space: Mapping[str, Any], command: Sequence[str], code: Path
) -> Iterator[None]:
    """While it lasts a tuner that starts reads what an earlier experiment teaches; nothing where `name` is None.

    Args:
        name, space: see `read`.
        tuner: as the config has it.
        command: the flags of its trial command.
        code: the folder in which trials run.

    Raises:
        InputError: see `read`; or the tuner is none of imbseg's.
    """
    if name is None:
        yield
        return
    from imbseg.trial import parse_flags

    if not str(tuner.get("className")).startswith("imbseg.tuning."):
        raise InputError("--from: NNI's own tuners start from nothing; take the tuner of configs/hpo.yml")
    goal = str((tuner.get("classArgs") or {}).get("optimize", "mIoU"))
    folder = Path(name).resolve() if Path(name).is_dir() else runs_folder() / name
    with contextlib.chdir(code):
        found = read(folder, space, parse_flags(command), goal)
    print(*found.lines, sep="\n", flush=True)
    with tempfile.TemporaryDirectory() as kept:
        os.environ[FROM] = str(Path(kept) / "from.json")
        write_json(os.environ[FROM], {"results": found.results, "first": found.first})
        try:
            yield
        finally:
            del os.environ[FROM]


def read_file(file: Path, search: "Search") -> None:
    """Tell a search what was handed over."""
    found = read_json(file)
    for parameters, scores in found["results"]:
        search.tell(parameters, scores)
    for parameters in found["first"]:
        search.try_first(parameters)


def courses(folder: Path, goal: str) -> dict[str, list[float]]:
    """The score of every epoch of every finished run of an experiment, by the run folder's name."""
    from imbseg.runs.csv_table import read_rows

    found: dict[str, list[float]] = {}
    for status in sorted(folder.glob("*/status.json")):
        try:
            if read_object(status).get("status") != "finished":
                continue
            rows = read_rows(status.parent / "epochs.csv")
            scores = [score(goal, {**row, "default": row.get("mIoU_present")}) for row in rows]
        except InputError:
            continue
        found[status.parent.name] = [one for one in scores if one is not None]
    return found


def _fitting(
    settings: Mapping[str, Any], about: Mapping[str, Any], space: Mapping[str, Any], flags: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """A run's parameters in a search space, and the other settings in which a new trial of them would differ.

    Raises:
        InputError: they aren't in the space, or are of another data set.
    """
    from imbseg.runs.labels import setting
    from imbseg.trial import resolve
    from imbseg.trial.fields import FIELDS, WITHOUT_EFFECT
    from imbseg.trial.values import show
    from imbseg.tuning.space import drawn, nested

    parameters = nested(settings, space)
    drawn(parameters, space)  # raises where they don't fit
    resolved = resolve(flags, parameters)
    if about.get("dataset_sha256") not in (None, resolved.dataset.digest):
        raise InputError(f"its data set {settings.get('dataset')} isn't {resolved.dataset.path} as it stands")
    new = {name: show(getattr(resolved.trial, name)) for name in FIELDS if name not in (*WITHOUT_EFFECT, *NO_MATTER)}
    return parameters, [name for name, value in new.items() if setting(settings, name) != value]
