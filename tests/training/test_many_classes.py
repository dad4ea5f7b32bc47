"""More than 255 classes: masks of 16 bits, indices of int16 with -1 for ignored pixels, and memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
import yaml
from small_trial import SMALL, train
from tiny_tree import write_list

import imbseg.predict
from imbseg.datasets.decoded import entries, read_pair
from imbseg.datasets.labels import ignored_in, label_counts, label_type
from imbseg.datasets.read import read_mask
from imbseg.datasets.readers.label_tiff import write_labels
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.losses import LOSSES
from imbseg.losses.cross_entropy import cross_entropy
from imbseg.meta.build import build
from imbseg.metrics.counts import image_confusion, load_counts, marginals
from imbseg.pictures import distinct_colors
from imbseg.predict.many import predict_files
from imbseg.trial import Trial
from imbseg.trial.room import check_evaluation, check_room, free_memory

Command = Callable[..., tuple[int, str, str]]


def make_many(root: Path, classes: int, /, *, images: int = 12, side: int = 64, **keys: Any) -> Path:
    """Squares of 8 x 8 pixels, each of one class; the first row of pixels is ignored (65535); values begin at 1,000."""
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    names = [f"{number:02d}" for number in range(images)]
    for number, name in enumerate(names):
        squares = (np.arange((side // 8) ** 2) + number * (side // 8) ** 2) % classes
        mask = np.kron(squares.reshape(side // 8, -1), np.ones((8, 8), int)).astype(np.uint16) + 1_000
        mask[0] = 65_535
        picture = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
        cv2.imwrite(str(root / f"images/{name}.png"), picture)
        cv2.imwrite(str(root / f"masks/{name}.png"), mask)
    write_list(root / "train.txt", names[:-2])
    write_list(root / "test.txt", names[-2:])
    spec = {
        "root": str(root), "images": "images/{id}.png", "masks": "masks/{id}.png", "ignore_index": 65_535,
        "subsets": {"train": "train.txt", "test": "test.txt"},
        "classes": [{"name": f"c{number}", "value": 1_000 + number} for number in range(classes)],
    } | keys  # fmt: skip
    (root / "many.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return root / "many.yml"


def test_masks_of_16_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load(str(make_many(tmp_path / "x", 300)))
    mask = read_mask(tmp_path / "x/masks/05.png", dataset)
    assert (mask.dtype, mask[0, 0], mask[1, 0], mask[8, 0], ignored_in(mask)) == (np.int16, -1, 20, 28, -1)
    counts = label_counts(mask, 300)
    assert (len(counts), counts[20], counts[28], counts[19], counts[-1]) == (301, 56, 64, 0, 64)
    monkeypatch.setenv("IMBSEG_CACHE", str(tmp_path / "cache"))
    files = tmp_path / "x/images/05.png", tmp_path / "x/masks/05.png"
    kept = entries(dataset, [files[0]], [(64, 64)], megabytes=1)[files[0]]
    for _ in range(2):
        np.testing.assert_array_equal(read_pair(*files, dataset, kept)[1], mask)
    cv2.imwrite(str(files[1]), np.full((64, 64), 1_300, np.uint16))
    with pytest.raises(InputError, match=r"05.png: value 1300 is no class value \(1000..1299\) nor the ignore index"):
        read_mask(files[1], dataset)


def test_the_ignored_grey_of_colours_has_8_bits(tmp_path: Path) -> None:
    classes = [{"name": "a", "color": [0, 0, 0]}, {"name": "b", "color": [1, 1, 1]}]
    file = make_many(tmp_path / "x", 2, images=3, mask_encoding="rgb", ignore_index=256, classes=classes)
    with pytest.raises(InputError, match=r"ignore_index: of colours it is a grey of 0..255, found 256"):
        load(str(file))


def test_few_classes_of_large_numbers_stay_bytes(tmp_path: Path) -> None:
    dataset = load(str(make_many(tmp_path / "x", 3)))
    mask = read_mask(tmp_path / "x/masks/00.png", dataset)
    assert (mask.dtype, mask[0, 0], mask[1].tolist()[:17:8]) == (np.uint8, 255, [0, 1, 2])


def test_types() -> None:
    assert [str(label_type(classes)) for classes in (1, 255, 256, 32767)] == ["uint8", "uint8", "int16", "int16"]


@pytest.mark.parametrize("loss", list(LOSSES))
def test_ignored_pixels_of_a_loss(loss: str) -> None:
    """What is ignored changes no loss, whatever stands there: as with 255 of few classes."""
    torch.manual_seed(0)
    logits, target = torch.randn(1, 300, 8, 8), torch.randint(0, 300, (1, 8, 8))
    target[0, :4] = -1
    given: dict[str, Any] = {
        **LOSSES.settings(loss),
        "class_weights": None,
        "class_priors": torch.full((300,), 1 / 300),
    }
    given |= {"object_area": torch.full((1, 8, 8), 0.1), "target": target}
    values = []
    for place in (0.0, 5.0):
        moved = logits.clone()
        moved[0, 7, :4] += place
        torch.manual_seed(1)
        values.append(LOSSES.call(loss, {**given, "logits": moved}))
    assert math.isfinite(values[0])
    torch.testing.assert_close(values[0], values[1])


def test_cross_entropy_of_300_classes_by_hand() -> None:
    target = torch.tensor([[[299, -1]]])
    assert cross_entropy(torch.zeros(1, 300, 1, 2), target, class_weights=None).item() == pytest.approx(math.log(300))


def test_colours_come_again_and_labels_have_16_bits(tmp_path: Path) -> None:
    colors = distinct_colors(300)
    assert len(set(colors[:223])) == 223
    assert colors[223:] == colors[:77]
    labels = np.arange(300 * 2, dtype=np.int16).reshape(2, 300) % 300
    write_labels(tmp_path / "x.tif", [labels], (2, 300), np.array(colors, np.uint8), [], big_endian=False)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "x.tif"), labels)


def test_logits_that_do_not_fit_are_refused_with_the_crop_that_does() -> None:
    trial = Trial(batch_size=2, crop=(512, 512), architecture="unet")
    check_room(trial, 1000, 2 * 2 * 1000 * 512 * 512 * 4)
    check_room(trial, 1000, None)
    words = "logits of 2 samples of 512x512 pixels and 1000 classes take 2.1 GB, more than half of the 1.0 GB of free "
    words += "memory; take a crop of 224x224, or a smaller batch_size"
    with pytest.raises(InputError, match=words):  # 250 x 250 would fit: 224 is the multiple of 32 below
        check_room(trial, 1000, 10**9)
    with pytest.raises(InputError, match="; take a smaller batch_size"):
        check_room(trial, 1000, 10**6)
    assert (free_memory(torch.device("cpu")) or 0) > 10**6


def test_the_logits_of_an_evaluation_are_refused_with_what_fits() -> None:
    trial, big = Trial(resize=(1000, 500), crop=(256, 256), batch_size=4), (2000, 1000)
    # 4 inputs of half a million pixels and one image of two: 4 million, of 100 classes 1.6 GB
    check_evaluation(trial, 100, [big] * 9, 3_200_000_000)
    check_evaluation(trial, 100, [big] * 9, None)
    check_evaluation(trial, 100, [], 1)
    check_evaluation(trial, 100, [big] * 2, 2_400_000_000)
    words = r"logits of 4 images of 1000x500 pixels and 100 classes, .*, take 1\.6 GB, .* 3\.0 GB of free memory; "
    with pytest.raises(InputError, match=words + "take a batch_size of 3$"):
        check_evaluation(trial, 100, [big] * 9, 3_000_000_000)
    with pytest.raises(InputError, match=r"; take resize 500x250, or cut the images in parts$"):
        check_evaluation(trial, 100, [big] * 9, 1_800_000_000)
    with pytest.raises(InputError, match="; cut the images in parts, or save them as tiled TIFFs"):
        check_evaluation(trial, 100, [big] * 9, 1_600_000_000)


def test_a_run_of_300_classes_labels_as_its_test_did(tmp_path: Path) -> None:
    file = make_many(tmp_path / "x", 300)
    build(load(str(file)), tmp_path / "meta", workers=1, seed=1)
    flags = {"dataset": str(file), "meta": str(tmp_path / "meta"), "epochs": "1", "batch_size": "2"}
    train({**flags, "split": "random", "strategy": "full/random/none/rare", "paste_min_pixels": "9"}, tmp_path / "run")
    predictor, counts = imbseg.predict.load(str(tmp_path / "run")), load_counts(tmp_path / "run/counts_test.npz")
    picture = cv2.imread(str(tmp_path / "x/images/11.png"), cv2.IMREAD_COLOR_RGB)
    labels = predictor(picture).labels
    assert labels.dtype == np.int16
    mask = read_mask(tmp_path / "x/masks/11.png", load(str(file)))
    place = counts.ids.tolist().index("11")
    tp, fp, fn, _ = marginals(image_confusion(labels, mask, 300))
    np.testing.assert_array_equal([tp, fp, fn], [counts.tp[place], counts.fp[place], counts.fn[place]])
    assert not predict_files(predictor, {"x": tmp_path / "x/images/11.png"}, tmp_path / "out", say=lambda _: None)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "out/labels/x.png"), cv2.IMREAD_UNCHANGED), labels)


@pytest.mark.slow
@pytest.mark.parametrize("classes", [320, pytest.param(1_000, marks=pytest.mark.long)])
def test_many_classes_from_the_yaml_file_to_the_page(classes: int, tmp_path: Path, command: Command) -> None:
    settings = SMALL | {"crop": "128", "batch_size": "2", "epochs": "1", "strategy": "full/random/none/none"}
    file = make_many(tmp_path / "x", classes, side=128, trial=settings)
    meta = ("--dataset", file, "--meta", tmp_path / "meta")
    assert command("make_meta.py", "--dataset", file, "--out", tmp_path / "meta")[0] == 0
    for loss in ("cross_entropy", "focal"):
        flags = ("--loss", loss, "--seed", 1, "--out", tmp_path / "runs" / loss)
        assert command("train_nni.py", *meta, *flags)[0] == 0
    assert command("report.py", "--runs", tmp_path / "runs", "--out", tmp_path / "report")[0] == 0
    text = (tmp_path / "report/report.md").read_text()
    assert f"The figure has 200 of {classes:,} classes: the largest differences either way of each strategy." in text
    with (tmp_path / "report/strategies.csv").open() as file:
        levels = sum(name.startswith("val/IoU/c") and name.endswith("mean") for name in file.readline().split(","))
    assert levels == classes
    assert f"IoU, precision and recall of every class; the first 600 of {2 * classes:,} rows, the file has all" in text
    assert (tmp_path / "report/class_profile.csv").read_text().count("\n") == 1 + 2 * classes
    assert (tmp_path / "report/report.html").stat().st_size < 5_000_000
