"""A tiny trained trial predicted again: the very counts of its test, from its network alone; else one sentence."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_trial import make_data, train

from imbseg.datasets.read import read_image, read_mask
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.metrics.counts import image_confusion, load_counts, marginals, save_counts
from imbseg.predict import again as module
from imbseg.predict.again import predict_again
from imbseg.report.questions.examples import examples
from imbseg.runs import collect
from imbseg.runs.strategies import arrange

pytestmark = pytest.mark.slow  # trains a small network twice; `make test` runs them


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """runs/plain and runs/weighted, with the data and their meta beside them."""
    root = tmp_path_factory.mktemp("trained")
    flags = {**make_data(root, 40), "resize": "96x80", "crop": "none", "scale_min": "1", "scale_max": "1",
             "post_hoc": "none", "encoder": "mobilenet_v2"}  # fmt: skip
    train(flags, root / "runs" / "plain")
    weighted = {"loss": "weighted_cross_entropy", "class_weights": "inverse", "lr": "0.05", "encoder_lr": "0.05"}
    train({**flags, **weighted}, root / "runs" / "weighted")  # finds cracks in half of all pixels
    return root


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the first run, to be broken."""
    return Path(shutil.copytree(trained / "runs" / "plain", tmp_path / "plain"))


def change(run: Path, **parameters: object) -> None:
    about = json.loads((run / "trial.json").read_text())
    about["parameters"] |= parameters
    (run / "trial.json").write_text(json.dumps(about))


def test_the_very_counts_of_the_test_in_any_order(trained: Path) -> None:
    run = trained / "runs" / "weighted"
    counts = load_counts(run / "counts_test.npz")
    ids = [str(one) for one in counts.ids][::-1][:4]
    threads = torch.get_num_threads()
    found = predict_again(run, ids)
    assert torch.get_num_threads() == threads
    assert found.doubt == ""
    assert [one.image_id for one in found.images] == ids
    assert all(np.unique(one.prediction).tolist() == [0, 1] for one in found.images)
    dataset = load(str(trained / "cracks" / "cracks.yml"))
    for one in found.images:
        row = counts.ids.tolist().index(one.image_id)
        tp, fp, fn, _ = marginals(image_confusion(one.prediction, one.truth, 2))
        for mine, stored in ((tp, counts.tp), (fp, counts.fp), (fn, counts.fn)):
            np.testing.assert_array_equal(mine, stored[row])
        np.testing.assert_array_equal(one.picture, read_image(dataset.root / "images" / f"{one.image_id}.png"))
        assert one.truth.shape == one.prediction.shape == (64, 64)


def test_predicted_images_have_the_very_confusion_of_the_test(trained: Path, tmp_path: Path, command: Any) -> None:
    run, out, file = trained / "runs" / "weighted", tmp_path / "out", trained / "cracks" / "cracks.yml"
    words = ("--run", run, "--dataset", file, "--subset", "test", "--out", out)
    status, said, complaints = command("predict.py", *words)
    assert (status, complaints) == (0, ""), complaints
    dataset, counts = load(str(file)), load_counts(run / "counts_test.npz")
    ids, confusion = counts.ids.tolist(), np.zeros((2, 2), np.int64)
    assert f"{len(ids)} of {len(ids)} images: {out}" in said
    with (out / "predictions.csv").open(encoding="utf-8") as handle:
        table = {row["image"]: row for row in csv.DictReader(handle)}
    assert list(table) == ids
    for one in ids:
        with Image.open(out / "labels" / f"{one}.png") as picture, Image.open(out / "overlays" / f"{one}.jpg") as other:
            assert (picture.mode, picture.size, other.size) == ("P", (64, 64), (64, 64))
            labels = np.asarray(picture)
        confusion += image_confusion(labels, read_mask(dataset.root / "masks" / f"{one}.png", dataset), 2)[:2]
        assert int(table[one]["pixels:crack"]) == int((labels == 1).sum())
    np.testing.assert_array_equal(confusion, counts.confusion)
    assert (confusion > 0).all()
    assert (out / "doubtful.png").is_file()


def test_counts_of_another_network_leave_a_sentence(run: Path) -> None:
    counts = load_counts(run / "counts_test.npz")
    ids = [str(one) for one in counts.ids][:2]
    counts.tp[0, 0] -= 7
    counts.fn[0, 0] += 7
    save_counts(run / "counts_test.npz", counts)
    assert predict_again(run, ids).doubt.startswith("plain: predicted again, at least 7 of 8192 pixels are others")
    assert predict_again(run, ids[1:]).doubt == ""


def test_examples_of_two_trained_runs(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    group = arrange(collect.collect(trained / "runs"), trained).groups[0]
    first = examples(group, predict_again, tmp_path)
    assert len(first.said) == 1  # the title, and no doubt
    assert first.rows
    assert first.legend[0][0] == "crack"
    monkeypatch.setattr(module, "make_network", None)  # no network can be made any more
    assert examples(group, predict_again, tmp_path) == first
    with pytest.raises(TypeError):
        predict_again(trained / "runs" / "plain", [first.rows[0].title.partition(":")[0]])


def test_data_and_meta_that_moved_are_found(
    run: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = str(load_counts(run / "counts_test.npz").ids[0])
    change(run, root="/nowhere/data")
    monkeypatch.setenv("IMBSEG_ROOT", str(shutil.copytree(trained / "cracks", tmp_path / "moved")))
    assert predict_again(run, [image]).doubt == ""
    change(run, dataset="moved.yml")  # a relative path, from another folder
    assert predict_again(run, [image]).doubt == ""  # by dataset_file
    change(run, meta="/nowhere/meta")
    with pytest.raises(InputError, match=r"data/meta/cracks/.* is missing; make it: python src/make_meta.py"):
        predict_again(run, [image])


def test_what_is_missing_or_broken_is_one_sentence(run: Path, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image, best = str(load_counts(run / "counts_test.npz").ids[0]), run / "best.pt"
    with pytest.raises(InputError, match="'other' is no test image"):
        predict_again(run, ["other"])
    monkeypatch.setenv("IMBSEG_ROOT", str(run))  # a folder without the images
    with pytest.raises(InputError, match=r"image .*images/part\d\d_\d{4}.png: can't be read"):
        predict_again(run, [image])
    monkeypatch.delenv("IMBSEG_ROOT")
    change(run, encoder="resnet18")
    with pytest.raises(InputError, match="holds another network than resnet18 with 2 classes") as told:
        predict_again(run, [image])
    assert "\n" not in str(told.value)
    best.write_bytes(best.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"checkpoint .*best.pt: can't be read"):
        predict_again(run, [image])
    best.unlink()
    with pytest.raises(InputError, match=r"best.pt is missing: .* put it back, or train the trial again"):
        predict_again(run, [image])
    text = (run / "trial.json").read_text()
    (run / "trial.json").write_text(text.replace('"crack"', '"scratch"'))
    with pytest.raises(InputError, match="declares other classes than the trial had"):
        predict_again(run, [image])
    (run / "trial.json").write_text(text.replace('"output_stride"', '"another"'))
    with pytest.raises(InputError, match="lacks 'output_stride'; the run is of another version"):
        predict_again(run, [image])


def test_the_reports_own_process_loads_no_torch_to_read_what_is_kept() -> None:
    import subprocess
    import sys

    source = Path(module.__file__).parents[2]
    code = "import sys, imbseg.report.questions.examples; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=source, check=False).returncode == 0
