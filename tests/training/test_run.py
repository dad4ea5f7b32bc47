from __future__ import annotations

import csv
import json
import math
import shutil
from pathlib import Path
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
from imbseg.training.prepare import choose_device
from imbseg.training.run import run_trial
from imbseg.trial import resolve


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "epochs.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


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
    assert (folder / "log.txt").read_text().splitlines() == heard["lines"]


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


def test_a_result_stays_with_its_settings_when_checkpoints_are_deleted(
    data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path
) -> None:
    shutil.copytree(finished[0], tmp_path / "trial")
    (tmp_path / "trial" / "best.pt").unlink()
    with pytest.raises(InputError, match=r"lr was 0\.01, is 0\.5"):
        train({**data, "lr": "0.5"}, tmp_path / "trial")


def test_another_seed_gives_other_numbers(data: dict[str, str], finished: tuple[Path, dict], tmp_path: Path) -> None:
    train({**data, "seed": "2", "split_seed": "1"}, tmp_path / "trial")
    assert rows(tmp_path / "trial")[0]["loss"] != rows(finished[0])[0]["loss"]


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
    assert status["epochs"] == status["best_epoch"] + 1 < 9
    assert len(heard["intermediate"]) == status["epochs"]


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
    table = pd.read_csv(meta / "images.csv", dtype={"id": str})
    held = table["subset"].eq("train") & table["pixels:crack"].eq(0)
    assert held.any()
    table["full/mskf/seed1"] = np.where(table["subset"].eq("train"), np.where(held, 0, 1), np.nan)
    table.astype({"full/mskf/seed1": "Int64"}).to_csv(meta / "images.csv", index=False)
    manifest = json.loads((meta / "manifest.json").read_text())
    manifest["files"]["images.csv"] = sha256(meta / "images.csv")
    (meta / "manifest.json").write_text(json.dumps(manifest))
    heard = train({**data, "meta": str(meta), "epochs": "3"}, tmp_path / "trial")
    expected = "no validation image shows crack: the best epoch is chosen by the mean IoU of the other classes"
    assert expected in heard["lines"]
    table_of_epochs = rows(tmp_path / "trial")
    assert [row["mIoU_present"] for row in table_of_epochs] == [row["IoU/background"] for row in table_of_epochs]
    best = max(table_of_epochs, key=lambda row: float(row["IoU/background"]))
    assert heard["final"][0]["default"] == float(best["IoU/background"])


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
