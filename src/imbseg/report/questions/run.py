"""How it was run: every trial, and the settings, versions and data behind it."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from imbseg.errors import listed
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, trials_of
from imbseg.report.page.content import Column, Section, Table
from imbseg.report.questions.strategies import NARROW, seeds_of, told
from imbseg.report.say import number
from imbseg.runs.collect import SCORES, SUBSETS, Run
from imbseg.runs.strategies import Group, Results

TRIALS, SETTINGS, TITLE = "results.csv", "settings.csv", "How it was run"
MOST = 12  # values of one setting that are listed, and trials that aren't folded up


def trials(evidence: Evidence) -> pd.DataFrame:
    """A row a run, with its scores on the test and validation images."""
    return pd.DataFrame([_trial(run, evidence.group.name, strategy.key, evidence.scores)
                         for strategy in evidence.group.strategies for run in strategy.runs])  # fmt: skip


def left_out(results: Results, scores: list[str]) -> pd.DataFrame:
    """The same of the runs that stand in no group: their reason instead of scores."""
    return pd.DataFrame([_trial(run, "", "", scores) for run in results.left_out])


def settings(evidence: Evidence) -> pd.DataFrame:
    """A row a setting: its value, or its values where trials differ; versions and digests of the data below them.

    Returns:
        Columns setting, value, and trials: how many tell the setting.
    """
    values: dict[str, list[str]] = {}
    for run in _runs(evidence.group):
        for name, value in _settings(run):
            values.setdefault(name, []).append(value)
    rows = [(name, listed(list(dict.fromkeys(own)), MOST, "; "), len(own)) for name, own in values.items()]
    return pd.DataFrame(rows, columns=["setting", "value", "trials"])


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every trial, and how it was run."""
    found, group = trials_of(frames, evidence.group), evidence.group
    columns = [Column("trial", "trial"), Column("label", "strategy"), Column("seed", "seed", 0)]
    columns += [Column("best_epoch", "best epoch", 0, minor=True), Column("epochs", "epochs", 0, minor=True)]
    columns += [Column(f"{subset}/{score}", f"{subset} {score}", 3, minor=subset == "val" or score in NARROW)
                for subset in reversed(SUBSETS) for score in SCORES]  # fmt: skip
    columns.append(Column("seconds", "seconds", 0, minor=True))
    shown = tuple(column for column in columns if told(found, column.name))
    tables = [Table("Every trial", TRIALS, found, shown, by="label", folded=len(found) > MOST)]
    if len(frames[SETTINGS]):
        tables.append(Table("Settings, versions and data", SETTINGS, frames[SETTINGS],
                            (Column("setting", "setting"), Column("value", "value")), folded=True))  # fmt: skip
    said = f"Baseline: {group.baseline.label}, {group.chosen}; seeds {seeds_of(group.baseline)}."
    return Section("run", TITLE, (said,), tables=tuple(tables))


def of_left_out(frame: pd.DataFrame) -> Section:
    """The rows of results.csv that stand in no average, each with its reason."""
    columns = (Column("trial", "trial"), Column("status", "status"), Column("reason", "reason"))
    shown = Table("Unfinished, failed, broken and repeated trials, each with its reason", TRIALS, frame, columns)
    return Section("left-out", "Left out of every average", tables=(shown,) * bool(len(frame)))


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
    for key in ("commit", "dataset_sha256", "meta_sha256", "train_images", "val_images", "test_images"):
        if run.about.get(key) is not None:
            yield key, str(run.about[key])


def _trial(run: Run, group: str, key: str, scores: list[str]) -> dict[str, str]:
    """No scores of a run that counts nowhere, so that nobody averages the column with them in it."""
    row = {"trial": run.name, "group": group, "status": run.status, "reason": run.reason, "key": key}
    row |= {name: str(run.parameters.get(name, "")) for name in ("strategy", "loss", "class_weights", "seed", "fold")}
    row |= {"best_epoch": str(run.best_epoch or ""), "epochs": str(run.epochs), "seconds": number(run.seconds, 1)}
    return row | {f"{subset}/{score}": "" if run.reason else number(run.score(subset, score))
                  for subset in SUBSETS for score in scores}  # fmt: skip
