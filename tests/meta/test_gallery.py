from __future__ import annotations

from pathlib import Path

import numpy as np
from binary_tree import make_binary_tree
from PIL import Image

from imbseg.datasets.spec import load
from imbseg.meta.build import build
from imbseg.meta.gallery import image_of_each_class
from imbseg.meta.read import read_meta
from imbseg.pictures import Sample, contact_sheet


def test_the_image_that_shows_most_of_each_class_the_rarest_first(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path, n=16, size=(48, 64))
    mask = np.zeros((48, 64), np.uint8)
    mask[:24] = 255
    Image.fromarray(mask).save(tmp_path / "masks" / "part00_0004.png")  # more crack than any line
    dataset = load(str(file))
    build(dataset, tmp_path / "meta", workers=1, seed=1)
    found = image_of_each_class(dataset, read_meta(dataset, tmp_path / "meta"))
    assert [one.image_id for one in found] == ["part00_0004", "part00_0001"]  # 0001: the first that is all background
    np.testing.assert_array_equal(found[0].mask, mask // 255)
    assert contact_sheet(found, dataset, "both").size[0] >= 480


def test_pictures_of_different_sizes_do_not_overlap(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path, n=8, size=(32, 32))
    dataset = load(str(file))
    wide, high = (np.full(shape, 1, np.uint8) for shape in ((200, 300), (300, 200)))
    samples = [Sample(name, np.repeat(mask[..., None], 3, 2), mask) for name, mask in (("w", wide), ("h", high))]
    sheet = contact_sheet([samples[0], samples[1]], dataset, "t")
    assert sheet.size == contact_sheet([samples[1], samples[0]], dataset, "t").size
