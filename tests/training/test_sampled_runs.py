"""Trials that draw, paste or adapt: stopped and resumed they end with the same bytes, and say what they showed."""

from __future__ import annotations

import csv
import dataclasses
import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_trial import SMALL, train

from imbseg.augment.geometry import draw_geometry
from imbseg.datasets.read import read_image, read_mask
from imbseg.metrics.counts import load_counts
from imbseg.models.weights import IMAGENET
from imbseg.sampling.order import AUGMENTATION, NO_FOCUS, EpochBatches
from imbseg.training import run as run_module
from imbseg.training.draws import class_scores
from imbseg.training.fold import draw_weights, epoch_batches, read_fold
from imbseg.training.prepare import make_paster
from imbseg.training.samples import TrainSamples, augment, draw_sample
from imbseg.trial import resolve

SLOW = pytest.mark.slow  # trains many small networks; `make test` runs them
CROPS = {"crop": "32", "crop_on_object": "0.5"}
RUNS: dict[str, dict[str, str]] = {
    "rare_class": {"strategy": "full/mskf/rare_class/none", **CROPS},
    "pasted": {"strategy": "full/mskf/rare_class/rare", "paste_min_pixels": "20", "paste_probability": "0.5", **CROPS},
    "validation": {"strategy": "full/mskf/adaptive/none", **CROPS},
    "confidence": {"strategy": "full/mskf/adaptive/none", "adaptive_from": "confidence"},
}


OTHERS: dict[str, dict[str, str]] = {
    "plain": {},
    "noise": {"loss": "logit_variation"},
    "areas": {"loss": "size_balanced"},
    "pastes the worst": {"strategy": "full/mskf/none/adaptive", "paste_min_pixels": "20", "paste_probability": "1"},
}
Trained = tuple[dict[str, str], Path, dict[str, Any]]  # flags, folder, what was heard


@pytest.fixture(scope="module")
def runs(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Trained]:
    @functools.cache
    def trained(name: str) -> Trained:
        flags = {**data, **(RUNS | OTHERS)[name], "epochs": "3"}
        out = tmp_path_factory.mktemp("run") / "trial"
        return flags, out, train(flags, out)

    return trained


def rows(file: Path) -> list[dict[str, float]]:
    with file.open(newline="") as handle:
        return [{name: float(value or "nan") for name, value in row.items()} for row in csv.DictReader(handle)]


@pytest.mark.parametrize(
    "name", [name if name == "plain" else pytest.param(name, marks=SLOW) for name in RUNS | OTHERS]
)
def test_stopped_and_resumed_with_workers_it_ends_with_the_same_bytes(
    name: str, runs: Callable[[str], Trained], stop: Any, tmp_path: Path
) -> None:
    flags, out, heard = runs(name)
    with pytest.raises(KeyboardInterrupt):
        train(flags, tmp_path, intermediate=stop)
    assert json.loads((tmp_path / "status.json").read_text())["status"] == "interrupted"
    (tmp_path / "draws.csv").unlink()  # cut off between two files: last.pt brings it back
    again = train({**flags, "workers": "2"}, tmp_path)
    assert (len(again["intermediate"]), again["final"]) == (2, heard["final"])
    for table in ("epochs.csv", "draws.csv", "post_hoc.csv"):
        assert (tmp_path / table).read_bytes() == (out / table).read_bytes(), table
    for counts in ("counts_val.npz", "counts_test.npz"):
        one, other = load_counts(tmp_path / counts), load_counts(out / counts)
        for field in dataclasses.fields(one):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)


@SLOW
@pytest.mark.parametrize("name", RUNS)
def test_what_is_logged_is_what_the_samples_show(name: str, runs: Callable[[str], Trained]) -> None:
    """A recount through TrainSamples, with weights made from the tables alone."""
    flags, out, _ = runs(name)
    resolved = resolve({**SMALL, **flags}, {})
    trial, dataset = resolved.trial, resolved.dataset
    fold = read_fold(trial, dataset)
    samples = TrainSamples(fold.train, dataset, trial, IMAGENET, fold.boxes, make_paster(trial, dataset, fold))
    order = epoch_batches(trial, fold)
    history, logged = rows(out / "epochs.csv"), rows(out / "draws.csv")
    assert [row["epoch"] for row in logged] == [1, 2, 3]
    for epoch, row in enumerate(logged, start=1):
        if trial.sampling == "adaptive":
            before = history[: epoch - 1], logged[: epoch - 1]
            order.weights = draw_weights(
                trial, fold.columns, class_scores(trial, dataset.class_names, *before, fold.absent["val"])
            )
            assert (epoch == 1) == bool((order.weights == 1).all())
        order.epoch = epoch
        keys = [key for batch in order for key in batch]
        shown = [samples[key] for key in keys]
        targets = [sample["target"].numpy() for sample in shown]
        assert row["samples"] == len(keys) == 2 * len(fold.train.ids) - 2 * len(fold.train.ids) % 4 % 2
        assert row["images"] == len({key[2] for key in keys})
        for label, name in [*enumerate(dataset.class_names), (255, "ignore")]:
            assert row[f"pixels:{name}"] == sum(int((target == label).sum()) for target in targets)
        for label, name in enumerate(dataset.class_names):
            assert row[f"samples:{name}"] == sum(bool((target == label).any()) for target in targets)
        pasted = [row.get(f"pasted:{name}") for name in dataset.class_names]
        if trial.copy_paste == "none":
            assert pasted == [None, None]
        else:
            assert pasted == sum(sample["pasted"] for sample in shown).tolist()
            assert pasted[1] > 0
        if trial.adaptive_from == "confidence":
            assert all(0 < row[f"confidence:{name}"] < 1 for name in dataset.class_names)


@SLOW
def test_confidence_leaves_validation_alone(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a made-up validation IoU the trial draws the very same; by validation it doesn't."""
    evaluated = run_module.summary

    def made_up(*args: Any, **more: Any) -> dict[str, float]:
        return evaluated(*args, **more) | {"IoU/background": 0.1, "IoU/crack": 0.9}

    def first_orders(what: str, out: Path) -> bytes:
        train({**data, **RUNS[what], "epochs": "2"}, out)
        return (out / "draws.csv").read_bytes()

    true = {what: first_orders(what, tmp_path / f"{what}1") for what in ("confidence", "validation")}
    monkeypatch.setattr(run_module, "summary", made_up)
    assert first_orders("confidence", tmp_path / "confidence2") == true["confidence"]
    assert first_orders("validation", tmp_path / "validation2") != true["validation"]


def trial_parts(data: dict[str, str], **flags: str) -> tuple[Any, Any, Any, TrainSamples, EpochBatches]:
    resolved = resolve({**SMALL, **data, **flags}, {})
    fold = read_fold(resolved.trial, resolved.dataset)
    samples = TrainSamples(fold.train, resolved.dataset, resolved.trial, IMAGENET, fold.boxes)
    return resolved.trial, resolved.dataset, fold, samples, epoch_batches(resolved.trial, fold)


def test_a_sample_without_a_class_is_byte_for_byte_what_it_was(data: dict[str, str]) -> None:
    trial, dataset, fold, samples, order = trial_parts(data, strategy="full/mskf/x2/none", crop="32")
    assert fold.boxes is None  # objects.csv isn't even read
    for epoch, position, image, focus in order.keys():  # noqa: SIM118 (no dict)
        rng = np.random.default_rng([trial.seed, AUGMENTATION, epoch, position])
        files = read_image(fold.train.images[image]), read_mask(fold.train.masks[image], dataset)
        geometry = draw_sample(rng, files[1].shape[::-1], trial)
        picture, target, _ = augment(*files, geometry, rng, trial, IMAGENET)
        found = samples[(epoch, position, image, focus)]
        assert focus == NO_FOCUS
        assert found["image"].numpy().tobytes() == picture.tobytes()
        assert np.array_equal(found["target"].numpy(), target)


def test_a_crop_placed_on_a_class_shows_it_and_nothing_else_changes(data: dict[str, str]) -> None:
    scales = {"scale_min": "1", "scale_max": "1.5"}
    trial, dataset, fold, samples, order = trial_parts(data, **RUNS["rare_class"], **scales)
    keys = [key for key in order.keys() if key[3] != NO_FOCUS]  # noqa: SIM118 (no dict)
    assert len(keys) >= len(fold.train.ids) * 0.8
    crack = dataset.class_names.index("crack")
    for epoch, position, image, focus in keys:
        assert focus == crack
        assert (samples[(epoch, position, image, focus)]["target"] == crack).any()
        drawn = [
            draw_geometry(
                np.random.default_rng([trial.seed, AUGMENTATION, epoch, position]),
                fold.train.sizes[image], resize=None, crop=trial.crop, scale=(1, 1.5), flip=0.5, point=point,
            )
            for point in (None, (32, 32))
        ]  # fmt: skip
        assert (drawn[0].scale, drawn[0].flip) == (drawn[1].scale, drawn[1].flip)


def test_crop_on_object_alone_works_with_any_sampler(data: dict[str, str]) -> None:
    for sampling in ("none", "label", "positive"):
        _, _, fold, samples, order = trial_parts(data, strategy=f"full/mskf/{sampling}/none", **CROPS)
        keys = []
        for order.epoch in range(1, 11):
            keys += order.keys()
        shows = {key[2]: bool(fold.columns["pixel_counts"][key[2], 1]) for key in keys}
        placed = [key[3] == 1 for key in keys if shows[key[2]]]
        assert 0 < sum(placed) < len(placed)
        assert all(key[3] == NO_FOCUS for key in keys if not shows[key[2]])
        assert all((samples[key]["target"] == 1).any() for key in keys if key[3] == 1)
