from __future__ import annotations

import csv
import errno
import itertools
import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_trial import SMALL, train

from imbseg.datasets import picture, read
from imbseg.datasets.picture import read_bytes
from imbseg.errors import InputError, TrialFailed
from imbseg.files import sha256
from imbseg.metrics.counts import load_counts
from imbseg.metrics.scores import iou
from imbseg.training import loop
from imbseg.training import run as run_module
from imbseg.training.prepare import choose_device
from imbseg.training.run import run_trial
from imbseg.trial import resolve


def rows(folder: Path, table: str = "epochs") -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def change_images(meta: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Write another images.csv, as a meta of its own."""
    change(pd.read_csv(meta / "images.csv", dtype={"id": str})).to_csv(meta / "images.csv", index=False)
    manifest = json.loads((meta / "manifest.json").read_text())
    manifest["files"]["images.csv"] = sha256(meta / "images.csv")
    (meta / "manifest.json").write_text(json.dumps(manifest))


def test_the_run_folder_is_complete(finished: tuple[Path, dict]) -> None:
    folder, heard = finished
    files = {path.name for path in folder.iterdir()} - {".lock"}
    tables = {
        f"{name}.csv" for name in ("calibration", "ceiling", "components", "draws", "epochs", "timing", "post_hoc")
    }
    tables |= {"trial.json", "counts_val.npz", "counts_test.npz", "status.json"}
    corrected = {f"counts_{subset}_prior{tail}.npz" for subset in ("val", "test") for tail in ("", "_tail")}
    assert files == tables | corrected | {"best.pt", "events", "log.txt"}
    trial = json.loads((folder / "trial.json").read_text())
    assert trial["class_groups"] == {"head": ["background"], "medium": [], "tail": ["crack"]}
    assert trial["parameters"]["strategy"] == "full/mskf/none/none"
    assert trial["parameters"]["threads"] == 1
    assert trial["sources"]["epochs"] == "flag"
    assert trial["sources"]["momentum"] == "default"
    assert {"torch", "nni", "segmentation-models-pytorch", "python"} <= trial["versions"].keys()
    lines = heard["lines"]
    assert (folder / "log.txt").read_text().splitlines() == lines
    assert [line.split()[1] for line in lines if line.startswith("epoch ")] == ["1/2", "2/2"]
    status = json.loads((folder / "status.json").read_text())
    test, validation = status["test"], f"validation mIoU {status['result']['default']:.3f}"
    tested = f"test mIoU {test['mIoU']:.3f}, tail {test['tail']:.3f}"
    assert lines[-1] == f"best epoch {status['best_epoch']}: {validation}; {tested}"
    assert test["IoU/background"] == status["result"]["test/IoU/background"]
    assert not any(math.isnan(value) for value in test.values())
    shown = [f"{subset}:{name}" for subset in ("val", "test") for name in ("background", "crack")]
    assert list(rows(folder, "ceiling")[0]) == shown


def test_a_trial_that_corrects_nothing_counts_as_closely(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path
) -> None:
    train({**data, "post_hoc": "none"}, tmp_path / "trial")
    for table in ("epochs", "calibration", "components", "ceiling"):
        assert rows(tmp_path / "trial", table) == rows(finished[0], table)
    for counts in ("counts_val.npz", "counts_test.npz"):
        np.testing.assert_array_equal(
            iou(load_counts(tmp_path / "trial" / counts)), iou(load_counts(finished[0] / counts))
        )


def test_the_tuner_gets_the_best_epoch_and_never_the_test_set_before_the_end(finished: tuple[Path, dict]) -> None:
    folder, heard = finished
    table = rows(folder)
    assert len(table) == len(heard["intermediate"]) == 2
    for row, heard_row in zip(table, heard["intermediate"], strict=True):
        assert heard_row["default"] == float(row["mIoU"])
        assert not [name for name in heard_row if name.startswith("test/")]
    (final,) = heard["final"]
    status = json.loads((folder / "status.json").read_text())
    assert final == status["result"]
    assert final["default"] == max(float(row["mIoU"]) for row in table)
    assert status["status"] == "finished"
    assert final["default"] == float(table[status["best_epoch"] - 1]["mIoU"])
    assert not any(math.isnan(value) for value in final.values())


def test_stored_counts_give_the_reported_scores(finished: tuple[Path, dict]) -> None:
    folder, heard = finished
    final = heard["final"][0]
    np.testing.assert_allclose(np.nanmean(iou(load_counts(folder / "counts_val.npz"))), final["default"])
    found = iou(load_counts(folder / "counts_test.npz"))
    np.testing.assert_allclose(found, [final["test/IoU/background"], final["test/IoU/crack"]])


def test_decoded_images_that_are_kept_change_no_number(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBSEG_CACHE", str(tmp_path / "cache"))
    for workers, out in (("2", tmp_path / "fills"), ("0", tmp_path / "reads")):
        train({**data, "cache_mb": "1", "workers": workers}, out)
        assert sha256(out / "epochs.csv") == sha256(finished[0] / "epochs.csv")
        assert len(list((tmp_path / "cache" / "cracks").glob("*.raw"))) == 15  # 20 images, 5 of them for testing


def test_started_again_a_finished_trial_gives_its_stored_result(
    data: dict[str, str], finished: tuple[Path, dict]
) -> None:
    folder, heard = finished
    before = (folder / "epochs.csv").read_bytes()
    again = train(data, folder)
    assert again["final"] == heard["final"]
    assert "has finished" in again["lines"][0]
    assert (folder / "epochs.csv").read_bytes() == before


def test_other_parameters_in_the_folder_are_refused(data: dict[str, str], finished: tuple[Path, dict]) -> None:
    with pytest.raises(InputError, match=r"lr was 0\.01, is 0\.02; seed was 1, is 2"):
        train({**data, "lr": "0.02", "seed": "2"}, finished[0])
    train({**data, "workers": "1"}, finished[0])  # the number of workers is no setting of the trial


def test_meta_made_anew_is_refused_in_the_folder(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path
) -> None:
    meta = shutil.copytree(data["meta"], tmp_path / "meta")
    train({**data, "meta": str(meta)}, finished[0])  # the same in another place
    change_images(meta, lambda table: table.assign(**{"full/mskf/seed9": table["full/mskf/seed1"]}))
    with pytest.raises(InputError, match="the meta changed"):
        train({**data, "meta": str(meta)}, finished[0])


def test_a_result_stays_with_its_settings_when_checkpoints_are_deleted(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path / "trial")
    (tmp_path / "trial" / "best.pt").unlink()
    with pytest.raises(InputError, match=r"lr was 0\.01, is 0\.5"):
        train({**data, "lr": "0.5"}, tmp_path / "trial")


def test_another_seed_gives_other_numbers_and_every_epoch_its_own_chance(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    learn = run_module.train_epoch
    monkeypatch.setattr(
        run_module, "train_epoch", lambda *args, **more: seeds.append(torch.initial_seed()) or learn(*args, **more)
    )
    train({**data, "seed": "2", "split_seed": "1"}, tmp_path / "trial")
    assert rows(tmp_path / "trial")[0]["loss"] != rows(finished[0])[0]["loss"]
    train({**data, "split_seed": "1"}, tmp_path / "again")
    assert rows(tmp_path / "again") == rows(finished[0])
    assert len(set(seeds)) == 4  # two seeds, two epochs


class Clock:
    """Seconds that pass from call to call."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


@pytest.mark.parametrize("more", [{}, {"accumulate": "2"}])  # which keeps the gradients of the first step
def test_stopped_between_two_steps_a_trial_goes_on_there_and_keeps_its_seconds(
    data: dict[str, str], stop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str]
) -> None:
    out, flags = tmp_path / "trial", {**data, **more}
    whole = train(flags, tmp_path / "whole")
    monkeypatch.setattr(run_module, "time", SimpleNamespace(perf_counter=Clock(10.0)))
    monkeypatch.setattr(run_module, "cpu_seconds", Clock(1.0))
    with monkeypatch.context() as once:
        once.setattr(run_module, "asked", lambda: True)
        with pytest.raises(KeyboardInterrupt):
            train(flags, out)
    assert not (out / "epochs.csv").exists()
    with monkeypatch.context() as once:
        once.setattr(run_module, "evaluate", stop)
        with pytest.raises(KeyboardInterrupt):
            train(flags, out, say=(lines := list[str]()).append)
    assert "going on after epoch 0, step 1" in lines
    heard = train(flags, out)
    assert "going on after epoch 0, step 3" in heard["lines"]
    assert (out / "epochs.csv").read_bytes() == (tmp_path / "whole" / "epochs.csv").read_bytes()
    assert heard["final"] == whole["final"]
    spent = [[row[name] for name in ("train_s", "train_cpu_s", "val_s")] for row in rows(out, "timing")]
    assert spent == [["30.0", "3.0", "10.0"]] * 2  # of three steps, and an evaluation


def test_checkpoints_come_between_steps_when_they_are_due(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, count = loop._step, itertools.count(1)

    def failing(*args: Any, **more: Any) -> Any:
        if next(count) == 3:
            raise ZeroDivisionError("in the third step")
        return step(*args, **more)

    for minutes, begun in (("1e-6", True), ("1000", False)):
        out, count = tmp_path / minutes, itertools.count(1)
        with monkeypatch.context() as once:
            once.setattr(loop, "_step", failing)
            with pytest.raises(ZeroDivisionError, match="in the third step"):
                train({**data, "checkpoint_minutes": minutes}, out)
        heard = train({**data, "checkpoint_minutes": minutes}, out)
        assert any(line.startswith("going on after epoch 0, step ") for line in heard["lines"]) == begun
        assert (out / "epochs.csv").read_bytes() == (finished[0] / "epochs.csv").read_bytes()


def test_threads_and_device_that_nobody_gave_are_those_of_the_first_start(data: dict[str, str], tmp_path: Path) -> None:
    given = {name: value for name, value in {**SMALL, **data}.items() if name != "threads"}
    before = torch.get_num_threads()
    try:
        for threads, until in ((2, 1), (1, None)):  # on another machine, say
            torch.set_num_threads(threads)
            heard: list[Any] = []
            run_trial(
                resolve(given, {}), tmp_path / "trial",
                intermediate=heard.append, final=heard.append, say=lambda _line: None, until=until,
            )  # fmt: skip
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    recorded = json.loads((tmp_path / "trial" / "trial.json").read_text())["parameters"]
    assert (recorded["threads"], recorded["device"]) == (2, str(choose_device("auto")))
    assert len(rows(tmp_path / "trial")) == 2


def test_patience_stops(data: dict[str, str], tmp_path: Path) -> None:
    # With learning rates this small nothing gets better after the first epochs.
    heard = train({**data, "epochs": "9", "patience": "1", "lr": "1e-12", "encoder_lr": "1e-12"}, tmp_path / "trial")
    status = json.loads((tmp_path / "trial" / "status.json").read_text())
    best = status["best_epoch"]
    assert status["epochs"] == best + 1 < 9
    assert len(heard["intermediate"]) == status["epochs"]
    assert status["result"]["default"] == heard["intermediate"][best - 1]["default"]
    assert torch.load(tmp_path / "trial" / "best.pt", weights_only=True)["epoch"] == best
    counts = load_counts(tmp_path / "trial" / "counts_val.npz")
    assert np.nanmean(iou(counts)) == pytest.approx(status["result"]["default"], abs=1e-12)


def test_a_loss_that_is_not_finite_stops_the_trial(data: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(
        TrialFailed, match=r"the loss became (nan|inf) at step \d+ of epoch 1, with lr \S+e\+\d+ and encoder_lr"
    ):
        train({**data, "lr": "1e30", "encoder_lr": "1e30"}, tmp_path / "trial")
    status = json.loads((tmp_path / "trial" / "status.json").read_text())
    assert status["status"] == "failed"
    assert "the loss became" in status["message"]


def test_a_validation_fold_without_a_class_is_named_and_selects_by_the_others(
    data: dict[str, str], tmp_path: Path
) -> None:
    meta = tmp_path / "meta"
    shutil.copytree(data["meta"], meta)

    def without_crack(table: pd.DataFrame) -> pd.DataFrame:
        held = table["subset"].eq("train") & table["pixels:crack"].eq(0)
        assert held.any()
        table["full/mskf/seed1"] = np.where(table["subset"].eq("train"), np.where(held, 0, 1), np.nan)
        return table.astype({"full/mskf/seed1": "Int64"})

    change_images(meta, without_crack)
    heard = train({**data, "meta": str(meta), "epochs": "3"}, tmp_path / "trial")
    expected = "no validation image shows crack: the best epoch is chosen by the mean IoU of the other classes"
    assert expected in heard["lines"]
    table_of_epochs = rows(tmp_path / "trial")
    assert [row["mIoU_present"] for row in table_of_epochs] == [row["IoU/background"] for row in table_of_epochs]
    best = max(table_of_epochs, key=lambda row: float(row["IoU/background"]))
    assert heard["final"][0]["default"] == float(best["IoU/background"])


def test_a_pause_and_the_end_tell_the_best_epoch(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, made_up = run_module.summary, iter([0.2, 0.6, 0.4, 0.5, 0.3])  # four epochs, and the test set

    def summary(*args: Any) -> dict[str, float]:
        found = scores(*args) | {run_module.SELECTED: next(made_up)}
        return {name: value for name, value in found.items() if name != "tail"}  # as where no class is rare

    monkeypatch.setattr(run_module, "summary", summary)
    final, lines = list[dict[str, float]](), list[str]()
    resolved = resolve({**SMALL, **data, "epochs": "4", "post_hoc": "none"}, {})
    for until in (3, None):
        run_trial(
            resolved, tmp_path / "trial", intermediate=lambda _: None, final=final.append, say=lines.append, until=until
        )
    assert [one["default"] for one in final] == [0.6, 0.6]
    assert lines[-1] == f"best epoch 2: validation mIoU 0.600; test mIoU {final[1]['test/mIoU']:.3f}"
    assert torch.load(tmp_path / "trial" / "best.pt", weights_only=True)["epoch"] == 2


@pytest.mark.parametrize(("best", "size"), [(1, (64, 48)), (2, (80, 64))])
def test_the_best_epoch_is_corrected_and_tested_at_its_own_size(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, best: int, size: tuple[int, int]
) -> None:
    scores, made_up = run_module.summary, iter([0.5, 0.2 if best == 1 else 0.6])
    monkeypatch.setattr(run_module, "summary", lambda *args: scores(*args) | {run_module.SELECTED: next(made_up)})
    taken: list[Any] = []
    monkeypatch.setattr(run_module, "correct", lambda run: taken.append(run.trial.resize) or 1 / 0)
    flags = {"resize": "64x48", "crop": "none", "finish_epochs": "1", "finish_size": "80x64"}
    with pytest.raises(ZeroDivisionError):
        train({**data, **flags}, tmp_path / "trial")
    assert taken == [size]


def test_no_labelled_pixel_to_validate_on_stops_the_trial(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = run_module.summary
    monkeypatch.setattr(run_module, "summary", lambda *args: scores(*args) | {run_module.SELECTED: math.nan})
    with pytest.raises(TrialFailed, match="no validation mIoU in epoch 1: no validation image has a labelled pixel"):
        train(data, tmp_path / "trial")
    assert json.loads((tmp_path / "trial" / "status.json").read_text())["status"] == "failed"


def test_a_file_that_broke_since_meta_was_made_is_named(data: dict[str, str], tmp_path: Path) -> None:
    copy = tmp_path / "cracks"
    shutil.copytree(Path(data["dataset"]).parent, copy)
    # One of many, and a test image: it comes up at the end, and only its own name may stand there.
    rows = csv.DictReader((Path(data["meta"]) / "images.csv").read_text().splitlines())
    test = [row for row in rows if row["subset"] == "test"]
    victim = copy / test[-1]["image"]
    victim.write_bytes(victim.read_bytes()[:40])
    with pytest.raises(InputError, match="can't be decoded") as raised:
        train({**data, "root": str(copy), "epochs": "1"}, tmp_path / "trial")
    assert str(victim) in str(raised.value)
    assert not [path for path in copy.rglob("*.png") if path != victim and str(path) in str(raised.value)]


def test_what_memory_does_not_hold_is_refused_before_anything_is_written(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 4 samples of 64 x 64 pixels and 2 classes: 131,072 bytes, of at most half; evaluation keeps one image beside them
    for free, what in ((262_143, "crop: the logits of 4 samples"), (262_144, "batch_size: the logits of 4 images")):
        monkeypatch.setattr(run_module, "free_memory", lambda _device, free=free: free)
        with pytest.raises(InputError, match=what):
            train(data, tmp_path / "trial")
        assert not (tmp_path / "trial").exists()
    monkeypatch.setattr(run_module, "free_memory", lambda _device: 327_680)
    with pytest.raises(InputError, match="precision: float16"):
        train({**data, "device": "cpu", "precision": "float16"}, tmp_path / "trial")
    monkeypatch.setattr(run_module, "prepare", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # it fits, and begins
        train(data, tmp_path / "trial")


@pytest.mark.parametrize(("until", "more"), [(1, {}), (None, {}), (None, {"epochs": "1", "retrain_head_epochs": "1"})])
def test_what_a_full_disk_kept_back_is_written_at_the_end(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: int | None, more: dict[str, str]
) -> None:
    out, flags = tmp_path / "trial", {**data, **more}
    whole = train(flags, tmp_path / "whole")
    monkeypatch.setattr(run_module, "if_room", lambda _run, _write: False)
    quiet: dict[str, Any] = {"intermediate": lambda _: None, "say": lambda _: None}
    run_trial(resolve({**SMALL, **flags}, {}), out, final=lambda _: None, until=until, **quiet)
    assert rows(out) == rows(tmp_path / "whole")[:until]
    heard = train(flags, out)
    assert any(line.startswith("going on after epoch 1") for line in heard["lines"]) == (until == 1)
    assert heard["final"] == whole["final"]


def test_the_best_weights_outlast_a_full_disk_as_they_were(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, write_down, made_up = run_module.summary, run_module.write_down, itertools.cycle([0.6, 0.2, 0.3])
    full = [False, False, True, True, False]  # after two epochs of one trial, of the other, and at its end

    def written(run: Any) -> None:
        if full.pop(0):
            raise OSError(errno.ENOSPC, "No space left on device")
        write_down(run)

    monkeypatch.setattr(run_module, "write_down", written)
    monkeypatch.setattr(run_module, "summary", lambda *args: scores(*args) | {run_module.SELECTED: next(made_up)})
    out = tmp_path / "whole", tmp_path / "full"
    for folder in out:
        train({**data, "post_hoc": "none"}, folder)
    whole, kept = (torch.load(folder / "best.pt", weights_only=True) for folder in out)
    assert whole["epoch"] == kept["epoch"] == 1
    assert all(torch.equal(whole["model"][name], kept["model"][name]) for name in whole["model"])
    for counts in ("counts_val.npz", "counts_test.npz"):
        assert sha256(out[1] / counts) == sha256(out[0] / counts)


def test_meta_of_another_version_is_refused(data: dict[str, str], tmp_path: Path) -> None:
    file = Path(data["dataset"])
    before = file.read_text()
    file.write_text(before + "\n# another version\n")
    try:
        with pytest.raises(InputError, match="make it anew"):
            train(data, tmp_path / "trial")
    finally:
        file.write_text(before)
    assert not (tmp_path / "trial").exists()


def test_label_sampling_takes_twice_the_steps(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    original = loop._step
    monkeypatch.setattr(loop, "_step", lambda *args, **more: steps.append(1) or original(*args, **more))
    train({**data, "epochs": "1"}, tmp_path / "none")
    once = len(steps)
    train({**data, "epochs": "1", "strategy": "full/mskf/label/none"}, tmp_path / "label")
    assert len(steps) - once in (2 * once, 2 * once - 1, 2 * once + 1)


def test_a_weighted_sum_trains(data: dict[str, str], tmp_path: Path) -> None:
    loss = "weighted_cross_entropy+0.5*lovasz+0.1*logit_adjusted"
    heard = train({**data, "loss": loss, "tau": "0.5", "epochs": "1"}, tmp_path)
    assert 0 <= heard["final"][0]["default"] <= 1
    assert any("class weights (inverse_sqrt)" in line for line in heard["lines"])


def test_logits_are_cut_and_brought_to_the_masks_size() -> None:
    logits = torch.zeros(2, 16, 16)
    logits[1, :, 4:8] = 1.0  # columns 4..7 of the 10 x 8 image, padding beyond
    labels = loop.native_logits(logits, (8, 10), (16, 20)).argmax(dim=0)
    assert labels.shape == (20, 16)
    assert labels[:, 8:].all()
    assert not labels[:, :7].any()
    wide = loop.native_logits(torch.tensor([[[0.0, 1.0, 9.0]]]), (2, 1), (4, 1))  # the third column is padding
    assert wide.tolist() == [[[0, 0.25, 0.75, 1]]]


def test_before_the_first_step_one_batch_is_read(
    data: dict[str, str], tmp_path: Path, stop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 15 train images; a whole epoch decoded beforehand would make a large data set's trial start late."""
    opened: list[Path] = []
    for module in (picture, read):
        monkeypatch.setattr(module, "read_bytes", lambda path, what: opened.append(path) or read_bytes(path, what))
    monkeypatch.setattr(loop, "_step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "trial")
    assert len(opened) == 2 * int(SMALL["batch_size"])  # image and mask
