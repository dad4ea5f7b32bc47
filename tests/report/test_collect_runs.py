"""Run folders -> records: what is read, and what each broken folder says."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from run_folders import make_run

from imbseg.errors import InputError
from imbseg.runs.collect import collect


def test_a_finished_run_has_the_best_epochs_scores_and_its_time(tmp_path: Path):
    make_run(tmp_path / "exp/a", test=(0.8, 0.6, 0.1), val=(0.9, 0.7, 0.2), seed=3)
    (run,) = collect(tmp_path)
    assert (run.name, run.status, run.reason, run.seed) == ("exp/a", "finished", "", (3, 0))
    assert (run.best_epoch, run.epochs, run.seconds) == (2, 2, 22.5)
    assert run.score("val", "mIoU") == pytest.approx(0.6)
    assert run.score("val", "IoU/pole") == 0.2  # the second epoch's, not the first's half of it
    assert run.score("test", "head") == pytest.approx(0.7)
    assert run.classes == ("sky", "road", "pole")


def test_the_searched_folder_may_be_a_run_itself_and_folders_inside_a_run_are_none(tmp_path: Path):
    make_run(make_run(tmp_path / "outer") / "events" / "inner")
    assert [run.name for run in collect(tmp_path)] == [run.name for run in collect(tmp_path / "outer")] == ["outer"]


def test_an_absent_class_is_nan(tmp_path: Path):
    make_run(tmp_path / "a", test=(0.8, 0.6, math.nan))
    (run,) = collect(tmp_path)
    assert math.isnan(run.score("test", "IoU/pole"))
    assert math.isnan(run.score("val", "IoU/pole"))
    assert math.isnan(run.score("test", "tail"))
    assert run.score("test", "mIoU") == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        ("failed", "loss is nan\nat step 3", "loss is nan at step 3 (2 of 2 epochs)"),
        ("interrupted", "stopped from outside", "stopped from outside (2 of 2 epochs)"),
        ("running", None, "has not ended: still running, or killed (2 of 2 epochs)"),
    ],
)
def test_what_has_not_finished_says_why(tmp_path: Path, status: str, message: str | None, reason: str):
    make_run(tmp_path / "a", status=status, message=message)
    (run,) = collect(tmp_path)
    assert (run.status, run.reason, run.val, run.test) == (status, reason, {}, {})


def test_a_run_that_wrote_only_its_settings_has_not_started(tmp_path: Path):
    folder = make_run(tmp_path / "a")
    for name in ("status.json", "epochs.csv", "timing.csv"):
        (folder / name).unlink()
    (run,) = collect(tmp_path)
    assert (run.status, run.reason) == ("not started", "has not ended (0 of 2 epochs)")


def test_missing_timing_costs_only_the_time(tmp_path: Path):
    (make_run(tmp_path / "a") / "timing.csv").unlink()
    (run,) = collect(tmp_path)
    assert run.status == "finished"
    assert math.isnan(run.seconds)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-20])


def _edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda folder: _cut(folder / "trial.json"), "trial.json: expected JSON"),
        (lambda folder: _cut(folder / "status.json"), "status.json: expected JSON"),
        (lambda folder: (folder / "trial.json").unlink(), "trial.json is missing"),
        (lambda folder: (folder / "trial.json").write_text("[]"), "expected a JSON object, found list"),
        (lambda folder: (folder / "trial.json").write_text("[" * 100_000), "trial.json"),
        (lambda folder: _edit(folder / "trial.json", weights_of_classes={"sky": "x"}), "trial.json"),
        (lambda folder: _edit(folder / "trial.json", weights_of_classes={"sky": math.inf}), "trial.json"),
        (lambda folder: (folder / "epochs.csv").write_text("epoch,mIoU\ninf,0.5\n"), "epochs.csv"),
        (lambda folder: (folder / "epochs.csv").write_text("epoch,mIoU\n1.5,0.5\n"), "epochs.csv"),
        (lambda folder: (folder / "trial.json").write_bytes(b"\xff\xfe\x00"), "trial.json: expected JSON"),
        (lambda folder: _edit(folder / "trial.json", parameters=None), "trial.json: lacks 'parameters'"),
        (lambda folder: _edit(folder / "trial.json", parameters={"seed": "x"}), "seed: expected a whole number"),
        (lambda folder: _edit(folder / "trial.json", parameters={"lr": [1]}), "lr: expected one value"),
        (lambda folder: (folder / "epochs.csv").unlink(), "no row of the best epoch 2"),
        (lambda folder: _cut(folder / "epochs.csv"), "epochs.csv: a row has more or fewer cells"),
        (lambda folder: (folder / "epochs.csv").write_text("epoch,mIoU\n2,many\n"), "could not convert"),
        (lambda folder: (folder / "epochs.csv").write_text("epoch,mIoU\n2,47.3\n"), "expected a score of 0..1"),
        (lambda folder: (folder / "status.json").write_text("[]"), "status.json: expected a JSON object, found list"),
        (lambda folder: _edit(folder / "status.json", test=None), "status.json: test: expected scores"),
        (lambda folder: _edit(folder / "status.json", test={"mIoU": "good"}), "mIoU: expected a score of 0..1"),
        (lambda folder: _edit(folder / "status.json", best_epoch=None), "no row of the best epoch None"),
    ],
)
def test_a_broken_folder_is_named_and_the_others_are_read(tmp_path: Path, harm, words: str):
    harm(make_run(tmp_path / "broken"))
    make_run(tmp_path / "good")
    broken, good = collect(tmp_path)
    assert (broken.name, broken.status, good.status) == ("broken", "broken", "finished")
    assert words in broken.reason
    assert "\n" not in broken.reason


def test_no_folder_and_no_runs_are_bad_input(tmp_path: Path):
    with pytest.raises(InputError, match="expected a folder of runs, found nothing"):
        collect(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="expected a folder of runs, found a file"):
        collect(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no run folder"):
        collect(tmp_path / "empty")
