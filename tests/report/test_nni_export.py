"""NNI's own export of an experiment as a table of trials."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.runs.strategies import arrange
from imbseg.runs.trials_csv import class_groups, read_trials

TAIL = ("pole", "signsymbol", "pedestrian", "bicyclist")


def export(file: Path, trials: list[dict[str, object]], lacking: str = "") -> Path:
    """Write what `nnictl experiment export --type csv` writes: parameters, every final metric, the trial's id."""
    names = spec.load("camvid").class_names
    rows = []
    for number, (parameters, tail) in enumerate((one["parameters"], one["tail"]) for one in trials):
        test = {f"test/IoU/{name}": tail if name in TAIL else 0.8 for name in names}
        metrics = {"default": 0.5, "tail": 0.1, "IoU/sky": 0.9, "test/mIoU": 0.6, "test/tail": tail, "prior/beta": 0.5}
        rows.append({**parameters, **metrics, **test, "trialJobId": f"T{number}"})  # type: ignore[dict-item]
    with file.open("w", newline="") as handle:
        writer = csv.DictWriter(handle, sorted(name for name in rows[0] if name != lacking), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return file


def trials() -> list[dict[str, object]]:
    return [{"parameters": {"loss": loss, "seed": seed, "strategy": "full/given/x2/none"}, "tail": tail + seed / 100}
            for loss, tail in (("cross_entropy", 0.1), ("focal", 0.3)) for seed in (1, 2)]  # fmt: skip


def test_parameters_tell_the_strategy_and_test_scores_the_classes(tmp_path: Path) -> None:
    dataset = spec.load("camvid")
    runs = read_trials(export(tmp_path / "e.csv", trials()), dataset, {}, class_groups(dataset, None))
    assert [(run.parameters["strategy"], run.seed[0]) for run in runs] == [
        ("cross_entropy", 1), ("cross_entropy", 2), ("focal", 1), ("focal", 2),
    ]  # fmt: skip
    assert runs[3].score("test", "tail") == pytest.approx(0.32)
    assert runs[3].score("test", "mIoU") == 0.6  # as reported, not the mean of the classes
    group = arrange(runs, tmp_path, "cross_entropy").groups[0]
    assert [one.label for one in group.strategies] == ["cross_entropy", "focal"]


def test_several_parameters_are_named(tmp_path: Path) -> None:
    dataset, varied = spec.load("camvid"), trials()
    varied[2]["parameters"]["lr"], varied[3]["parameters"]["lr"] = 0.1, 0.1  # type: ignore[index]
    for one in varied[:2]:
        one["parameters"]["lr"] = 0.01  # type: ignore[index]
    runs = read_trials(export(tmp_path / "e.csv", varied), dataset, {}, {})
    assert runs[0].parameters["strategy"] in ("cross_entropy, lr=0.01", "lr=0.01, cross_entropy")


def test_an_export_without_test_scores_is_refused(tmp_path: Path) -> None:
    dataset = spec.load("camvid")
    with pytest.raises(InputError, match=r"has no column for 1 of 11 classes of camvid \(pole\)"):
        read_trials(export(tmp_path / "e.csv", trials(), lacking="test/IoU/pole"), dataset, {}, {})
