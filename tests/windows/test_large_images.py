"""Large TIFFs from the YAML file to the page and labels: no command reads one as a whole."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from large_tree import make_large
from small_trial import SMALL

import imbseg.predict
from imbseg.datasets.read import read_image, read_mask
from imbseg.datasets.spec import load
from imbseg.metrics.counts import image_confusion, load_counts, marginals
from imbseg.predict.again import predict_again

REPOSITORY = Path(__file__).resolve().parents[2]
Command = Callable[..., tuple[int, str, str]]
TRIAL = {**SMALL, "strategy": "full/given/rare_class/rare", "epochs": "1", "crop": "64", "paste_min_pixels": "9",
         "rare_objects": "200"}  # fmt: skip
MOST_MB = 1500
# A process counts what its parent took before it as its own peak, so it is started by a small one.
MEASURED = """
import os, subprocess, sys
_, status, usage = os.wait4(subprocess.Popen([sys.executable, *sys.argv[1:]]).pid, 0)
print(usage.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run_all(folder: Path, file: Path, run: Callable[..., None]) -> None:
    """make_meta, plan, training, report, predict."""
    meta, runs, named = folder / "meta", folder / "runs", ("--run", folder / "runs/1")
    run("make_meta.py", "--dataset", file, "--out", meta)
    flags = ("--dataset", file, "--meta", meta)
    run("plan_experiment.py", *flags, "--hours", "3", "--out", folder / "plan.yml")
    run("train_nni.py", *flags, "--samples_per_image", "2", "--out", folder / "runs/1")
    run("report.py", "--runs", runs, "--out", folder / "report")
    run("predict.py", *named, "--dataset", file, "--subset", "test", "--out", folder / "labels")


def check_all(folder: Path, name: str) -> None:
    counts = load_counts(folder / "runs/1/counts_test.npz")
    truth = tifffile.imread(folder / f"set/masks/{name}.tif")
    labels = read_mask(folder / f"labels/labels/{name}.png", load(str(folder / "set/large.yml")))
    tp, fp, fn, _ = marginals(image_confusion(labels, truth, 3))
    np.testing.assert_array_equal([tp, fp, fn], [counts.tp[0], counts.fp[0], counts.fn[0]])
    with (folder / "runs/1/draws.csv").open() as handle:
        drawn = next(csv.DictReader(handle))
    assert int(drawn["samples:rod"]) >= int(drawn["samples"]) // 4  # half are drawn for a class, alike
    assert (folder / "report/report.html").is_file()


@pytest.mark.slow
def test_from_the_yaml_file_to_labels(tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"train0": (400, 440), "val0": (330, 300), "val1": (64, 64), "test0": (310, 330)}
    sizes |= {f"train{number}": (64, 64) for number in (1, 2)}
    file = make_large(tmp_path / "set", sizes, trial=TRIAL)
    monkeypatch.setattr("imbseg.windows.pixels.WHOLE", 10_000)
    monkeypatch.setattr("imbseg.predict.predictor.MOST_INPUT", 10_000)
    monkeypatch.setattr("imbseg.windows.source.SHOWN", 200)
    monkeypatch.setattr("imbseg.predict.again.SHOWN", 200)

    def run(*words: object) -> None:
        status, said, complaint = command(*words)
        assert status == 0, (words, said, complaint)

    run_all(tmp_path, file, run)
    check_all(tmp_path, "test0")
    run("evaluate.py", "--run", tmp_path / "runs/1", "--out", tmp_path / "scores")
    counts, scored = (load_counts(tmp_path / one) for one in ("runs/1/counts_test.npz", "scores/counts.npz"))
    for one in ("tp", "fp", "fn", "confusion"):
        np.testing.assert_array_equal(getattr(counts, one), getattr(scored, one))
    found = predict_again(tmp_path / "runs/1", ["test0"])
    assert (found.doubt, found.images[0].step) == ("", 2)
    image, truth = read_image(tmp_path / "set/images/test0.tif"), tifffile.imread(tmp_path / "set/masks/test0.tif")
    np.testing.assert_array_equal(found.images[0].picture, image[::2, ::2])
    np.testing.assert_array_equal(found.images[0].truth, truth[::2, ::2])
    labels = imbseg.predict.load(str(tmp_path / "runs/1"))(image).labels
    np.testing.assert_array_equal(found.images[0].prediction, labels[::2, ::2])


@pytest.mark.long
def test_two_of_8000_by_8000_take_little_memory(tmp_path: Path) -> None:
    small = dict.fromkeys(("train1", "train2", "val0", "val1"), (256, 200))
    trial = {**TRIAL, "crop": "128", "architecture": "linknet", "post_hoc": "none"}
    sizes = {"train0": (8000, 8000), **small, "test0": (8000, 8000)}
    file = make_large(tmp_path / "set", sizes, tile=256, every=400, trial=trial)
    peaks: dict[str, float] = {}

    def run(script: str, *words: Any) -> None:
        """A process of its own, and what it took at most."""
        done = subprocess.run([sys.executable, "-c", MEASURED, f"src/{script}", *map(str, words)], cwd=REPOSITORY,
                              text=True, capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        peaks[script] = float(done.stdout.splitlines()[-1])

    run_all(tmp_path, file, run)
    print({script: round(one) for script, one in peaks.items()})
    assert max(peaks.values()) < MOST_MB, peaks
    check_all(tmp_path, "test0")
