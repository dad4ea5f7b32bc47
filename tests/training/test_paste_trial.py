"""Copy-paste inside a trial: who gives, who gets, and that nothing but the seed decides what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from plain_meta import build
from small_trial import SMALL, train

from imbseg.copy_paste import COPY_PASTE
from imbseg.copy_paste.apply import Pasted
from imbseg.datasets.read import read_mask, read_objects
from imbseg.datasets.sample import make_sample
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.loaders import as_it_is, quiet_worker
from imbseg.models.weights import IMAGENET
from imbseg.sampling.order import NO_FOCUS
from imbseg.training import run as run_module
from imbseg.training.fold import Fold, read_fold
from imbseg.training.paste import Paster
from imbseg.training.prepare import make_paster
from imbseg.training.preview import first_samples
from imbseg.training.samples import TrainSamples
from imbseg.trial import Resolved, resolve

pytestmark = pytest.mark.slow  # trains many small networks; `make test` runs them

PASTING = {"strategy": "full/mskf/none/rare", "paste_min_pixels": "20", "paste_probability": "1"}
RULES = tuple(rule for rule in COPY_PASTE if rule != "none")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The generated sample: seven classes, with instance masks."""
    root = tmp_path_factory.mktemp("shapes")
    make_sample(root / "sample")
    build(load("sample", root=str(root / "sample")), root / "meta")
    return {"dataset": "sample", "root": str(root / "sample"), "meta": str(root / "meta")}


@pytest.fixture
def weak_file(tmp_path: Path) -> str:
    (tmp_path / "earlier.csv").write_text("class,IoU\nbackground,0.9\ncrack,0.1\n")
    return str(tmp_path / "earlier.csv")


def opened(flags: dict[str, str]) -> tuple[Resolved, Fold]:
    resolved = resolve({**SMALL, **flags}, {})
    return resolved, read_fold(resolved.trial, resolved.dataset)


def samples_of(flags: dict[str, str]) -> TrainSamples:
    resolved, fold = opened(flags)
    paster = make_paster(resolved.trial, resolved.dataset, fold)
    return TrainSamples(fold.train, resolved.dataset, resolved.trial, IMAGENET, fold.boxes, paster)


@pytest.mark.parametrize("fold", range(5))
def test_no_validation_or_test_image_gives(shapes: dict[str, str], fold: int) -> None:
    flags = {**SMALL, **shapes, "strategy": "full/mskf/none/adaptive", "fold": str(fold)}
    resolved, rows = opened(flags)
    read: list[Path] = []

    def spying(image: Path, mask: Path) -> tuple[np.ndarray, np.ndarray]:
        read.extend([image, mask])
        return rows.train.read_pair(resolved.dataset, image, mask)

    paster = Paster(resolved.trial, resolved.dataset, rows.donors, rows.train, spying)
    paster.patches.fill(range(len(rows.donors.label)))
    others = {*rows.val.images, *rows.val.masks, *rows.test.images, *rows.test.masks}
    assert len(paster.patches.kept) == len(rows.donors.label) > 500
    assert set(read) <= {*rows.train.images, *rows.train.masks}
    assert not set(read) & others
    assert {path.stem for path in paster.patches.outlines} == set(rows.train.ids)


def test_no_validation_or_test_image_gets(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    original = Paster.__call__

    def spying(self: Paster, *args: np.ndarray, **more: Any) -> Pasted:
        keys.append(more["key"])
        return original(self, *args, **more)

    monkeypatch.setattr(Paster, "__call__", spying)
    train({**data, **PASTING, "epochs": "1"}, tmp_path / "trial")
    sizes = json.loads((tmp_path / "trial" / "trial.json").read_text())
    assert len(keys) == sizes["train_images"] // 4 * 4  # batches of 4; validation and test come on top
    assert {key[2] for key in keys} <= set(range(sizes["train_images"]))


def test_instances_give_their_own_pixels(shapes: dict[str, str]) -> None:
    resolved, rows = opened({**shapes, "strategy": "full/mskf/none/adaptive"})
    paster = make_paster(resolved.trial, resolved.dataset, rows)
    for donor in range(0, len(rows.donors.label), 40):
        image, (x, y, width, height) = int(rows.donors.image[donor]), rows.donors.box[donor].tolist()
        mask = read_mask(rows.train.masks[image], resolved.dataset)
        own = read_objects(rows.train.objects[image]) == rows.donors.number[donor]
        own &= mask == rows.donors.label[donor]
        margin = paster.patches.margin
        shape = paster.patches[donor].shape[margin:-margin, margin:-margin]
        assert np.array_equal(shape, own[y : y + height, x : x + width])
        assert np.count_nonzero(own) == np.count_nonzero(shape)


def test_with_probability_0_samples_are_those_of_none(data: dict[str, str]) -> None:
    bare = samples_of({**data, "strategy": "full/mskf/none/none"})
    never = samples_of({**data, **PASTING, "paste_probability": "0"})
    for key in ((1, 0, 0, NO_FOCUS), (1, 1, 3, NO_FOCUS), (2, 5, 7, NO_FOCUS)):
        one, other = bare[key], never[key]
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["target"], other["target"])
        assert "pasted" not in one
        assert other["pasted"].tolist() == [0, 0]


def test_pasted_objects_are_counted_and_seen(data: dict[str, str]) -> None:
    bare, often = samples_of({**data, "strategy": "full/mskf/none/none"}), samples_of({**data, **PASTING})
    number = 0
    for position in range(10):
        key = (1, position, position, NO_FOCUS)
        one, other = bare[key], often[key]
        number += int(other["pasted"][1])
        assert other["pasted"][0] == 0
        more = int((other["target"] == 1).sum() - (one["target"] == 1).sum())
        assert (more > 0) == (int(other["pasted"][1]) > 0)
        same = one["target"] == other["target"]
        assert torch.equal(one["image"][:, same & (one["target"] != 1)], other["image"][:, same & (one["target"] != 1)])
    assert number > 5


def test_the_areas_that_a_loss_takes_follow(data: dict[str, str]) -> None:
    loss = {"loss": "size_balanced"}
    bare = samples_of({**data, **loss, "strategy": "full/mskf/none/none"})
    often = samples_of({**data, **PASTING, **loss, "paste_ring": "0"})
    shares = set((often.paster.donors.pixels / 64**2).astype(np.float32).tolist())
    new = 0
    for position in range(10):
        one, other = bare[1, position, position, NO_FOCUS], often[1, position, position, NO_FOCUS]
        changed = one["target"] != other["target"]
        new += int(changed.sum())
        assert set(other["object_area"][changed].tolist()) <= shares
        kept = ~changed & (one["target"] == 0)
        assert torch.equal(one["object_area"][kept], other["object_area"][kept])
    assert new > 100


@pytest.mark.parametrize("workers", [0, 2])
def test_samples_are_the_same_at_any_number_of_workers(shapes: dict[str, str], workers: int) -> None:
    samples = samples_of({**shapes, **PASTING, "crop": "96", "workers": str(workers)})
    samples.paster.before_epoch([])
    keys = [(1, position, 3 * position, NO_FOCUS) for position in range(12)]
    loader = torch.utils.data.DataLoader(samples, batch_sampler=[keys[:6], keys[6:]], num_workers=workers,
                                         worker_init_fn=quiet_worker, collate_fn=as_it_is)  # fmt: skip
    alone = samples_of({**shapes, **PASTING, "crop": "96", "paste_memory": "0"})
    for batch, part in zip(loader, (keys[:6], keys[6:]), strict=True):
        for place, key in enumerate(part):
            assert all(torch.equal(batch[name][place], alone[key][name]) for name in ("image", "target", "pasted"))


def test_adaptive_follows_the_last_validation(shapes: dict[str, str]) -> None:
    samples = samples_of({**shapes, "strategy": "full/mskf/none/adaptive"})
    names, paster = samples.dataset.class_names, samples.paster
    paster.before_epoch([])
    assert np.count_nonzero(paster.weights) == 6
    scores = dict(zip((f"IoU/{name}" for name in names), (0.0, 0.9, 0.8, 0.1, 0.7, 0.6, 0.2), strict=True))
    said = paster.before_epoch([{"IoU/ringed_disc": 0.9}, scores])
    assert {names[index] for index in np.flatnonzero(paster.weights)} == {"ringed_disc", "spotted_star"}
    assert said is not None
    assert said.startswith("pasting spotted_star ")  # likelier, as the fewer


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_trains_and_says_what_it_pastes(
    rule: str, data: dict[str, str], weak_file: str, tmp_path: Path
) -> None:
    own = {"weak": {"weak_from": weak_file}, "rare": {"rare_objects": "50"}}.get(rule, {})
    heard = train({**data, **PASTING, **own, "strategy": f"full/mskf/x2/{rule}", "epochs": "2"}, tmp_path)
    assert [line for line in heard["lines"] if line.startswith(f"copy-paste ({rule}): objects of crack ")]
    assert ("epoch 2: pasting crack 100 %" in heard["lines"]) == (rule == "adaptive")
    trial = json.loads((tmp_path / "trial.json").read_text())
    assert trial["donors"]["background"] == 0
    assert trial["donors"]["crack"] > 0
    assert trial.get("weak_classes") == (["crack"] if rule == "weak" else None)


def test_a_trial_pastes_what_its_last_validation_scored_worst(
    shapes: dict[str, str], stop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, scores = load("sample").class_names[1:], run_module.summary
    made_up = {f"IoU/{name}": 0.1 if name in ("ringed_disc", "spotted_star") else 0.9 for name in names}
    monkeypatch.setattr(run_module, "summary", lambda *args: scores(*args) | made_up)
    flags = {**shapes, **PASTING, "strategy": "full/mskf/none/adaptive", "crop": "32", "paste_probability": "0"}
    with pytest.raises(KeyboardInterrupt):
        train(flags, tmp_path, intermediate=stop)
    monkeypatch.setattr(run_module, "train_epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        train(flags, tmp_path, say=(lines := list[str]()).append)
    (told,) = [line for line in lines if line.startswith("epoch 2: pasting ")]
    pasted = {part.split()[0] for part in told.removeprefix("epoch 2: pasting ").split(", ")}
    assert pasted == {"ringed_disc", "spotted_star"}


def test_other_weak_classes_in_the_folder_are_refused(shapes: dict[str, str], stop: Any, tmp_path: Path) -> None:
    names = load("sample").class_names
    file = tmp_path / "earlier.csv"
    for worst in (1, 2):
        file.write_text("class,IoU\n" + "".join(f"{name},{int(n != worst)}\n" for n, name in enumerate(names)))
        flags = {**shapes, "strategy": "full/mskf/none/weak", "weak_from": str(file), "epochs": "1", "crop": "32"}
        if worst == 1:
            with pytest.raises(KeyboardInterrupt):
                train(flags, tmp_path / "run", intermediate=stop)
    with pytest.raises(InputError, match="the weak classes changed"):
        train(flags, tmp_path / "run")


BARREN = {
    "too large": (
        {"paste_min_pixels": "4000"},
        "copy_paste 'rare': the train fold has no source instance: expected a class with fewer objects than 60 "
        "(rare_objects), of 4000 pixels or more (paste_min_pixels) and at most 0.5 of the image (paste_max_share), "
        "found none of any class; change the bounds, or take another rule",
    ),
    "not rare": ({"rare_objects": "1"}, "fewer objects than 1 (rare_objects), of 20 pixels or more"),
    "one class is no rarer than the median": ({"rare_objects": "median"}, "fewer objects than the median class"),
    "adaptive": ({"strategy": "full/mskf/none/adaptive", "paste_max_share": "0.001"}, "expected objects of any class"),
}


@pytest.mark.parametrize("kind", BARREN)
def test_no_donor_is_said_before_anything_is_written(data: dict[str, str], tmp_path: Path, kind: str) -> None:
    more, words = BARREN[kind]
    with pytest.raises(InputError) as caught:
        train({**data, **PASTING, **more}, tmp_path / "trial")
    assert words in str(caught.value)
    assert not (tmp_path / "trial").exists()


def test_a_weak_class_without_donors_is_named(data: dict[str, str], weak_file: str, tmp_path: Path) -> None:
    more = {"strategy": "full/mskf/none/weak", "weak_from": weak_file, "paste_min_pixels": "4000"}
    with pytest.raises(InputError, match="expected objects of crack, of 4000 pixels or more"):
        train({**data, **PASTING, **more}, tmp_path / "trial")


def test_the_preview_shows_pastes(data: dict[str, str]) -> None:
    resolved, rows = opened({**data, **PASTING})
    bare, bare_rows = opened({**data, "strategy": "full/mskf/none/none"})
    pasted = first_samples(resolved.trial, resolved.dataset, rows, 6)
    plain = first_samples(bare.trial, bare.dataset, bare_rows, 6)
    assert [one.image_id for one in pasted] == [one.image_id for one in plain]
    assert sum(int((one.mask == 1).sum()) for one in pasted) > sum(int((one.mask == 1).sum()) for one in plain)
