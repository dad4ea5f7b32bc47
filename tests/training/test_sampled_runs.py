"""Trials with the samplers that change what a sample is, or change as training goes on, and what they log."""

from __future__ import annotations

import csv
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_trial import REPOSITORY, SMALL, make_data, train

from imbseg.augment.geometry import draw_geometry
from imbseg.datasets.read import read_image, read_mask
from imbseg.errors import InputError
from imbseg.models.weights import IMAGENET
from imbseg.training import run as run_module
from imbseg.training.adapt import class_scores
from imbseg.training.fold import draw_weights, epoch_batches, read_fold
from imbseg.training.order import AUGMENTATION, NO_FOCUS, EpochBatches
from imbseg.training.prepare import make_paster
from imbseg.training.samples import TrainSamples, augment, draw_sample
from imbseg.trial import resolve

pytestmark = pytest.mark.slow  # trains many small networks; `make test` runs them

CROPS = {"crop": "32", "crop_on_object": "0.5"}
RUNS: dict[str, dict[str, str]] = {
    "rare_class": {"strategy": "full/mskf/rare_class/none", **CROPS},
    "pasted": {"strategy": "full/mskf/rare_class/rare", "paste_min_pixels": "20", "paste_probability": "0.5", **CROPS},
    "validation": {"strategy": "full/mskf/adaptive/none", **CROPS},
    "confidence": {"strategy": "full/mskf/adaptive/none", "adaptive_from": "confidence"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module", params=RUNS)
def finished(data: dict[str, str], request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[dict, Path, dict]:
    flags = {**data, **RUNS[request.param], "epochs": "3"}
    out = tmp_path_factory.mktemp(request.param) / "trial"
    return flags, out, train(flags, out)


def rows(file: Path) -> list[dict[str, float]]:
    with file.open(newline="") as handle:
        return [{name: float(value or "nan") for name, value in row.items()} for row in csv.DictReader(handle)]


def assert_same(one: Path, other: Path) -> None:
    for name in ("epochs.csv", "draws.csv"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_the_number_of_workers_changes_nothing(finished: tuple[dict, Path, dict], tmp_path: Path) -> None:
    flags, out, _ = finished
    train({**flags, "workers": "2"}, tmp_path / "trial")
    assert_same(tmp_path / "trial", out)


def test_stopped_and_resumed_it_ends_with_the_same_bytes(finished: tuple[dict, Path, dict], tmp_path: Path) -> None:
    flags, out, heard = finished

    def stop(row: dict[str, float], seen: list = []) -> None:  # noqa: B006
        seen.append(row)
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(flags, tmp_path / "trial", intermediate=stop)
    (tmp_path / "trial" / "draws.csv").unlink()  # cut off between two files: last.pt brings it back
    assert train(flags, tmp_path / "trial")["final"] == heard["final"]
    assert_same(tmp_path / "trial", out)


def test_what_is_logged_is_what_the_samples_show(finished: tuple[dict, Path, dict]) -> None:
    """A recount through TrainSamples, with weights made from the tables alone."""
    flags, out, _ = finished
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


@pytest.mark.parametrize("what", RUNS)
def test_from_the_command_line(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    words = [w for name, value in {**SMALL, **data, **RUNS[what]}.items() for w in (f"--{name}", value)]
    monkeypatch.delenv("NNI_PLATFORM", raising=False)
    monkeypatch.setattr(sys, "argv", ["train_nni.py", *words, "--out", str(tmp_path / "run")])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(REPOSITORY / "src" / "train_nni.py"), run_name="__main__")
    assert not ended.value.code
    assert len(rows(tmp_path / "run" / "draws.csv")) == 2


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
        geometry = draw_sample(rng, files[0], trial)
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


@pytest.mark.parametrize(("flags", "words"), [
    ({"sampling": "rare_class", "rare_temperature": "0"}, "rare_temperature: expected a number >= 0.0001, found 0"),
    ({"sampling": "rare_class", "rare_temperature": "nan"}, "rare_temperature: expected a number >= 0.0001, found nan"),
    ({"sampling": "rare_class", "rare_temperature": "cold"}, "rare_temperature: expected a number"),
    ({"crop_on_object": "1.1"}, "crop_on_object: expected a number >= 0 and <= 1, found 1.1"),
    ({"crop_on_object": "-0.1"}, "crop_on_object: expected a number >= 0 and <= 1, found -0.1"),
    ({"sampling": "adaptive", "adaptive_bound": "0.5"}, "adaptive_bound: expected a number >= 1"),
    ({"sampling": "adaptive", "adaptive_smoothing": "1"}, "adaptive_smoothing: expected a number >= 0 and <= 0.99"),
    ({"sampling": "adaptive", "adaptive_from": "test"}, "unknown adaptive from 'test'"),
    ({"sampling": "x2", "rare_temperature": "0.1"}, "rare_temperature: sampling 'x2' has no such parameter"),
    ({"sampling": "rare_class", "adaptive_from": "confidence"},
     r"adaptive_from: sampling 'rare_class' has no such parameter \(its own: rare_temperature\)"),
    ({"sampling": "adaptive", "positive_share": "0.5"},
     r"\(its own: adaptive_bound, adaptive_from, adaptive_smoothing\)"),
])  # fmt: skip
def test_bad_input_is_one_sentence(data: dict[str, str], flags: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words) as told:
        resolve({**data, **flags}, {})
    assert "\n" not in str(told.value)
