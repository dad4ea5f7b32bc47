from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_tree import tiny_dataset

from imbseg.datasets.ids import image_rows
from imbseg.datasets.spec import ClassSpec, Dataset
from imbseg.meta.classes import class_table, gini, ginis, groups, object_counts, object_shares, typical_size
from imbseg.meta.rarity import classes_rare_by, empty_images, rare_by
from imbseg.meta.table import image_table, object_table, scan_all


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return tiny_dataset(tmp_path)


@pytest.fixture
def tables(dataset: Dataset) -> tuple[pd.DataFrame, pd.DataFrame]:
    rows = image_rows(dataset)
    scans = scan_all(rows, dataset, 1)
    return image_table(rows, scans, dataset).assign(kept=1), object_table(rows, scans, dataset)


def named(dataset: Dataset, names: list[str], background: str | None) -> Dataset:
    classes = tuple(ClassSpec(name=name, value=index) for index, name in enumerate(names))
    return dataset.model_copy(update={"classes": classes, "background": background})


def test_counts_are_those_of_the_train_pool(dataset: Dataset, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    # 7 train images (000..006): balls in 000, 002, 004, 006, rods in 000, 003, 006; test 007 shows neither
    table = class_table(*tables, dataset).set_index("class")
    assert table["images"].to_dict() == {"ground": 7, "ball": 4, "rod": 3}
    assert table["objects"].to_dict() == {"ground": 0, "ball": 4, "rod": 3}
    assert table["pixels"].to_dict() == {"ground": 7 * 180 - 24 - 12, "ball": 24, "rod": 12}
    assert table.loc["ball", "image_share"] == round(4 / 7, 6)
    assert table.loc["rod", "object_share"] == round(3 / 7, 6)
    assert table.loc["rod", "pixel_share"] == round(12 / (7 * 180), 6)
    assert table.loc["rod", "object_size"] == round(4 / 192, 6)
    assert np.isnan(table.loc["ground", "object_size"])
    assert table["test_images"].to_dict() == {"ground": 1, "ball": 0, "rod": 0}
    assert table["group"].to_dict() == {"ground": "head", "ball": "head", "rod": "tail"}
    assert not [column for column in table if column.endswith("_imbalanced")]


def test_counts_after_the_imbalance(tmp_path: Path, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    dataset = tiny_dataset(tmp_path / "cut", imbalance={"classes": ["ball"], "ratio": 0.5})
    images, objects = tables
    table = class_table(images.assign(kept=[0, 1, 0, 1, 1, 1, 1, 1]), objects, dataset).set_index("class")
    assert table["images_imbalanced"].to_dict() == {"ground": 5, "ball": 2, "rod": 2}
    assert table.loc["ball", "image_share_imbalanced"] == 0.4
    assert table.loc["ball", "pixels_imbalanced"] == 12


@pytest.mark.parametrize(
    ("pixels", "background", "expected"),
    [
        ([900, 5], "0", ["head", "tail"]),
        ([900, 5], None, ["head", "tail"]),
        ([900], None, ["tail"]),
        ([1, 9, 4, 6], None, ["tail", "head", "medium", "medium"]),
        ([99, 1, 9, 4], "0", ["head", "tail", "head", "medium"]),
        ([5, 4, 3, 2, 1], None, ["head", "head", "medium", "tail", "tail"]),
        ([3, 0, 3], None, ["medium", "tail", "head"]),
    ],
)
def test_groups_in_thirds(pixels: list[int], background: str | None, expected: list[str], dataset: Dataset) -> None:
    names = [str(index) for index in range(len(pixels))]
    assert groups(np.array(pixels), named(dataset, names, background)) == expected


def test_declared_groups_win(dataset: Dataset) -> None:
    declared = dataset.model_copy(update={"groups": {"head": ("rod",), "medium": (), "tail": ("ball",)}})
    assert groups(np.array([9, 8, 7]), declared) == ["", "tail", "head"]


def test_gini_by_hand() -> None:
    assert gini(np.array([1, 3])) == 0.25  # |1 - 3| * 2 / (2 * 4 * 2)
    assert gini(np.array([0, 0])) == 0.0
    values = np.random.default_rng(0).integers(0, 50, 9)
    mean_difference = np.abs(values[:, None] - values).mean()
    assert gini(values) == pytest.approx(mean_difference / (2 * values.mean()), abs=1e-6)


def test_ginis_leave_background_out(dataset: Dataset, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    found = ginis(class_table(*tables, dataset), dataset)
    assert found == {"images": gini(np.array([4, 3])), "objects": gini(np.array([4, 3])), "pixels": gini([24, 12])}


def test_typical_size_is_where_half_of_the_pixels_lie(dataset: Dataset) -> None:
    images = pd.DataFrame({"id": ["a", "b"], "height": [10, 20], "width": [10, 20]})
    objects = pd.DataFrame({"id": ["a", "a", "b", "c"], "class": ["ball"] * 4, "pixels": [1, 1, 8, 99]})
    # shares .01 (1 pixel), .01 (1), .02 (8): of 10 pixels the fifth lies in the largest; c is no image of these
    assert typical_size(images, objects, dataset) == pytest.approx([np.nan, 0.02, np.nan], nan_ok=True)
    assert object_shares(images, objects)["share"].tolist() == [0.01, 0.01, 0.02]
    assert object_counts(images, objects, dataset).tolist() == [[0, 2, 0], [0, 1, 0]]


def test_three_kinds_of_rare(dataset: Dataset) -> None:
    columns = ["class", "images", "pixels", "pixel_share", "object_size"]
    table = pd.DataFrame([("ground", 400, 9000, 0.9, np.nan), ("ball", 300, 700, 0.07, 0.1),
                          ("rod", 300, 30, 0.003, 0.004), ("star", 49, 300, 0.03, 0.1)], columns=columns)  # fmt: skip
    table["rare_by"] = rare_by(table, dataset)
    assert table["rare_by"].tolist() == ["", "", "pixels size", "images pixels"]
    assert classes_rare_by(table, "pixels") == ["rod", "star"]
    assert classes_rare_by(table, "images") == ["star"]
    assert classes_rare_by(table, "size") == ["rod"]


def test_empty_images(dataset: Dataset, tables: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    assert empty_images(tables[0], dataset) == (2, 7)  # 001 and 005
    assert empty_images(tables[0], dataset.model_copy(update={"background": None})) == (0, 7)
