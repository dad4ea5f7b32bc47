"""The contact sheet: the very samples of training, legible masks, and bad flags."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image
from plain_meta import build
from small_trial import words_of

from imbseg.datasets.spec import ClassSpec, load
from imbseg.models.weights import IMAGENET
from imbseg.pictures import class_colors, color_mask, contact_sheet
from imbseg.sampling.order import EpochBatches
from imbseg.training.fold import read_fold
from imbseg.training.preview import first_samples
from imbseg.training.samples import TrainSamples
from imbseg.trial import resolve

STRATEGY = "full/mskf/label/none"


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("preview")
    file = make_binary_tree(root / "cracks", n=24)
    build(load(str(file)), root / "meta")
    return {"dataset": str(file), "meta": str(root / "meta"), "strategy": STRATEGY}


def test_it_shows_what_training_shows(flags: dict[str, str]):
    resolved = resolve(flags, {})
    trial, dataset = resolved.trial, resolved.dataset
    fold = read_fold(trial, dataset)
    shown = first_samples(trial, dataset, fold, 5)
    batches = EpochBatches(fold.draw_weights, doubled=True, seed=trial.seed, batch_size=trial.batch_size)
    keys = batches.keys()[:5]
    loader = TrainSamples(fold.train, dataset, trial, IMAGENET)
    assert [one.image_id for one in shown] == [fold.train.ids[key[2]] for key in keys]
    for one, key in zip(shown, keys, strict=True):
        assert np.array_equal(one.mask, loader[key]["target"].numpy())
        assert one.picture.shape == (64, 64, 3)


def test_crops_on_objects_are_shown_and_named(flags: dict[str, str]):
    resolved = resolve({**flags, "strategy": "full/mskf/rare_class/none", "crop": "32", "scale_min": "1"}, {})
    shown = first_samples(resolved.trial, resolved.dataset, read_fold(resolved.trial, resolved.dataset), 200)
    on_cracks = [one for one in shown if one.focus == "crack"]
    assert len(on_cracks) >= len(shown) * 0.4  # nearly all of the drawn half
    assert all((one.mask == 1).any() for one in on_cracks)
    assert {one.focus for one in shown} == {"", "crack"}
    without = [dataclasses.replace(one, focus="") for one in shown]
    named = [contact_sheet(samples, resolved.dataset, "title") for samples in (shown, without)]
    assert not np.array_equal(*map(np.asarray, named))


def test_the_command_writes_a_sheet(tmp_path: Path, flags: dict[str, str], command):
    out = tmp_path / "new" / "sheet.png"
    status, said, complained = command("preview.py", *words_of(flags), "--images", 4, "--out", out)
    assert (status, complained) == (0, "")
    assert said == f"4 samples: {out}\n"
    with Image.open(out) as picture:
        assert picture.mode == "RGB"
        assert len(set(picture.get_flattened_data())) > 50


def test_an_epoch_may_have_fewer_samples_than_asked_for(tmp_path: Path, flags: dict[str, str], command):
    status, said, _ = command("preview.py", *words_of(flags), "--images", 200, "--out", tmp_path / "all.png")
    fold = read_fold(resolve(flags, {}).trial, load(flags["dataset"]))
    assert status == 0
    assert said.startswith(f"{2 * len(fold.train.ids)} samples")


@pytest.mark.parametrize(("more", "words"), [
    (["--images", "0"], "--images: expected a number of 1..200, found 0"),
    (["--images", "many"], "--images: expected a whole number, found 'many'"),
    (["--out", "sheet.jpg"], "--out: expected the name of a .png file"),
    (["--out", "/dev/null/sheet.png"], "expected an output folder, found a file"),
])  # fmt: skip
def test_bad_input_ends_in_one_sentence(flags: dict[str, str], refused, more: list[str], words: str):
    assert words in refused("preview.py", *words_of(flags), *more)


def test_ignored_pixels_are_white_with_stripes_whatever_the_classes():
    colors = np.array([[1, 2, 3], [9, 8, 7]], np.uint8)
    drawn = color_mask(np.array([[0, 1], [255, 255]], np.uint8), colors)
    assert drawn[0].tolist() == [[1, 2, 3], [9, 8, 7]]
    assert set(np.unique(color_mask(np.full((9, 9), 255, np.uint8), colors))) == {105, 255}


def test_colours_declared_are_taken_and_others_lie_apart(flags: dict[str, str]):
    dataset = load(flags["dataset"])
    names = [ClassSpec(name=f"class {number}", value=number) for number in range(40)]
    sky = ClassSpec(name="sky", color=(1, 2, 3))
    many = dataset.model_copy(update={"classes": (sky, *names[1:]), "background": "class 1"})
    colors = class_colors(many)
    assert colors[0].tolist() == [1, 2, 3]
    assert colors[1].tolist() == [60, 60, 60]
    assert len({tuple(color) for color in colors.tolist()}) == 40
