from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_tree import make_tiny, tiny_dataset, tiny_masks

from imbseg.datasets.ids import image_rows
from imbseg.datasets.spec import Dataset, load
from imbseg.errors import InputError
from imbseg.meta.build import build
from imbseg.meta.folds import fold_columns, split_inputs
from imbseg.meta.quality import leaking_groups
from imbseg.meta.read import fold_rows, read_meta
from imbseg.meta.table import image_table, scan_all

CUT = {"classes": ["ball"], "ratio": 0.5}


def images(dataset: Dataset) -> pd.DataFrame:
    rows = image_rows(dataset)
    table = image_table(rows, scan_all(rows, dataset, 1), dataset)
    return table.assign(cluster=pd.array([0] * len(table), "Int64"), kept=1)


def columns(*parts: str) -> list[str]:
    splits = ("random", "skf_major", "skf_cluster", "mskf", "mskf_pixels", "mskf_proportion")
    return [f"{part}/{split}/seed{seed}" for part in parts for split in splits for seed in range(1, 6)]


def test_without_imbalance_and_val_only_full_folds(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    assert list(fold_columns(images(dataset), dataset)) == columns("full")


def test_every_column_and_who_takes_part(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, tiny_masks(14), test=2, val=3, imbalance=CUT)
    table = images(dataset)
    table.loc[table["id"].isin(["000", "004"]), "kept"] = 0
    found = fold_columns(table, dataset)
    given = ["full/given", "imbalanced/given"]
    assert sorted(found) == sorted(columns("full", "imbalanced") + given)
    test, dropped = table["subset"].eq("test"), table["kept"].eq(0)
    for name, column in found.items():
        empty = test if name.startswith("full") else test | dropped
        assert column.dtype == "Int64"
        assert (column.isna() == empty).all(), name
        if name not in given:
            assert sorted(column.dropna().unique()) == [0, 1, 2, 3, 4]
    assert (found["full/given"][table["subset"].eq("val")] == 0).all()
    assert (found["full/given"][table["subset"].eq("train")] == 1).all()


def test_val_and_train_are_pooled(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, tiny_masks(11), val=5)
    column = fold_columns(images(dataset), dataset)["full/random/seed1"]
    assert np.bincount(column.dropna().astype(int)).tolist() == [2, 2, 2, 2, 2]


def test_split_inputs(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    there = split_inputs(images(dataset), dataset)
    assert there["presence"].shape == (8, 3)
    assert there["presence"][0].tolist() == [True, True, True]
    assert there["major_class"][:3].tolist() == ["ball", "ground", "ball"]
    assert there["pixel_counts"].shape == (8, 3)
    assert there["group"].tolist() == ["000", "001", "002", "003", "004", "005", "006", "007"]


@pytest.mark.parametrize(("pattern", "offered"), [("^0(.)", False), ("^.*(.)$", True), (None, False)])
def test_grouped_is_left_out_without_enough_groups(pattern: str | None, offered: bool, tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, tiny_masks(24), group=pattern)  # 24 images in 3 or 10 groups
    found = fold_columns(images(dataset), dataset)
    assert any("/grouped/" in name for name in found) == offered
    if offered:
        numbers = found["full/grouped/seed1"].dropna()
        group = images(dataset)["group"][numbers.index].to_numpy(str)
        assert leaking_groups(group, numbers.to_numpy("int64")) == 0


def test_fewer_train_images_than_folds_are_validated_by_their_own_subset(tmp_path: Path) -> None:
    masks = tiny_masks(4)
    dataset = load(str(make_tiny(tmp_path / "set", masks, val=1)))
    built = build(dataset, tmp_path / "meta", workers=1, seed=1)
    assert [name for name in built.images if name.startswith("full/")] == ["full/given"]
    assert built.images["full/given"].tolist()[:3] == [1, 1, 0]
    assert "Use the split `given`, your own `val` subset: there are fewer train images than folds." in built.diagnosis
    assert fold_rows(read_meta(dataset, tmp_path / "meta"), "full/given", 0)[1]["subset"].tolist() == ["val"]
    alone = load(str(make_tiny(tmp_path / "alone", masks)))
    with pytest.raises(InputError, match="5 folds need at least 5 train images, found 3"):
        build(alone, tmp_path / "none", workers=1, seed=1)
