"""How it was run: every trial, and the settings, versions and data behind it."""

from collections.abc import Iterable

import pandas as pd

from imbseg.errors import listed
from imbseg.page.columns import Column, columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, trials_of
from imbseg.report.questions.strategies import NARROW, WORDS
from imbseg.report.say import number, seed_name
from imbseg.runs.collect import SCORES, SUBSETS, Run
from imbseg.runs.strategies import Group, Results

TRIALS, SETTINGS = "results.csv", "settings.csv"
MOST = 12  # values of one setting that are listed, and trials that aren't folded up
DATA = ("commit", "dataset_sha256", "meta_sha256", "train_images", "val_images", "test_images")  # in trial.json


def trials(evidence: Evidence) -> pd.DataFrame:
    """A row a run, with its scores on the test and validation images."""
    group, scores = evidence.group, evidence.scores
    return pd.DataFrame([_trial(run, group.name, one.key, scores) for one in group.strategies for run in one.runs])


def left_out(results: Results, scores: list[str]) -> pd.DataFrame:
    """The same of the runs that stand in no group: their reason instead of scores."""
    return pd.DataFrame([_trial(run, "", "", scores) for run in results.left_out])


def settings(evidence: Evidence) -> pd.DataFrame:
    """A row a setting: its value, or values where trials differ, and how many tell; versions and digests below them."""
    values: dict[str, list[str]] = {}
    for run in _runs(evidence.group):
        for name, value in _settings(run):
            values.setdefault(name, []).append(value)
    rows = [(name, listed(list(dict.fromkeys(own)), MOST, "; "), len(own)) for name, own in values.items()]
    return pd.DataFrame(rows, columns=["setting", "value", "trials"])


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every trial, and how it was run."""
    found, group = trials_of(frames, evidence.group), evidence.group
    settings = Table("Settings, versions and data", SETTINGS, frames[SETTINGS], columns("setting", "value"), "", True)
    tables = [_of_subset(found, "test", "best_epoch", "epochs"), _of_subset(found, "val"), settings]
    seeds = " ".join(seed_name(run.seed) for run in group.baseline.runs)
    said = f"Baseline: {group.baseline.label}, {group.chosen}; seeds {seeds}."
    return Section("run", "How it was run", (said,), tables=tables)


def _of_subset(found: pd.DataFrame, subset: str, *more: str) -> Table:
    """Every trial with its scores on one kind of images; the validation images' folded up."""
    names = [score for score in SCORES if f"{subset}/{score}" in found]
    scores = [Column(f"{subset}/{score}", f"{WORDS[subset]} {score}", 3, minor=score in NARROW) for score in names]
    halved = ["micro_batch"] * ("micro_batch" in found)
    shown = (*columns("trial", "label", "seed", *more, *halved), *scores, *columns(*["seconds"] * bool(more)))
    folded = not more or len(found) > MOST
    return Table(f"Every trial, {WORDS[subset]} images", TRIALS, found, shown, by="label", folded=folded)


def of_left_out(frame: pd.DataFrame) -> Section:
    """The rows of results.csv that stand in no average, each with its reason."""
    what = "Unfinished, failed, broken and repeated trials, each with its reason"
    table = Table(what, TRIALS, frame, columns("trial", "status", "reason"), by="", folded=False)
    return Section("left-out", "Left out of every average", tables=(table,))


def hours(group: Group) -> tuple[float, int]:
    """Training and validation of all trials that tell it, in hours (NaN where none does), and how many tell."""
    seconds = pd.Series([run.seconds for run in _runs(group)], dtype=float)
    return float(seconds.sum(min_count=1)) / 3600, int(seconds.notna().sum())


def _runs(group: Group) -> list[Run]:
    return [run for strategy in group.strategies for run in strategy.runs]


def _settings(run: Run) -> Iterable[tuple[str, str]]:
    yield from ((str(name), str(value)) for name, value in run.parameters.items())
    versions = run.about.get("versions")
    if isinstance(versions, dict):
        yield from ((f"version of {name}", str(value)) for name, value in versions.items())
    yield from ((key, str(run.about[key])) for key in DATA if run.about.get(key) is not None)


def _trial(run: Run, group: str, key: str, scores: list[str]) -> dict[str, str]:
    """No scores of a run that counts nowhere, so that nobody averages the column with them in it."""
    row = {"trial": run.name, "group": group, "status": run.status, "reason": run.reason, "key": key}
    row |= {name: str(run.parameters.get(name, "")) for name in ("strategy", "loss", "class_weights", "seed", "fold")}
    row |= {"best_epoch": str(run.best_epoch or ""), "epochs": str(run.epochs), "seconds": number(run.seconds, 1)}
    row |= {"micro_batch": str(run.about["micro_batch"])} if "micro_batch" in run.about else {}
    told = {f"{subset}/{score}": run.score(subset, score) for subset in SUBSETS for score in scores}
    return row | {name: "" if run.reason else number(value) for name, value in told.items()}


TABLES = {TRIALS: trials, SETTINGS: settings}
