"""components.csv and calibration.csv: what is written comes back, and what another wrote is no table."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from imbseg.metrics.counts import Counts, collect, image_confusion, load_counts, save_counts
from imbseg.metrics.tables import LAYOUTS, load_table, save_tables

CLASSES = ("a,b", 'pole "x"\n')


def counts() -> Counts:
    rng = np.random.default_rng(1)
    plain = collect(["one"], [image_confusion(np.array([[0, 1]]), np.array([[0, 255]]), 2)])
    bins = np.concatenate([rng.integers(0, 9, (2, 15, 2)), rng.random((2, 15, 1))], axis=2)
    return dataclasses.replace(plain, components=rng.integers(0, 9, (2, 2, 3)), calibration=bins)


def test_tables_come_back(tmp_path: Path) -> None:
    found, other = counts(), dataclasses.replace(counts(), components=np.ones((2, 2, 3), np.int64))
    save_tables(tmp_path, {"val": other, "test": found}, CLASSES)
    for name in LAYOUTS:
        np.testing.assert_array_equal(load_table(tmp_path, name, "test", CLASSES), getattr(found, name))
    assert load_table(tmp_path, "components", "val", CLASSES).tolist() == np.ones((2, 2, 3)).tolist()
    written = (tmp_path / "components.csv").read_text().splitlines()
    assert written[:3] == ["subset,class,threshold,tp,fp,fn", 'val,"a,b",0.1,1,1,1', 'val,"a,b",0.5,1,1,1']
    header, first, *_ = (tmp_path / "calibration.csv").read_text().splitlines()
    assert (header, first[:12]) == ("subset,class,bin,pixels,hits,probability", 'val,"a,b",0,')


def test_the_counts_file_holds_none_of_it(tmp_path: Path) -> None:
    save_counts(tmp_path / "with.npz", counts())
    save_counts(tmp_path / "without.npz", dataclasses.replace(counts(), components=None, calibration=None))
    assert (tmp_path / "with.npz").read_bytes() == (tmp_path / "without.npz").read_bytes()
    assert load_counts(tmp_path / "with.npz").components is None


def test_what_was_not_counted_makes_no_file(tmp_path: Path) -> None:
    save_tables(tmp_path, {"val": counts(), "test": dataclasses.replace(counts(), components=None)}, CLASSES)
    assert [file.name for file in tmp_path.iterdir()] == ["calibration.csv"]
    assert load_table(tmp_path, "components", "test", CLASSES) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [("threshold", "iou"), ("test,road,0.5", "test,road,0.6"), ("test,road,0.5,7", "test,road,0.5,-7"),
     ("test,road,0.5,7", "test,road,0.5,seven"), ("test,road,0.5,7,0,0\n", ""), ("0.5,7,0,0", "0.5,7,0")],
)  # fmt: skip
def test_another_table_is_none(tmp_path: Path, before: str, after: str) -> None:
    seven = dataclasses.replace(counts(), components=np.tile([7, 0, 0], (2, 2, 1)))
    save_tables(tmp_path, {"test": seven}, ("NA", "road"))
    text = (tmp_path / "components.csv").read_text()
    assert load_table(tmp_path, "components", "test", ("NA", "road")) is not None
    assert load_table(tmp_path, "components", "test", ("road", "NA")) is None
    assert load_table(tmp_path, "components", "val", ("NA", "road")) is None
    assert before in text
    (tmp_path / "components.csv").write_text(text.replace(before, after))
    assert load_table(tmp_path, "components", "test", ("NA", "road")) is None


def test_bytes_that_are_no_text_are_none(tmp_path: Path) -> None:
    (tmp_path / "components.csv").write_bytes(b"\xff\x00\xfe" * 50)
    assert load_table(tmp_path, "components", "test", CLASSES) is None
