"""make_meta.py on real data: CamVid, and a generated tree with the class presence of VOC 2012."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from PIL import Image
from published_tables import PIXEL_COUNTS
from voc_tree import make_voc_tree, read_rows

from imbseg.datasets.spec import REPOSITORY, load
from imbseg.meta.read import Meta, read_meta

SCRIPT = REPOSITORY / "src/make_meta.py"


def make_meta(dataset: str, root: Path, out: Path) -> tuple[Meta, str]:
    command = [sys.executable, str(SCRIPT), "--dataset", dataset, "--root", str(root), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return read_meta(load(dataset, root=str(root)), out), done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("children", [1, 2, 3])  # the first keeps the books of multiprocessing, the others read
def test_ctrl_c_is_answered_once(children: int, shared_data: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--dataset", "camvid", "--root", str(shared_data / "camvid")]
    running = subprocess.Popen(
        [*command, "--workers", "2", "--out", str(tmp_path / "meta")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    while len(psutil.Process(running.pid).children()) < children:
        assert running.poll() is None
        time.sleep(0.002)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does: to the workers too
    assert running.communicate(timeout=60) == ("", "interrupted; start the same command again to go on\n")
    assert running.returncode == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_camvid_equals_an_independent_count(shared_data: Path, tmp_path: Path) -> None:
    meta, told = make_meta("camvid", shared_data / "camvid", tmp_path / "meta")
    assert len(meta.images) == 701
    columns = [f"pixels:{name}" for name in meta.classes["class"]]
    for row in meta.images.to_dict("records"):
        with Image.open(shared_data / "camvid" / row["mask"]) as picture:
            histogram = dict(enumerate(picture.histogram()))  # of a palette image: pixels of each index
        assert [row[column] for column in columns] == [histogram.pop(index) for index in range(11)]
        assert row["pixels:ignore"] == histogram.pop(255)
        assert not any(histogram.values())
        assert (row["height"], row["width"]) == (360, 480)
    assert "by object size (a typical object covers less than 0.5% of its image): pole" in told
    assert "Use the split `given`" in told


@pytest.mark.slow
def test_voc_tree_mskf_beats_random_on_every_class(tmp_path: Path) -> None:
    rows = read_rows(PIXEL_COUNTS)
    make_voc_tree(tmp_path / "VOC2012", rows)
    meta, told = make_meta("voc2012", tmp_path / "VOC2012", tmp_path / "meta")
    train = meta.images[meta.images["subset"] == "train"]
    assert (len(train), len(meta.images)) == (1464, 2913)
    expected = pd.DataFrame([row for row in rows if row["subset"] == "train"])
    names = [name for name in meta.classes["class"] if name != "background"]  # drawn trees have background everywhere
    shown = train[[f"pixels:{name}" for name in names]].to_numpy() > 0
    assert np.array_equal(shown, expected[names].astype(int).to_numpy() > 0)

    def off(split: str) -> np.ndarray:
        folds = [train[f"full/{split}/seed{seed}"].to_numpy("int64") for seed in range(1, 6)]
        whole = shown.mean(axis=0)
        return np.mean([abs(shown[fold == k].mean(axis=0) / whole - 1) for fold in folds for k in range(5)], axis=0)

    assert (off("mskf") < off("random")).all()
    assert off("mskf").mean() < 0.25 * off("random").mean()
    for name, counts in meta.manifest["imbalance"].items():
        kept = train[train["kept"].eq(1) & train[f"pixels:{name}"].gt(0)]
        assert len(kept) == counts["kept"] == counts["target"] == int(0.2 * counts["images"] + 0.5)
        assert f"| {name:<9} |" in told
