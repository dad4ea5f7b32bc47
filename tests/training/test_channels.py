"""Sets of other channels than red, green, blue of 8 bits, from the YAML file to labels of images."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
import yaml
from band_tree import SIX, make_bands, write_png
from small_trial import SMALL, train

import imbseg.predict
from imbseg.datasets.read import read_image
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.meta.build import build
from imbseg.metrics.counts import image_confusion, load_counts, marginals
from imbseg.predict.again import predict_again
from imbseg.predict.many import predict_files
from imbseg.predict.predictor import Predictor, Tiling
from imbseg.training.fold import read_fold
from imbseg.training.limits import limits_of
from imbseg.training.preview import preview
from imbseg.trial import resolve
from imbseg.windows.pixels import Array

Command = Callable[..., tuple[int, str, str]]


def trained(folder: Path, **keys: Any) -> tuple[dict[str, str], Path]:
    """A data set with its meta, and a run on it; its flags and its folder."""
    file = make_bands(folder / "set", **keys)
    build(load(str(file)), folder / "meta", workers=1, seed=1)
    flags = {"dataset": str(file), "meta": str(folder / "meta"), "epochs": "1", "batch_size": "2"}
    flags |= {"strategy": "full/mskf/none/rare", "crop_on_object": "0.5"}
    train(flags, folder / "run")
    return flags, folder / "run"


@pytest.mark.parametrize("keys", [
    {"range": "uint16"}, {"range": {"percentile": [1, 99]}, "shown": ["nir"]},
    {"channels": ["grey"], "write": write_png, "ending": "png"}, {"channels": ["red", "green", "blue"]},
], ids=["uint16", "percentile", "grey", "deep colour"])  # fmt: skip
def test_a_run_labels_its_test_images_as_its_test_did(tmp_path: Path, keys: dict[str, Any]) -> None:
    flags, run = trained(tmp_path, **keys)
    dataset = load(flags["dataset"])
    kept = json.loads((run / "trial.json").read_text())["input"]
    assert kept["channels"] == list(dataset.layout.channels)
    predictor, counts = imbseg.predict.load(str(run)), load_counts(run / "counts_test.npz")
    found = predict_again(run, ["test0", "test2"])
    assert not found.doubt
    for place, name in enumerate(counts.ids.tolist()):
        file = tmp_path / f"set/images/{name}.{keys.get('ending', 'tif')}"
        labels = predictor(read_image(file, None, dataset.layout)).labels
        mask = cv2.imread(str(tmp_path / f"set/masks/{name}.png"), cv2.IMREAD_UNCHANGED)
        tp, fp, fn, _ = marginals(image_confusion(labels, mask, 3))
        np.testing.assert_array_equal([tp, fp, fn], [counts.tp[place], counts.fp[place], counts.fn[place]])
        if name == "test0":
            np.testing.assert_array_equal(found.images[0].prediction, labels)
            assert found.images[0].picture.shape == (64, 80, 3)
    assert not predict_files(predictor, {"x": file}, tmp_path / "out", say=lambda _: None)
    assert cv2.imread(str(tmp_path / "out/overlays/x.jpg")).shape == (64, 80, 3)
    assert preview(resolve({**SMALL, **flags}, {}), tmp_path / "preview.png", 3) == 3


def test_percentiles_are_those_of_the_train_fold_and_are_recorded(tmp_path: Path) -> None:
    flags, run = trained(tmp_path, range={"percentile": [1, 99]})
    made = resolve({**SMALL, **flags}, {})
    fold = read_fold(made.trial, made.dataset)
    pixels = np.concatenate([read_image(path, None, made.dataset.layout).reshape(-1, 6) for path in fold.train.images])
    low, high = np.percentile(pixels, (1, 99), axis=0)
    kept = json.loads((run / "trial.json").read_text())["input"]
    np.testing.assert_allclose([kept["low"], kept["high"]], [low, high])
    assert limits_of(fold.train, made.dataset) == (tuple(kept["low"]), tuple(kept["high"]))
    assert kept["kind"] == "float32"
    file = run / "trial.json"  # a second start takes what the first measured
    file.write_text(file.read_text().replace(str(kept["high"][0]), str(kept["high"][0] + 1)))
    (run / "status.json").unlink()
    train(flags, run)
    assert json.loads(file.read_text())["input"]["high"][0] == kept["high"][0] + 1


def test_other_images_are_one_sentence(tmp_path: Path) -> None:
    _, run = trained(tmp_path)
    predictor = imbseg.predict.load(str(run))
    for image, found in (
        (np.zeros((8, 9, 3), np.uint16), r"uint16 \(8, 9, 3\)"), (np.zeros((8, 9, 6), np.uint8), r"uint8 \(8, 9, 6\)"),
        (np.zeros((8, 9), np.uint16), r"uint16 \(8, 9\)"), ("x.tif", "str"),
    ):  # fmt: skip
        wanted = rf"\(height, width, 6\) uint16, {', '.join(SIX)}"
        with pytest.raises(InputError, match=f"image: expected {wanted}, found {found}"):
            predictor(image)  # type: ignore[arg-type]
    tifffile.imwrite(tmp_path / "two.tif", np.zeros((8, 9, 2), np.uint16), planarconfig="contig", metadata=None)
    (tmp_path / "empty.tif").touch()
    good = tmp_path / "set/images/test0.tif"
    images = {"two": tmp_path / "two.tif", "empty": tmp_path / "empty.tif", "good": good}
    problems = predict_files(predictor, images, tmp_path / "out", say=lambda _: None)
    assert [one.split(": ", 1)[1] for one in problems] == [
        "expected 6 channels (blue, green, red, edge, nir, swir), found 2; mend 'channels'",
        "the file is empty; fetch or export it again",
    ]
    assert (tmp_path / "out/labels/good.png").is_file()


@pytest.mark.parametrize(
    ("key", "value", "found"), [("channels", SIX[::-1], ", ".join(SIX[::-1])), ("range", "uint8", "uint8")]
)
def test_another_order_of_channels_and_other_values_are_refused(
    key: str, value: Any, found: str, tmp_path: Path, refused: Callable[..., str]
) -> None:
    _, run = trained(tmp_path)
    file = tmp_path / "set/bands.yml"
    (tmp_path / "set/other.yml").write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {key: value}))
    words = ("--run", run, "--dataset", tmp_path / "set/other.yml", "--out", tmp_path / "out")
    for script in ("predict.py", "evaluate.py"):
        sentence = refused(script, *words)
        assert f"other.yml: expected the run's {key} (" in sentence
        assert f"), found {found}; mend '{key}'" in sentence
    assert not (tmp_path / "out").exists()


def test_six_bands_in_tiles_are_those_of_the_whole_image(tmp_path: Path) -> None:
    _, run = trained(tmp_path)
    dataset, file = load(str(tmp_path / "set/bands.yml")), tmp_path / "set/images/test0.tif"
    image = np.tile(read_image(file, None, dataset.layout), (3, 2, 1))
    predictor = imbseg.predict.load(str(run), tiling=Tiling((64, 64), 32, always=True))
    stored = predictor.members[0].stored
    torch.manual_seed(1)  # a network that sees no surroundings: tiles change nothing
    pointwise = torch.nn.Conv2d(6, 3, 1)
    member = dataclasses.replace(predictor.members[0], stored=dataclasses.replace(stored, model=pointwise))
    whole, tiled = (Predictor([member], tiling=one)(image) for one in (None, predictor.tiling))
    assert image.dtype == np.uint16
    assert len(list(Predictor([member], tiling=predictor.tiling).bands(Array(image)))) > 1
    np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=1e-6)
    assert len(np.unique(whole.labels)) > 1
    assert not predict_files(predictor, {"x": file}, tmp_path / "out", say=lambda _: None)
    assert cv2.imread(str(tmp_path / "out/labels/x.png"), cv2.IMREAD_UNCHANGED).shape[:2] == (64, 80)


@pytest.mark.slow
@pytest.mark.parametrize("keys", [{}, {"channels": ["grey"], "write": write_png, "ending": "png"}], ids=["six", "grey"])
def test_from_the_yaml_file_to_the_page_and_labels(tmp_path: Path, command: Command, keys: dict[str, Any]) -> None:
    file, meta = make_bands(tmp_path / "set", trial={**SMALL, "crop": 64, "epochs": 1}, **keys), tmp_path / "meta"
    assert command("make_meta.py", "--dataset", file, "--out", meta)[0] == 0
    plan = ("--dataset", file, "--meta", meta, "--hours", "0.2", "--out", tmp_path / "plan.yml")
    assert command("plan_experiment.py", *plan)[0] == 0
    for seed in (1, 2):
        flags = ("--dataset", file, "--meta", meta, "--seed", seed, "--out", tmp_path / f"runs/{seed}")
        assert command("train_nni.py", *flags)[0] == 0
    assert command("report.py", "--runs", tmp_path / "runs", "--out", tmp_path / "report")[0] == 0
    named = ("--run", tmp_path / "runs", "--dataset", file)
    assert command("predict.py", *named, "--subset", "test", "--out", tmp_path / "labels")[0] == 0
    assert command("evaluate.py", *named, "--out", tmp_path / "scores")[0] == 0
    assert (tmp_path / "report/report.html").is_file()
    assert len(list((tmp_path / "labels/labels").iterdir())) == 3
