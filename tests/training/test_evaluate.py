"""A finished run scored on labelled images: its own test again, other data, thresholds chosen on validation."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import imbseg.predict
from imbseg.datasets.read import read_image, read_mask
from imbseg.datasets.spec import load
from imbseg.meta.read import fold_column, fold_rows, read_meta
from imbseg.metrics.counts import load_counts

Run = tuple[Path, dict[str, Any]]


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Path:
    """A copy of the run, in which thresholds may be kept."""
    return Path(shutil.copytree(finished[0], tmp_path / "run", ignore=shutil.ignore_patterns(".lock", "events")))


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_runs_own_test_is_scored_as_the_trial_scored_it(run: Path, tmp_path: Path, command: Any) -> None:
    status, said, complaints = command("evaluate.py", "--run", run, "--out", tmp_path / "out")
    assert (status, complaints) == (0, ""), complaints
    assert "without intervals: intervals over test images: expected at least 10 groups" in said
    stored, counts = json.loads((run / "status.json").read_text())["test"], load_counts(run / "counts_test.npz")
    scores = {row["score"]: float(row["value"] or "nan") for row in table(tmp_path / "out" / "scores.csv")}
    for name, value in stored.items():
        assert scores[name] == pytest.approx(value), name
    assert {"ECE/background", "ECE/crack"} <= scores.keys()
    found = load_counts(tmp_path / "out" / "counts.npz")
    np.testing.assert_array_equal(found.confusion, counts.confusion)
    groups = table(tmp_path / "out" / "groups.csv")
    assert [(row["group"], row["images"]) for row in groups] == [("part03", "5")]
    assert len(table(tmp_path / "out" / "curves.csv")) == 2 * 100


def test_another_data_set_with_intervals(
    run: Path, data: dict[str, str], tmp_path: Path, command: Any, refused: Any
) -> None:
    text = Path(data["dataset"]).read_text().replace("group: '^(part\\d+)_'\n", "")
    other = tmp_path / "other.yml"
    other.write_text(text)
    words = ("--run", run, "--dataset", other, "--out", tmp_path / "out")
    status, said, _ = command("evaluate.py", *words, "--subset", "train")
    assert status == 0
    row = next(row for row in table(tmp_path / "out" / "scores.csv") if row["score"] == "mIoU")
    assert float(row["low"]) <= float(row["value"]) <= float(row["high"])
    assert f"mIoU {float(row['value']):.3f} [{float(row['low']):.3f}, " in said
    assert "declares no 'val' subset" in refused("evaluate.py", *words, "--subset", "val")
    other.write_text(text.replace("name: crack", "name: scratch"))
    sentence = refused("evaluate.py", *words)
    assert "expected the run's classes (background, crack); it lacks crack and has scratch beyond them" in sentence


def test_an_operating_point_meets_its_recall_on_validation_and_predict_takes_it(
    run: Path, data: dict[str, str], tmp_path: Path, command: Any, refused: Any
) -> None:
    words = ("--run", run, "--operating_point", "crack:recall=.9", "--out", tmp_path / "out")
    (tmp_path / "file").touch()
    assert "expected an output folder, found a file" in refused("evaluate.py", *words[:-1], tmp_path / "file")
    assert not (run / "operating_points.json").exists()
    status, said, complaints = command("evaluate.py", *words)
    assert (status, complaints) == (0, ""), complaints
    kept = json.loads((run / "operating_points.json").read_text())["points"]["crack"]
    assert f"crack: threshold {kept['threshold']:.4f}, recall" in said
    there = {row["score"]: float(row["value"] or "nan") for row in table(tmp_path / "out" / "scores.csv")}
    on_test = f"recall {there['recall/crack']:.4f}, precision {there['precision/crack']:.4f} on test"
    assert f"crack: threshold {kept['threshold']:.4f} gives {on_test}" in said
    parameters = json.loads((run / "trial.json").read_text())["parameters"]
    dataset = load(data["dataset"])
    column = fold_column(parameters["imbalance"], parameters["split"], parameters["seed"])
    rows = fold_rows(read_meta(dataset, Path(data["meta"])), column, parameters["fold"])[1]
    predictor, hits, pixels = imbseg.predict.load(str(run)), 0, 0
    assert predictor.said.endswith(f"crack where its probability reaches {kept['threshold']:.4f}")
    for one in rows.itertuples():
        truth = read_mask(dataset.root / str(one.mask), dataset) == 1
        hits += int((predictor(read_image(dataset.root / str(one.image))).labels == 1)[truth].sum())
        pixels += int(truth.sum())
    assert pixels == kept["pixels"]
    assert 0.9 <= hits / pixels < 0.9 + 1 / pixels
    plain = imbseg.predict.load(str(run), operating_points=False)
    assert not plain.thresholds
    assert "operating points were chosen without a correction" in refused(
        "predict.py", "--run", run, dataset.root / "images", "--post_hoc", "flip", "--out", tmp_path / "labels"
    )
    shutil.copytree(run, tmp_path / "runs" / "one")
    shutil.copytree(run, tmp_path / "runs" / "two")
    about = (tmp_path / "runs" / "two" / "trial.json").read_text()
    (tmp_path / "runs" / "two" / "trial.json").write_text(about.replace('"seed": 1,', '"seed": 2,'))
    sentence = refused("evaluate.py", "--run", tmp_path / "runs", "--operating_point", "crack:recall=.9")
    assert "is of one run, found 2 networks: the validation images of one" in sentence
    status, said, _ = command("evaluate.py", "--run", tmp_path / "runs", "--out", tmp_path / "both")
    assert status == 0
    assert "+0.000 over the mean of its networks" in said  # of the same weights
    row = table(tmp_path / "both" / "ensemble.csv")[0]
    assert row["score"] == "mIoU"
    assert float(row["ensemble"]) == float(row["best"]) == json.loads((run / "status.json").read_text())["test"]["mIoU"]


def test_a_full_disk_leaves_the_tables_of_the_last_start(
    finished: tuple[Path, Any], command: Any, refused: Any, small_disk: Any
) -> None:
    disk, (run, _) = small_disk(48), finished
    words = ("evaluate.py", "--run", run, "--out", disk / "out")
    assert command(*words)[0] == 0
    before = {file.name: file.read_bytes() for file in (disk / "out").iterdir()}
    assert {"scores.csv", "groups.csv", "curves.csv", "counts.npz"} < set(before)
    (disk / "filling").write_bytes(bytes(shutil.disk_usage(disk).free - 8192))
    assert "the disk is full; nothing was left half written" in refused(*words, "--subset", "train")
    assert {file.name: file.read_bytes() for file in (disk / "out").iterdir()} == before
