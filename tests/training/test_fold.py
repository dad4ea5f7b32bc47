"""What a trial takes from meta and has in hand before its first step, and what ends it: without training anything."""

from __future__ import annotations

import dataclasses
import hashlib
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

from imbseg.datasets.readers.layout import Layout
from imbseg.datasets.readers.values import Range
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, TrialFailed
from imbseg.meta.read import read_meta
from imbseg.models.checkpoint import Cadence
from imbseg.sampling.order import EpochBatches, epoch_order
from imbseg.training import prepare
from imbseg.training.fold import Fold, _absent, draw_weights, epoch_batches, fold_record, read_fold, sampler_columns
from imbseg.training.folder import Folder, guarded, stored_result
from imbseg.training.record import SELECTED, best_epoch, epoch_line, epoch_row, should_stop, table_scores, write_events
from imbseg.trial import Resolved, Trial, resolve


def opened(data: dict[str, str], **flags: str) -> tuple[Resolved, Fold]:
    resolved = resolve({**SMALL, **data, **flags}, {})
    return resolved, read_fold(resolved.trial, resolved.dataset)


@pytest.mark.parametrize(("fold", "seed", "split"), [(0, 1, "mskf"), (2, 4, "random")])
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
    assert (number == fold).sum() == 3
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


def test_a_fold_with_weighted_images_and_objects_to_paste(data: dict[str, str], tmp_path: Path) -> None:
    """Each image weighs its place in the table; a crack of the train fold can be pasted if its size allows."""
    table = pd.read_csv(Path(data["meta"]) / "images.csv", dtype={"id": str})
    places = {one: place for place, one in enumerate(table["id"], start=1)}
    file = tmp_path / "weights.csv"
    file.write_text("id,weight\n" + "".join(f"{one},{place}\n" for one, place in places.items()))
    how = {"strategy": "full/mskf/none/rare", "image_weights": str(file), "samples_per_image": "3"}
    resolved, fold = opened(data, **how)
    assert fold.image_weights == [places[one] for one in fold.train.ids]
    assert epoch_batches(resolved.trial, fold).repeats == 3
    objects = pd.read_csv(Path(data["meta"]) / "objects.csv", dtype={"id": str})
    there = objects[objects["id"].isin(fold.train.ids)]["pixels"]
    least, most = resolved.trial.paste_min_pixels, resolved.trial.paste_max_share * 64 * 64
    cracks = int(((there >= least) & (there <= most)).sum())
    assert fold.donors.counts.tolist() == [0, cracks]
    shares = fold.class_priors.tolist()
    assert fold_record(fold, resolved.trial, resolved.dataset) == {
        "weights_of_classes": {"background": 1.0, "crack": 1.0},
        "class_groups": {"head": ["background"], "medium": [], "tail": ["crack"]},
        "train_images": len(fold.train.ids), "val_images": len(fold.val.ids), "test_images": 5,
        "train_size": [64.0, 64.0],
        "class_priors": {"background": shares[0], "crack": shares[1]},
        "image_weights_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "donors": {"background": 0, "crack": cracks},
    }  # fmt: skip
    layout = Layout(("near infrared",), Range("float32"), (0, 0, 0))
    bare = dataclasses.replace(fold, donors=None, limits=((1.0,), (9.0,)))
    kept = fold_record(bare, Trial(), SimpleNamespace(class_names=resolved.dataset.class_names, layout=layout))
    assert list(kept)[-2:] == ["class_priors", "input"]
    assert kept["input"] == {"channels": ["near infrared"], "kind": "float32", "low": [1.0], "high": [9.0],
                             "shown": [0, 0, 0]}  # fmt: skip
    assert fold.meta_digest == read_meta(resolved.dataset, Path(data["meta"])).digest
    logits, target = torch.tensor([[[[0.0]], [[0.0]]], [[[0.0]], [[2.0]]]]), torch.tensor([[[0]], [[1]]])
    loss_of = prepare.make_loss(resolved.trial, fold, torch.device("cpu"))  # each image's loss times its weight
    found = loss_of(logits, target, {"image_weight": torch.tensor([2.0, 0.5])}).item()
    assert found == pytest.approx((2 * math.log(2) + 0.5 * math.log(1 + math.exp(-2))) / 2)


def test_what_samplers_may_ask() -> None:
    rows = pd.DataFrame({"major_class": ["sky", "pole"], "cluster": [2.0, math.nan]})
    found = sampler_columns(rows, np.array([[3, 0], [1, 4]]), None)
    assert (found["cluster"].tolist(), found["cluster"].dtype) == ([2, -1], np.int64)
    assert (found["major_class"].tolist(), found["major_class"].dtype.kind) == (["sky", "pole"], "U")


@pytest.mark.parametrize(
    ("weights", "found"),
    [([1, 2], "(2,), from 1 to 2"), ([1, -1, 2], "(3,), from -1 to 2"), ([1, math.inf, 1], "(3,), from 1 to inf"),
     ([0, 0, 0], "(3,), from 0 to 0"), (np.ones((3, 2)), "(3, 2), from 1 to 1")],
)  # fmt: skip
def test_weights_that_a_sampler_must_not_give(weights: Any, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, Any]] = []
    asked = SimpleNamespace(
        declares=lambda: ["seed"], call=lambda _, known: given.append(known) or np.array(weights, float)
    )
    monkeypatch.setattr("imbseg.training.fold.SAMPLING", asked)
    with pytest.raises(InputError) as caught:
        draw_weights(Trial(sampling="x2", seed=7), {"pixel_counts": np.ones((3, 2))}, np.array([0.5, 0.25]))
    assert str(caught.value) == (
        "sampling 'x2': expected weights of shape (3,) or (2, 3), finite, >= 0 and not all 0, found shape " + found
    )
    assert (given[0]["seed"], given[0]["class_scores"].tolist()) == (7, [0.5, 0.25])


def test_one_pixel_shows_a_class(dataset: Dataset) -> None:
    rows = [pd.DataFrame({"pixels:background": [5, 5], "pixels:crack": [0, some]}) for some in (0, 1)]
    assert [_absent(one, dataset) for one in rows] == [["crack"], []]


def test_decoded_images_are_kept_of_train_and_validation_alone(data: dict[str, str], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(Path(data["dataset"]).parent, tmp_path / "cracks"))
    resolved, fold = opened(data, dataset=str(copy / "cracks.yml"), root=str(copy), cache_mb="1")
    kept = {*fold.train.images, *fold.val.images}
    assert fold.train.entries.keys() == fold.val.entries.keys() == kept
    assert (len(set(fold.train.entries.values())), fold.test.entries) == (len(kept), {})
    fold.train.read(resolved.dataset, 1)
    assert fold.train.entries[fold.train.images[1]].is_file()
    assert opened(data, strategy="full/mskf/adaptive/none")[1].draw_weights.tolist() == [1.0] * len(fold.train.ids)


def test_crops_on_objects_and_drawn_classes_need_boxes(data: dict[str, str]) -> None:
    rare, focused = opened(data, strategy="full/mskf/rare_class/none"), opened(data, crop_on_object="0.25")
    for resolved, fold in (rare, focused):
        order = epoch_batches(resolved.trial, fold)
        assert fold.boxes is not None
        np.testing.assert_array_equal(order.has_object[:, 1], fold.columns["pixel_counts"][:, 1] > 0)
        assert not order.has_object[:, 0].any()  # of the background there is none
        assert order.doubled == (fold is rare[1])
        assert order.crop_on_object == (0.0 if fold is rare[1] else 0.25)
        assert (order.seed, order.batch_size, order.repeats, order.rank, order.ranks) == (1, 4, 1, 0, 1)
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
    order.first = 1  # a step is done
    assert list(order) == batches[1:]
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
