"""tools/gpu_check.py without a GPU: every part by the same code at a tiny size, and rows that aren't measured."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gpu_check
import numpy as np
import pytest
import torch
from photographs import photograph
from PIL import Image

TINY = ["--encoder", "tu-test_resnet", "--size", "64", "--steps", "2"]
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")


def check(out: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    monkeypatch.setattr(sys, "argv", ["gpu_check.py", "--out", str(out), *words])
    gpu_check.main()
    figures = json.loads((out / "figures.json").read_text())
    return {name: part["rows"] for name, part in figures["parts"].items()}


def test_without_a_gpu_every_row_reads_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = check(tmp_path, monkeypatch)
    assert list(rows) == ["speed", "loader", "nccl", "resume", "curve"]
    assert [row["samples/s"] for row in rows["speed"]] == [None] * 12
    assert {row["waiting"] for row in rows["loader"]} == {rows["nccl"][0]["sums"], rows["curve"][0]["mIoU"]} == {None}
    assert rows["resume"][0]["counts equal"] is None
    page = (tmp_path / "figures.md").read_text()
    assert page.count("not measured") > 12 * 6
    assert "error" not in page


@pytest.mark.slow
def test_speed_and_loader_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--parts", "speed,loader", "--device", "cpu", "--speed_seconds", "1e9"]
    words += ["--precisions", "float32,bfloat16,float16"]
    rows = check(tmp_path, monkeypatch, *TINY, "--images", "12", *words)
    rates = [(row["precision"], row["batch"], row["samples/s"] is not None) for row in rows["speed"]]
    assert rates == [("float32", 8, True), ("bfloat16", 8, True), ("float16", 8, False)] * 3
    assert [row["note"] for row in rows["speed"]] == ["", "", "no GPU"] * 3
    assert all(0 < row["waiting"] < 1 < row["samples/s"] < row["loader alone"] * 99 for row in rows["loader"])


def test_larger_batches_until_they_gain_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given = SimpleNamespace(
        cuda=True, arguments=SimpleNamespace(speed_seconds=1e9, precisions="float32", steps=20), found={}
    )
    rates = {8: [50.0, 60.0, 55.0], 16: [90.0], 32: [91.0]}
    monkeypatch.setattr(
        gpu_check.gpu_speed,
        "_timed",
        lambda _given, _precision, layout, batch, *_times: {
            "batch": batch, "layout": layout, "samples/s": rates[batch].pop(0) if rates[batch] else None},
    )  # fmt: skip
    rows = list(gpu_check.gpu_speed.speed(given))
    assert [row["batch"] for row in rows] == [8, 8, 8, 16, 32]  # 91 is less than 2 % above 90
    assert rows[3]["layout"] == {"channels_last": "true"}  # of the fastest


@pytest.mark.slow
def test_a_stopped_trial_ends_with_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = check(tmp_path, monkeypatch, *TINY, "--images", "30", "--parts", "resume", "--device", "cpu")["resume"]
    assert [row["trial"] for row in rows] == ["the same command again, never stopped", "stopped and started"]
    for row in rows:
        assert [row[name] for name in ("counts equal", "epochs.csv equal", "weights equal")] == [True] * 3
        assert row["largest difference of a weight"] == row["of the last loss"] == 0
    assert rows[1]["killed after step"] >= 1


@pytest.mark.slow
def test_camvids_curve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    camvid = tmp_path / "camvid"
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (camvid / folder).mkdir(parents=True)
    for video, (subset, count) in enumerate((("train", 8), ("val", 3), ("test", 3))):
        names = [f"000{video}TP_{number}" for number in range(count)]
        for number, name in enumerate(names):
            picture, mask = photograph(np.random.default_rng(10 * video + number), (64, 64), 11)
            Image.fromarray(picture).save(camvid / f"JPEGImages/{name}.jpg")
            Image.fromarray(mask).save(camvid / f"SegmentationClass/{name}.png")
        (camvid / f"ImageSets/Segmentation/{subset}.txt").write_text("\n".join(names) + "\n")
    tiny = ["encoder=tu-test_resnet", "crop=64", "decoder_width=16", "workers=0", "epochs=2"]
    words = ["--parts", "curve", "--device", "cpu", "--camvid", str(camvid), "--weights", "none", "--minutes", "60"]
    rows = check(tmp_path / "out", monkeypatch, *words, "--curve", *tiny)["curve"]
    assert [row.get("epoch") for row in rows] == [None, 1, 2, None]
    assert rows[1]["minute"] < rows[2]["minute"]
    assert rows[3]["status"] == "finished"
    assert 0 <= rows[3]["test mIoU"] <= 1
    assert 0 <= rows[3]["bicyclist"] <= 1


def test_a_part_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--parts", "curve,nccl", "--device", "cpu", "--camvid", str(tmp_path / "nowhere")]
    rows = check(tmp_path / "out", monkeypatch, *words)
    assert rows["curve"][0]["error"].startswith("CalledProcessError")
    assert rows["nccl"] == [{"processes": 1, "sums": None, "version": None}]


def test_an_unknown_part(refused: Callable[..., str]) -> None:
    sentence = refused("../tools/gpu_check.py", "--out", "x", "--parts", "sped")
    assert sentence == "error: --parts sped: expected some of speed,loader,nccl,resume,curve\n"
