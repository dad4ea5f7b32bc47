"""What a trial takes from meta and has in hand before its first step, and what ends it: without training anything."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from small_trial import SMALL

from imbseg import loaders
from imbseg.errors import InputError, TrialFailed
from imbseg.models.checkpoint import Cadence
from imbseg.models.weights import IMAGENET
from imbseg.sampling.order import EpochBatches, epoch_order
from imbseg.training import prepare
from imbseg.training.fold import Fold, epoch_batches, read_fold
from imbseg.training.folder import Folder, guarded, stored_result
from imbseg.training.record import SELECTED, best_epoch, epoch_line, epoch_row, should_stop, table_scores, write_events
from imbseg.trial import Resolved, resolve


def opened(data: dict[str, str], **flags: str) -> tuple[Resolved, Fold]:
    resolved = resolve({**SMALL, **data, **flags}, {})
    return resolved, read_fold(resolved.trial, resolved.dataset)


@pytest.mark.parametrize(("fold", "seed", "split"), [(0, 1, "mskf"), (3, 4, "random")])
def test_a_fold_is_what_the_tables_say(data: dict[str, str], fold: int, seed: int, split: str) -> None:
    flags = {"strategy": f"full/{split}/none/none", "fold": str(fold), "seed": "9", "split_seed": str(seed)}
    _, found = opened(data, **flags, class_weights="inverse", loss="cross_entropy")
    table = pd.read_csv(Path(data["meta"]) / "images.csv", dtype={"id": str})
    number, root = table[f"full/{split}/seed{seed}"], Path(data["dataset"]).parent
    train, val = table[number.notna() & (number != fold)], table[number == fold]
    for files, rows in ((found.train, train), (found.val, val), (found.test, table[table["subset"] == "test"])):
        assert files.ids == rows["id"].tolist()
        assert files.images == [root / one for one in rows["image"]]
        assert files.masks == [root / one for one in rows["mask"]]
        assert set(files.sizes) == {(64, 64)}
        assert files.groups == [one.partition("_")[0] for one in files.ids]
        assert (files.objects, files.entries) == ([], {})
    pixels = train[["pixels:background", "pixels:crack"]].to_numpy()
    share = pixels.sum(axis=0) / pixels.sum()
    np.testing.assert_allclose(found.class_priors, share)
    np.testing.assert_allclose(found.class_weights, (1 / share) / (1 / share).mean())
    np.testing.assert_array_equal(found.columns["pixel_counts"], pixels)
    assert found.columns["major_class"].tolist() == train["major_class"].fillna("").tolist()
    assert found.columns["cluster"].tolist() == train["cluster"].tolist()
    assert found.columns["background"] == 0
    assert (found.draw_weights.tolist(), found.boxes, found.donors) == ([1] * len(train), None, None)
    assert found.groups == {"head": ["background"], "medium": [], "tail": ["crack"]}
    shown = {name: rows["pixels:crack"].any() for name, rows in (("train", train), ("val", val))}
    assert found.absent == {"train": [] if shown["train"] else ["crack"], "val": [] if shown["val"] else ["crack"],
                            "test": []}  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"seed": "6"}, "seed 6: the splits in meta have seeds 1 to 5; name one of them with split_seed"),
        ({"seed": "0"}, "seed 0: the splits in meta"),
        ({"root": "/nowhere/typo"}, "root: /nowhere/typo is missing"),
    ],
)
def test_a_fold_that_meta_lacks_is_refused(data: dict[str, str], flags: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        opened(data, **flags)
    assert opened(data, seed="5")[1].train.ids


def test_files_that_are_gone_are_counted_and_the_first_is_named(data: dict[str, str], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(Path(data["dataset"]).parent, tmp_path / "cracks"))
    resolved, whole = opened(data, root=str(copy))
    for path in (whole.train.images[0], whole.train.masks[1]):
        path.unlink()
    with pytest.raises(InputError, match=rf"^{whole.train.images[0]} is missing, which meta lists \(2 files in all\)"):
        read_fold(resolved.trial, resolved.dataset)


def test_crops_on_objects_and_drawn_classes_need_boxes(data: dict[str, str]) -> None:
    rare, focused = opened(data, strategy="full/mskf/rare_class/none"), opened(data, crop_on_object="0.25")
    for resolved, fold in (rare, focused):
        order = epoch_batches(resolved.trial, fold)
        assert fold.boxes is not None
        np.testing.assert_array_equal(order.has_object[:, 1], fold.columns["pixel_counts"][:, 1] > 0)
        assert not order.has_object[:, 0].any()  # of the background there is none
        assert order.doubled == (fold is rare[1])
        assert order.crop_on_object == (0.0 if fold is rare[1] else 0.25)
    assert rare[1].draw_weights.shape == (2, len(rare[1].train.ids))


@pytest.mark.parametrize(
    ("images", "doubled", "batch_size", "steps"),
    [(6, False, 2, 3), (5, False, 2, 2), (5, False, 3, 2), (1, False, 2, 0), (1, True, 2, 1), (5, True, 4, 3)],
)
def test_a_last_batch_of_one_sample_is_left_out(images: int, doubled: bool, batch_size: int, steps: int) -> None:
    order = EpochBatches(np.ones(images), doubled=doubled, seed=1, batch_size=batch_size)
    batches = list(order)
    assert (len(order), len(batches)) == (steps, steps)
    assert [key for batch in batches for key in batch] == order.keys()[: sum(len(batch) for batch in batches)]
    assert all(2 <= len(batch) <= batch_size for batch in batches)
    assert [key[:2] for key in order.keys()] == [(1, place) for place in range(images * (1 + doubled))]  # noqa: SIM118
    first = order.keys()
    order.epoch = 2
    assert {key[0] for key in order.keys()} == {2}  # noqa: SIM118 (no dict)
    assert images < 5 or [key[2] for key in order.keys()] != [key[2] for key in first]  # noqa: SIM118


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -1.0], [1.0, math.nan], [1.0, math.inf]])
def test_weights_that_draw_nothing_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="draw weights must be finite, at least 0, and not all 0"):
        epoch_order(np.array(weights), doubled=True, seed=1, epoch=1)
    assert set(epoch_order(np.array([0.0, 0.5]), doubled=True, seed=1, epoch=1)[0]) == {0, 1}


def test_the_best_epoch_and_patience_by_hand() -> None:
    scores = [0.2, 0.5, 0.5, 0.4]
    assert [best_epoch(scores[:n]) for n in range(5)] == [0, 1, 2, 2, 2]
    assert [should_stop(scores, patience) for patience in (0, 1, 2, 3)] == [False, True, True, False]


def test_a_train_fold_of_one_image_is_refused(data: dict[str, str]) -> None:
    resolved, fold = opened(data)
    one = SimpleNamespace(**{**vars(fold), "draw_weights": np.ones(1), "train": SimpleNamespace(ids=["a"])})
    with pytest.raises(InputError, match="batch_size 4: the train fold has 1 image, a step takes two"):
        prepare.make_batches(SimpleNamespace(trial=resolved.trial, fold=one))


def test_the_loader_takes_the_trials_settings(data: dict[str, str]) -> None:
    resolved, fold = opened(data, workers="1", crop_on_object="0.5")
    hand = {"trial": resolved.trial, "dataset": resolved.dataset, "fold": fold, "normalisation": IMAGENET}
    made = prepare.make_batches(SimpleNamespace(**hand, learner=SimpleNamespace(device=torch.device("cpu"))))
    assert (made.num_workers, made.pin_memory, made.persistent_workers) == (1, False, False)
    assert made.worker_init_fn is loaders.start_worker
    assert (made.batch_sampler.batch_size, made.batch_sampler.seed) == (4, 1)
    assert (made.dataset.files, made.dataset.boxes, made.dataset.paster) == (fold.train, fold.boxes, None)
    assert made.dataset.normalisation == IMAGENET


def test_a_loss_gets_class_weights_only_where_a_scheme_is_named(data: dict[str, str]) -> None:
    logits, target = torch.tensor([[[[0.0, 0.0]], [[0.0, 2.0]]]]), torch.tensor([[[0, 1]]])
    values = []
    for scheme in ("none", "inverse"):
        resolved, fold = opened(data, class_weights=scheme)
        values.append(prepare.make_loss(resolved.trial, fold, torch.device("cpu"))(logits, target, {}).item())
    zero, one = math.log(2), math.log(1 + math.exp(-2))
    weights = fold.class_weights
    assert values == pytest.approx([(zero + one) / 2, (weights[0] * zero + weights[1] * one) / weights.sum()])


def test_what_a_subset_lacks_is_said() -> None:
    said = prepare.absences({"train": ["a", "b"], "val": [], "test": ["c"]})
    assert said == ["no train image shows a, b: the network can't learn it",
                    "no test image shows c: its IoU is 0 with any false positive, else undefined"]  # fmt: skip


SCORES = {"mIoU": 0.5, SELECTED: 0.6, "classes_scored": 2.0, "head": 0.9, "tail": math.nan, "mDice": 0.7, "images": 4.0,
          "IoU/a": 0.9, "precision/a": 0.8, "recall/a": 0.7, "Dice/a": 0.6, "pixel_accuracy": 0.99}  # fmt: skip


def test_a_row_of_the_tables_and_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: value for name, value in SCORES.items() if name not in ("mDice", "images", "Dice/a")}
    assert table_scores(SCORES).keys() == kept.keys()
    row = epoch_row(3, 0.25, SCORES)
    assert list(row)[:4] == ["epoch", "loss", "mIoU", SELECTED]
    assert (row["epoch"], row["loss"], row["IoU/a"]) == (3, 0.25, 0.9)
    assert epoch_line(row, 7, {"train_s": 1.5, "val_s": 0.5, "samples_per_s": math.nan}, []) == (
        "epoch 3/7  loss 0.2500  mIoU 0.500  2.0 s"
    )
    points: list[tuple[Any, ...]] = []

    class Writer:
        def __init__(self, folder: str, purge_step: int) -> None:
            points.append((folder, purge_step))

        def __enter__(self) -> Writer:
            return self

        def __exit__(self, *_: object) -> None:
            points.append(("closed",))

        def add_scalar(self, *point: object) -> None:
            points.append(point)

    monkeypatch.setattr("torch.utils.tensorboard.SummaryWriter", Writer)
    write_events(tmp_path, row)
    there = {name: value for name, value in row.items() if name not in ("epoch", "tail")}  # NaN is no point
    assert points == [(str(tmp_path), 3), *((name, value, 3) for name, value in there.items()), ("closed",)]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InputError("bad"), "failed", "bad"),
        (TrialFailed("nan"), "failed", "nan"),
        (KeyboardInterrupt(), "interrupted", "stopped from outside; start it again to go on"),
        (ZeroDivisionError("by 0"), "failed", "ZeroDivisionError: by 0"),
    ],
)
def test_whatever_ends_a_trial_stands_in_its_status(
    error: BaseException, status: str, message: str, tmp_path: Path
) -> None:
    said: list[tuple[str, dict[str, str]]] = []
    folder: Any = SimpleNamespace(path=tmp_path, status=lambda what, **more: said.append((what, more)))

    with pytest.raises(type(error)), guarded(folder, Cadence(5)):
        raise error
    assert said == [("running", {}), (status, {"message": message})]
    with guarded(folder, Cadence(5)):
        assert said[2:] == [("running", {})]
    assert said[3:] == []


@pytest.mark.parametrize("error", [ConnectionError("refused"), KeyboardInterrupt()])
def test_a_result_that_the_tuner_did_not_hear_stays(error: BaseException, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with pytest.raises(type(error)), guarded(folder, Cadence(5)):  # noqa: PT012
        folder.status("finished", result={"default": 0.5})
        raise error
    assert stored_result(tmp_path) == {"default": 0.5}


@pytest.mark.parametrize(
    ("status", "stored"),
    [(None, None), ({"status": "finished", "result": {"a": 1}}, {"a": 1}), ({"status": "failed", "result": 1}, None)],
)
def test_only_a_finished_trial_has_a_stored_result(tmp_path: Path, status: Any, stored: Any) -> None:
    if status is not None:
        (tmp_path / "status.json").write_text(json.dumps(status))
    assert stored_result(tmp_path) == stored
