"""Masks that changed since meta was made: training, preview, plan and preflight say so; a copy is the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image
from tiny_tree import tiny_dataset

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.manager import preflight
from imbseg.meta import build as build_module
from imbseg.meta import unchanged
from imbseg.meta.build import build
from imbseg.training.fold import read_fold
from imbseg.trial import resolve


@pytest.fixture
def made(tmp_path: Path, no_figures: None) -> Dataset:
    dataset = tiny_dataset(tmp_path / "raw")
    build(dataset, tmp_path / "meta", workers=1, seed=1)
    return dataset


def relabel(root: Path, name: str = "003", keep: tuple[int, int] | None = None) -> None:
    """Draw a mask anew; keep: the times that it then has."""
    path = root / f"masks/{name}.png"
    mask = np.array(Image.open(path))
    mask[9:11, 9:11] = 1
    Image.fromarray(mask).save(path)
    if keep:
        os.utime(path, ns=keep)


def test_masks_as_they_were_are_not_read(made: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "mask_digest", None)  # reading one would fail
    unchanged.check_masks(made, tmp_path / "meta")


def test_a_mask_that_changed_is_named_and_the_others_are_counted(made: Dataset, tmp_path: Path) -> None:
    relabel(made.root)
    with pytest.raises(InputError, match=r"^1 of 8 masks changed since .*003.png\).*: python src/make_meta"):
        unchanged.check_masks(made, tmp_path / "meta")
    for name in ("000", "001", "002", "004"):
        relabel(made.root, name)
    with pytest.raises(InputError, match=r"^5 of 8 masks changed .*000.png, .*001.png, .*002.png and 2 more\)"):
        unchanged.check_masks(made, tmp_path / "meta")


def test_a_copy_with_other_times_is_the_same_and_a_changed_one_is_not(made: Dataset, tmp_path: Path) -> None:
    shutil.copytree(made.root, tmp_path / "copy", copy_function=shutil.copy)
    for path in (tmp_path / "copy/masks").iterdir():
        os.utime(path, ns=(1, 1))
    copied = made.model_copy(update={"root": tmp_path / "copy"})
    unchanged.check_masks(copied, tmp_path / "meta")
    relabel(tmp_path / "copy", keep=(1, 1))
    with pytest.raises(InputError, match=r"1 of 8 masks changed"):
        unchanged.check_masks(copied, tmp_path / "meta")


def test_what_is_missing_is_told_by_whoever_needs_it(made: Dataset, tmp_path: Path) -> None:
    (made.root / "masks/000.png").unlink()
    unchanged.check_masks(made, tmp_path / "meta")
    (tmp_path / "meta" / unchanged.FILE).unlink()  # meta of an earlier version
    relabel(made.root)
    unchanged.check_masks(made, tmp_path / "meta")


def test_a_mask_that_changes_while_meta_is_made_is_noticed(
    made: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = build_module.image_table
    monkeypatch.setattr(build_module, "image_table", lambda *given: relabel(made.root) or original(*given))
    build(made, tmp_path / "meta", workers=1, seed=1)
    with pytest.raises(InputError, match=r"1 of 8 masks changed"):
        unchanged.check_masks(made, tmp_path / "meta")


def test_training_preview_preflight_and_plan_refuse(tmp_path: Path, no_figures: None, refused) -> None:
    file = make_binary_tree(tmp_path / "data", n=20, size=(64, 64))
    flags = {"dataset": str(file), "meta": str(tmp_path / "meta"), "encoder": "resnet18", "encoder_weights": "none"}
    resolved = resolve(flags | {"strategy": "full/random/none/none"}, {})
    build(resolved.dataset, tmp_path / "meta", workers=1, seed=1)
    preflight.check_data([resolved])
    read_fold(resolved.trial, resolved.dataset)  # what training and preview start with
    mask = next((tmp_path / "data/masks").iterdir())
    Image.fromarray(255 - np.array(Image.open(mask))).save(mask)
    for check in (preflight.check_data, lambda _: read_fold(resolved.trial, resolved.dataset)):
        with pytest.raises(InputError, match=r"1 of 20 masks changed since their meta"):
            check([resolved])
    given = ("--dataset", file, "--meta", tmp_path / "meta", "--out", tmp_path / "plan.yml")
    assert "1 of 20 masks changed since their meta" in refused("plan_experiment.py", *given)
