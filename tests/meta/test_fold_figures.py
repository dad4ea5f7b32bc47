from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from binary_tree import make_binary_tree

from imbseg.datasets.spec import load
from imbseg.meta.build import build
from imbseg.meta.figures import fold_count_figure, fold_counts
from imbseg.meta.read import read_meta


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


def test_the_splits_table_is_read_back(tmp_path: Path) -> None:
    dataset = load(str(make_binary_tree(tmp_path, n=40)))
    made = build(dataset, tmp_path / "meta", workers=1, seed=1).splits
    read = read_meta(dataset, tmp_path / "meta").splits
    pd.testing.assert_frame_equal(read, made, check_dtype=False)
