from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_tree import tiny_dataset

from imbseg.meta.quality import deviation, leaking_groups, rarest_class, split_table
from imbseg.meta.rarity import DEVIATIONS, shared_with_test, split_summary


def test_deviation_by_hand() -> None:
    presence = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0]])
    fold = np.array([0, 0, 1, 1])
    assert deviation(presence, np.ones(4, int), fold, folds=2) == pytest.approx([0, 0, np.nan], nan_ok=True)
    fold = np.array([0, 1, 1, 0])  # class 1: share 1 and 0 of folds whose whole has 1/2
    assert deviation(presence, np.ones(4, int), fold, folds=2) == pytest.approx([0, 1, np.nan], nan_ok=True)


def test_deviation_of_pixels_is_relative_to_the_fold_s_pixels() -> None:
    pixels = np.array([[30, 10], [10, 10], [0, 0]])
    # whole: 40/60, 20/60; fold 0: 30/40, 10/40; fold 1: 1/2, 1/2
    expected = [np.mean([0.75 / (2 / 3) - 1, 1 - 0.5 / (2 / 3)]), np.mean([1 - 0.25 * 3, 0.5 * 3 - 1])]
    found = deviation(pixels, pixels.sum(axis=1), np.array([0, 1, 1]), folds=2)
    assert found == pytest.approx(expected)


def test_proportion_counts_a_small_image_as_much_as_a_large_one(tmp_path: Path) -> None:
    table = images().iloc[[0, 4]].assign(**{"full/random/seed1": pd.array([0, 1], "Int64")})
    table["pixels:ground"], table["pixels:ball"], table["pixels:rod"] = [90, 1], [10, 3], 0
    objects = pd.DataFrame({"id": ["a", "e"], "class": ["ball", "ball"]})
    row = split_table(table.drop(columns="full/given"), objects, tiny_dataset(tmp_path)).iloc[0]
    # shares of the images: ground .9 and .25, ball .1 and .75; folds 2, 3 and 4 hold nothing and are off by 1
    ground, ball = (0.9 - 0.575) / 0.575, (0.75 - 0.425) / 0.425
    assert row["deviation_proportion"] == pytest.approx(
        np.mean([(2 * off + 3) / 5 for off in (ground, ball)]), abs=1e-6
    )
    # of all pixels: ground 91/104, ball 13/104
    ground, ball = [0.9 / (91 / 104) - 1, 1 - 0.25 / (91 / 104)], [1 - 0.1 / 0.125, 0.75 / 0.125 - 1]
    assert row["deviation_pixels"] == pytest.approx(np.mean([(sum(off) + 3) / 5 for off in (ground, ball)]), abs=1e-6)


def test_an_empty_fold_is_off_by_everything_and_a_given_subset_is_one_fold() -> None:
    assert deviation(np.ones((2, 1), int), np.ones(2, int), np.array([0, 0]), folds=2) == pytest.approx([0.5])
    presence = np.array([[1], [0], [1], [0]])
    assert deviation(presence, np.ones(4, int), np.array([0, 1, 1, 1]), folds=1) == pytest.approx([1.0])


def test_leaking_groups() -> None:
    group = np.array(["a", "a", "b", "b", "c"])
    assert leaking_groups(group, np.array([0, 1, 2, 2, 1])) == 1
    assert leaking_groups(group, np.array([0, 0, 1, 1, 1])) == 0


def test_rarest_class() -> None:
    presence = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    assert rarest_class(presence, 0) == 1
    assert rarest_class(presence[:, :1], 0) is None
    assert rarest_class(np.zeros((2, 2), bool), None) is None


def images() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": list("abcdef"),
            "subset": ["train"] * 5 + ["test"],
            "group": ["x", "x", "y", "y", "z", "x"],
            "pixels:ground": [9, 9, 9, 9, 9, 9],
            "pixels:ball": [1, 1, 0, 0, 0, 1],
            "pixels:rod": [0, 0, 0, 0, 2, 0],
            "full/random/seed1": pd.array([0, 1, 2, 3, 4, None], "Int64"),
            "full/given": pd.array([1, 1, 0, 0, 1, None], "Int64"),
        }
    )


def test_split_table_by_hand(tmp_path: Path) -> None:
    objects = pd.DataFrame({"id": ["a", "b", "e", "f"], "class": ["ball", "ball", "rod", "ball"]})
    table = split_table(images(), objects, tiny_dataset(tmp_path)).set_index("column")
    row = table.loc["full/random/seed1"]
    counted = ["images", "folds", "smallest_fold", "missing", "groups", "leaking_groups"]
    assert row[counted].tolist() == [5, 5, 1, 2, 3, 2]
    assert (row["rarest_class"], row["rarest_in_smallest"]) == ("rod", 0)
    # ground 0; ball 2/5: |1 - .4| / .4 twice, 1 three times -> 1.2; rod 1/5: 4 once, 1 four times -> 1.6
    assert row["deviation_presence"] == pytest.approx((0 + 1.2 + 1.6) / 3, abs=1e-6)
    assert row["deviation_objects"] == pytest.approx((1.2 + 1.6) / 2, abs=1e-6)
    assert shared_with_test(images()) == 1
    given = table.loc["full/given"]
    assert given[["images", "folds", "smallest_fold", "missing", "leaking_groups"]].tolist() == [5, 1, 2, 2, 0]
    assert given["deviation_presence"] == pytest.approx((0 + 1 + 1) / 3, abs=1e-6)


def test_summary_puts_seeds_together() -> None:
    shared = {"folds": 5, "groups": 3, "rarest_class": "rod"}
    rows = [
        {"column": f"full/mskf/seed{seed}", **shared, "rarest_in_smallest": seed, "missing": seed, "leaking_groups": 1}
        | {f"deviation_{kind}": seed / 10 for kind in DEVIATIONS}
        for seed in (1, 3)
    ]
    summary = split_summary(pd.DataFrame(rows))
    assert list(summary.index) == ["full/mskf"]
    assert summary["deviation_pixels"].tolist() == pytest.approx([0.2])
    assert summary[["rarest_in_smallest", "missing", "leaking_groups"]].to_numpy().tolist() == [[1, 3, 1]]
