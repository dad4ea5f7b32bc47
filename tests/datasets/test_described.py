"""The committed data set files against where their numbers come from, and the generated trees of the tests."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from published_tables import METHODS
from voc_tree import CLASSES, palette

from imbseg.datasets import spec

REPOSITORY = Path(__file__).resolve().parents[2]


def described(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / f"data/datasets/{name}.yml").read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize("name", ["sample", "camvid", "voc2012", "idrid", "coffee"])
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
