"""Figures of meta: an image of each class, validation images a fold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from binary_tree import make_binary_tree
from PIL import Image
from plain_meta import build

from imbseg.datasets.spec import load
from imbseg.meta.figures import fold_count_figure, fold_counts
from imbseg.meta.gallery import image_of_each_class
from imbseg.meta.read import read_meta
from imbseg.pictures import contact_sheet


def test_the_image_that_shows_most_of_each_class_the_rarest_first(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path, n=16, size=(48, 64))
    mask = np.zeros((48, 64), np.uint8)
    mask[:24] = 255
    Image.fromarray(mask).save(tmp_path / "masks" / "part00_0004.png")  # more crack than any line
    dataset = load(str(file))
    build(dataset, tmp_path / "meta")
    found = image_of_each_class(dataset, read_meta(dataset, tmp_path / "meta"))
    assert [one.image_id for one in found] == ["part00_0004", "part00_0001"]  # 0001: the first that is all background
    np.testing.assert_array_equal(found[0].mask, mask // 255)
    assert contact_sheet(found, dataset, "both").size[0] >= 480


def test_validation_images_of_each_class_by_hand(tmp_path: Path) -> None:
    dataset = load(str(make_binary_tree(tmp_path, n=4)))
    pool = pd.DataFrame({
        "pixels:background": [9, 9, 0, 9, 9, 9],
        "pixels:crack": [1, 0, 5, 0, 2, 7],
        "full/random/seed1": pd.array([0, 0, 1, 2, 4, None], "Int64"),  # the last takes no part
    })  # fmt: skip
    found = fold_counts(pool, dataset, "full/random/seed1")
    np.testing.assert_array_equal(found, [[2, 0, 1, 0, 1], [1, 1, 0, 0, 1]])
    axis, *_ = fold_count_figure(pool, dataset, ["random"]).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["crack", "background"]  # the rarest on top
    assert [text.get_text() for text in axis.texts] == ["1", "1", "0", "0", "1", "2", "0", "1", "0", "1"]
