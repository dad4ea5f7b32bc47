from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from binary_tree import make_binary_tree
from tiny_tree import tiny_dataset, tiny_masks

from imbseg.datasets.spec import Dataset, load
from imbseg.errors import InputError
from imbseg.meta import build as build_module
from imbseg.meta.build import build
from imbseg.meta.read import read_meta

CUT = {"classes": ["ball", "rod"], "ratio": 0.5}
FIRST = ["id", "subset", "image", "mask", "height", "width", "pixels:ground", "pixels:ball", "pixels:rod"]
THEN = ["pixels:ignore", "major_class", "cluster", "group", "kept", "full/random/seed1"]
DRAWN = [
    f"{name}.{kind}"
    for name in ("ceiling", "classes", "cooccurrence", "folds", "object_sizes")
    for kind in ("png", "svg")
]
CSVS = [f"{name}.csv" for name in ("ceiling", "classes", "images", "masks", "objects", "splits")]
WRITTEN = sorted([*DRAWN, *CSVS, "diagnosis.md", "manifest.json"])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def masks_with_odd_ones(n: int = 14) -> dict[str, np.ndarray]:
    masks = tiny_masks(n)
    masks["001"][:] = 0  # empty
    masks["003"][:] = 255  # only ignored
    return masks


def test_writes_everything_as_designed_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path / "raw", masks_with_odd_ones(70), val=3, test=5, imbalance=CUT)
    built = build(dataset, tmp_path / "meta", workers=1, seed=1)
    build(dataset, tmp_path / "two", workers=2, seed=1)
    assert files(tmp_path / "meta") == files(tmp_path / "two")
    assert sorted(files(tmp_path / "meta")) == WRITTEN
    assert list(built.images.columns)[: len(FIRST + THEN)] == FIRST + THEN
    meta = read_meta(dataset, tmp_path / "meta")
    pd.testing.assert_frame_equal(meta.images, built.images, check_dtype=False)
    pd.testing.assert_frame_equal(meta.objects, built.objects, check_dtype=False)
    pd.testing.assert_frame_equal(meta.splits, built.splits, check_dtype=False)
    by_id = meta.images.set_index("id")
    assert by_id.loc["001", "major_class"] == "ground"
    assert by_id.loc["003", "major_class"] == ""
    assert by_id.loc["003", "pixels:ignore"] == 12 * 16
    assert by_id["kept"][by_id["subset"] == "test"].eq(1).all()
    assert by_id["cluster"].isna().tolist() == (by_id["subset"] == "test").tolist()
    assert by_id.loc["000", ["image", "mask", "group"]].tolist() == ["images/000.png", "masks/000.png", "000"]


def test_manifest_says_how_it_was_made(tmp_path: Path, no_figures: None) -> None:
    dataset = tiny_dataset(tmp_path / "raw", masks_with_odd_ones(), imbalance=CUT)
    manifest = build(dataset, tmp_path / "meta", workers=1, seed=7).manifest
    assert manifest["dataset"] == "tiny"
    assert manifest["dataset_sha256"] == dataset.digest
    assert manifest["root"] == str(dataset.root)
    assert manifest["arguments"] == {"seed": 7, "folds": 5, "fold_seeds": [1, 2, 3, 4, 5]}
    assert manifest["clusters"]["k"] >= 2
    # balls in 000, 002 ... 012 (7 of 13 train images), rods in 000, 006, 009, 012: 003 is ignored
    assert manifest["imbalance"]["ball"]["images"] == 7
    assert manifest["imbalance"]["ball"]["target"] == 4
    assert manifest["imbalance"]["rod"] | {"kept": 0} == {"images": 4, "target": 2, "kept": 0}
    assert set(manifest["versions"]) >= {"imbseg", "python", "numpy", "pandas", "scikit-learn"}


def test_binary_data_set(tmp_path: Path, no_figures: None) -> None:
    dataset = load(str(make_binary_tree(tmp_path / "raw", n=48, size=(24, 24))))
    built = build(dataset, tmp_path / "meta", workers=1, seed=1)
    assert built.classes["group"].tolist() == ["head", "tail"]
    assert set(built.images["major_class"]) == {"background", "crack"}
    assert built.images["major_class"].eq("crack").sum() == 12
    assert "27 of 36 train images (75%) have no foreground class" in built.diagnosis
    assert not any(name.startswith("imbalanced/") for name in built.images)


def test_a_data_set_of_only_ignored_pixels_is_bad_input(tmp_path: Path) -> None:
    masks = {f"{number}": np.full((8, 8), 255, np.uint8) for number in range(8)}
    with pytest.raises(InputError, match="no train image has a labelled pixel"):
        build(tiny_dataset(tmp_path / "raw", masks), tmp_path / "meta", workers=1, seed=1)


def test_a_data_set_that_shows_nothing_at_all(tmp_path: Path) -> None:
    masks = {f"{number}": np.zeros((8, 8), np.uint8) for number in range(8)}
    dataset = tiny_dataset(tmp_path / "raw", masks, imbalance=CUT)
    built = build(dataset, tmp_path / "meta", workers=1, seed=1)
    assert built.objects.empty
    assert built.manifest["clusters"]["k"] == 1
    assert "No train image shows" in built.diagnosis
    assert read_meta(dataset, tmp_path / "meta").objects.empty


def test_old_meta_is_replaced_and_nothing_else(tmp_path: Path, no_figures: None) -> None:
    dataset = tiny_dataset(tmp_path / "raw")
    build(dataset, tmp_path / "out/meta", workers=1, seed=1)
    (tmp_path / "out/meta/stale.png").write_bytes(b"")
    build(dataset, tmp_path / "out/meta", workers=1, seed=2)
    assert "stale.png" not in files(tmp_path / "out/meta")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["meta"]


def failing(dataset: Dataset, out: Path, monkeypatch: pytest.MonkeyPatch) -> OSError:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(build_module, "_draw", full)
    with pytest.raises(OSError, match="No space left") as error:
        build(dataset, out, workers=1, seed=1)
    return error.value


@pytest.mark.parametrize("there", [False, True])
def test_an_error_while_writing_leaves_what_was_there(
    there: bool, tmp_path: Path, no_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, out = tiny_dataset(tmp_path / "raw"), tmp_path / "out/meta"
    if there:
        build(dataset, out, workers=1, seed=1)
    before = files(out) if there else {}
    error = failing(dataset, out, monkeypatch)
    assert error.filename == str(out)
    assert (files(out) if there else {}) == before
    assert [path.name for path in out.parent.iterdir()] == ["meta"] * there
