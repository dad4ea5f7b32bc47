"""The committed data set files against where their numbers come from, and the generated trees of the tests."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from binary_tree import make_binary_tree
from PIL import Image
from published_tables import METHODS
from voc_tree import CLASSES, draw_masks, make_voc_tree, palette

from imbseg.datasets import spec

REPOSITORY = Path(__file__).resolve().parents[2]


def described(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / f"data/datasets/{name}.yml").read_text(encoding="utf-8"))
    return content


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.array(picture)


@pytest.mark.parametrize("name", ["sample", "camvid", "voc2012"])
def test_each_file_is_read_and_its_groups_hold_every_class_once(name: str) -> None:
    assert spec.load(name, root=str(REPOSITORY)).name == name
    content = described(name)
    grouped = [one for group in content["groups"].values() for one in group]
    assert sorted(grouped) == sorted(one["name"] for one in content["classes"])


def test_voc_has_the_classes_and_colors_of_voc() -> None:
    classes = described("voc2012")["classes"]
    assert tuple(one["name"] for one in classes) == CLASSES
    assert [channel for one in classes for channel in one["color"]] == palette()[:63]


def test_weak_are_the_eight_lowest_means_of_the_published_table() -> None:
    with METHODS.open(newline="") as handle:
        _, *rows = csv.reader(handle)
    means = {name: np.mean([float(value) for value in values]) for name, *values in rows if name != "mean"}
    weak = spec.load("voc2012", root=str(REPOSITORY)).weak
    assert weak is not None
    assert sorted(weak) == sorted(sorted(means, key=lambda name: means[name])[:8])


def test_the_group_of_camvid_is_its_video(shared_data: Path) -> None:
    camvid = spec.load("camvid", root=str(shared_data / "camvid"))
    for subset, videos in (
        ("train", ["0001TP", "0006R0", "0016E5"]),
        ("val", ["0016E5"]),
        ("test", ["0001TP", "Seq05VD"]),
    ):
        ids = (shared_data / f"camvid/ImageSets/Segmentation/{subset}.txt").read_text().split()
        assert sorted({camvid.group_of(image_id) for image_id in ids}) == videos


def test_the_voc_tree_shows_what_its_table_says(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "subset": "train", "background": "700", "cat": "200", "person": "1", "border": "100"},
        {"id": "b", "subset": "train", "background": "0", "sofa": "500", "border": "500"},
        {"id": "c", "subset": "val", "background": "1000"},
    ]
    make_voc_tree(tmp_path, rows, (20, 30))
    shown = {row["id"]: np.unique(pixels(tmp_path / f"SegmentationClass/{row['id']}.png")).tolist() for row in rows}
    assert shown == {"a": [0, 8, 15, 255], "b": [18, 255], "c": [0]}
    assert np.unique(pixels(tmp_path / "SegmentationObject/a.png")).tolist() == [0, 1, 2, 255]
    assert pixels(tmp_path / "JPEGImages/c.jpg").shape == (20, 30, 3)
    assert (tmp_path / "ImageSets/Segmentation/train.txt").read_text().split() == ["a", "b"]


def test_voc_masks_keep_proportions_and_small_classes() -> None:
    mask, _ = draw_masks([500, 300, 1, *[0] * 18], 200, (20, 50))
    assert np.bincount(mask.ravel(), minlength=256)[[0, 1, 2, 255]].tolist() == [499, 300, 1, 200]


def test_the_binary_tree_is_mostly_empty_and_grouped(tmp_path: Path) -> None:
    dataset = spec.load(str(make_binary_tree(tmp_path / "cracks", n=12, size=(20, 30))))
    masks = {path.stem: pixels(path) for path in sorted(dataset.root.glob("masks/*.png"))}
    assert [name for name, mask in masks.items() if mask.any()] == ["part00_0000", "part00_0004", "part01_0008"]
    assert {value for mask in masks.values() for value in np.unique(mask).tolist()} == {0, 255}
    assert [dataset.group_of(name) for name in masks] == ["part00"] * 5 + ["part01"] * 5 + ["part02"] * 2
    assert (dataset.ignore_index, [one.value for one in dataset.classes]) == (None, [0, 255])
