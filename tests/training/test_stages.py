"""Schedules, averaged weights, a larger input at the end, the last layer anew, weights of images, architectures.

Each by hand, and each trained, stopped, resumed and predicted again.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_trial import SMALL, make_data, train

from imbseg.datasets.read import read_mask
from imbseg.errors import InputError
from imbseg.files import sha256
from imbseg.meta.ceiling import Grid, ceilings
from imbseg.metrics.counts import load_counts
from imbseg.models import ARCHITECTURES
from imbseg.predict.again import predict_again
from imbseg.training import run
from imbseg.training.fold import read_image_weights
from imbseg.training.optimizer import averaged, onecycle_factor
from imbseg.training.prepare import weighted
from imbseg.training.stages import balanced, course, planned, trial_at
from imbseg.trial import Trial, resolve


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"), n=12)


@pytest.mark.parametrize("steps", [1, 2, 4, 10, 101])
def test_onecycle_is_torchs(steps: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=steps, cycle_momentum=False)
    for step in range(steps):
        assert onecycle_factor(step, steps) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step + 1 < steps:
            theirs.step()


def test_averaged_weights_by_hand() -> None:
    model = torch.nn.BatchNorm1d(1)
    average = averaged(model, 0.5)
    for weight, mean in ((1.0, 4.0), (3.0, 8.0), (5.0, 0.0)):
        model.weight.data.fill_(weight)
        model.running_mean.fill_(mean)
        model.num_batches_tracked.add_(1)
        average.update_parameters(model)
    # the first is copied; then kept min(1/2, 2/11) and min(1/2, 3/12): 2/11 + 3 * 9/11 = 29/11, 29/44 + 5 * 3/4
    assert average.module.weight.item() == pytest.approx(29 / 44 + 15 / 4)
    assert average.module.running_mean.item() == pytest.approx((4 * 2 / 11 + 8 * 9 / 11) / 4)
    assert average.module.num_batches_tracked.item() == 3
    assert model.weight.item() == 5


def test_the_course_of_the_learning_rates_begins_anew_with_the_last_layer() -> None:
    trial = Trial(epochs=5, retrain_head_epochs=2)
    runs: dict[int | None, Any] = {begun: SimpleNamespace(trial=trial, head_from=begun) for begun in (None, 5)}
    assert [course(runs[None], epoch) for epoch in (1, 2, 5)] == [(0, 5), (1, 5), (4, 5)]
    assert [course(runs[5], epoch) for epoch in (6, 7)] == [(0, 2), (1, 2)]
    assert planned(trial) == 7


def test_the_size_of_the_last_epochs() -> None:
    whole = Trial(resize=(64, 48), crop=None, epochs=5, finish_epochs=2, finish_size=(96, 80))
    assert [trial_at(whole, epoch).resize for epoch in range(1, 7)] == [(64, 48)] * 3 + [(96, 80)] * 3
    crop = Trial(resize=(128, 96), crop=(64, 64), epochs=2, finish_epochs=1, finish_size=(96, 128))
    assert (trial_at(crop, 2).crop, trial_at(crop, 2).resize) == ((96, 128), (192, 192))
    assert trial_at(Trial(), 200) == Trial()


def test_a_balanced_sample_by_hand() -> None:
    # Class 1 has the probability 3/4 at one pixel and 1/2 at two; one pixel is of class 1, two of class 0, one ignored.
    logits = torch.tensor([[[[0.0, 0.0], [0.0, 0.0]], [[math.log(3), 0.0], [math.log(3), 9.0]]]])
    target = torch.tensor([[[1, 0], [0, 255]]])
    of_one, of_zero = -math.log(3 / 4), (math.log(2) + math.log(4)) / 2
    assert balanced(logits, target, {}).item() == pytest.approx((of_one + of_zero) / 2)
    assert balanced(logits, torch.full((1, 2, 2), 255), {}).item() == 0
    many = torch.zeros(1, 5, 1, 1)
    assert balanced(many, torch.zeros(1, 1, 1, dtype=torch.int64), {}).item() == pytest.approx(math.log(5))


def test_weights_of_images_multiply_their_own_loss(tmp_path: Path) -> None:
    file = tmp_path / "weights.csv"
    file.write_text("id,weight,note\na,0.5,doubtful\nb,2,\nc,1,\n", encoding="utf-8-sig")
    assert read_image_weights(str(file), ["b", "a"]) == [2.0, 0.5]
    loss_of = weighted(lambda logits, target, maps: logits.mean() + maps["m"].sum() + target.sum())
    maps = {"image_weight": torch.tensor([2.0, 0.5]), "m": torch.tensor([[1.0], [3.0]])}
    found = loss_of(torch.tensor([[4.0], [8.0]]), torch.tensor([[7.0], [5.0]]), maps)
    assert found.item() == pytest.approx((2 * (4 + 1 + 7) + 0.5 * (8 + 3 + 5)) / 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [("id,weight\na,1\n", "has no weight for 'b' (1 of 2 train images lack one)"),
     ("id,weight\na,1\nb,0\n", "id 'b': expected a weight > 0, found '0'"),
     ("id,weight\na,1\nb,inf\n", "id 'b': expected a weight > 0, found 'inf'"),
     ("id,weight\na,1\nb,heavy\n", "expected a weight > 0, found 'heavy'"),
     ("id,weight\na,1\na,1\nb,1\n", "id 'a' stands there twice"),
     ("name,weight\na,1\n", "expected the columns id and weight, found name, weight"),
     ("", "expected the columns id and weight, found none"),
     ("id,weight\na,1\n\udce9,1\n", "can't be read ('utf-8' codec can't decode byte 0xe9"),
     (None, "can't be read (No such file")],
)  # fmt: skip
def test_a_file_of_weights_that_cannot_be_used(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "w.csv").write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(InputError) as caught:
        read_image_weights(str(tmp_path / "w.csv"), ["a", "b"])
    assert message in str(caught.value)


STAGED = {
    "onecycle and ema": {"schedule": "onecycle", "ema": "0.9"},
    "finish and image weights": {"resize": "64x48", "crop": "none", "finish_epochs": "1", "finish_size": "80x70",
                                 "image_weights": "weights.csv"},
    "head": {"epochs": "1", "retrain_head_epochs": "1", "ema": "0.5"},
    "odd size": {"resize": "70x50", "crop": "none", "architecture": "unet", "loss": "size_balanced"},
    "fine": {"decoder_stride": "2", "atrous_rates": "fit", "aspp_dropout": "0.1", "decoder_width": "64",
             "channels_last": "true", "fast_cpu": "true"},
}  # fmt: skip
SLOW = {name: {"architecture": name, "crop": str(max(64, entry.smallest))} for name, entry in ARCHITECTURES.items()}
SLOW |= {"cc_dice": {"loss": "cc_dice"}, "power": {"class_weights": "power", "loss": "cross_entropy"}}


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "epochs.csv").read_text().splitlines()))


def weights_of_images(data: dict[str, str], folder: Path, weight: Callable[[int], float]) -> Path:
    """A file with a weight for every image, by its place among the ids."""
    ids = sorted({path.stem for path in Path(resolve({**SMALL, **data}, {}).dataset.root).rglob("*.png")})
    file = folder / "weights.csv"
    rows = (f"{one},{weight(place)}\n" for place, one in enumerate(ids))
    file.write_text("id,weight\n" + "".join(rows), encoding="utf-8")
    return file


def counts_of(folder: Path) -> dict[str, str]:
    return {name: sha256(folder / name) for name in ("epochs.csv", "best.pt", "counts_val.npz", "counts_test.npz")}


@pytest.mark.parametrize("name", [*STAGED, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_stopped_and_resumed_it_ends_with_the_same_bytes_and_predicts_the_same(
    data: dict[str, str], tmp_path: Path, name: str
) -> None:
    flags = {**data, "post_hoc": "none", "batch_size": "3", **(STAGED | SLOW)[name]}
    if "image_weights" in flags:
        flags["image_weights"] = str(weights_of_images(data, tmp_path, lambda place: 0.5 + place))
    whole = train(flags, tmp_path / "whole")
    epochs = int(flags.get("epochs", 2)) + int(flags.get("retrain_head_epochs", 0))
    assert len(whole["intermediate"]) == epochs

    def stop(_: dict[str, float]) -> None:
        raise KeyboardInterrupt

    for _ in range(epochs - 1):
        with pytest.raises(KeyboardInterrupt):
            train(flags, tmp_path / "parts", intermediate=stop)
    assert train(flags, tmp_path / "parts")["final"] == whole["final"]
    assert counts_of(tmp_path / "parts") == counts_of(tmp_path / "whole")
    tested = load_counts(tmp_path / "whole" / "counts_test.npz")
    assert predict_again(tmp_path / "whole", [str(one) for one in tested.ids]).doubt == ""


@pytest.fixture(scope="module")
def plain(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain") / "trial"
    train({**data, "post_hoc": "none", "batch_size": "3", "keep_last": "true"}, out)
    return out


def test_the_kept_weights_are_the_averaged_ones(data: dict[str, str], plain: Path, tmp_path: Path) -> None:
    train(
        {**data, "post_hoc": "none", "batch_size": "3", "ema": "0.9", "epochs": "1", "keep_last": "true"},
        tmp_path / "ema",
    )
    last, best = (torch.load(tmp_path / "ema" / name, weights_only=True) for name in ("last.pt", "best.pt"))
    key = "segmentation_head.0.weight"
    assert torch.equal(best["model"][key], last["average"][f"module.{key}"])
    assert not torch.equal(best["model"][key], last["model"][key])
    assert "average" not in torch.load(plain / "last.pt", weights_only=True)


def test_nothing_but_the_last_layer_is_learned_anew(data: dict[str, str], plain: Path, tmp_path: Path) -> None:
    heard = train({**data, "post_hoc": "none", "batch_size": "3", "retrain_head_epochs": "2"}, tmp_path / "head")
    rows = rows_of(tmp_path / "head")
    before = rows_of(plain)
    assert rows[:2] == before
    assert len(rows) == 4
    status = json.loads((tmp_path / "head" / "status.json").read_text())
    assert status["best_epoch"] in (3, 4)
    assert "after epoch 2: the last layer is learned anew, all classes alike" in heard["lines"]
    told = [line.split("  ")[0] for line in heard["lines"] if line.startswith("epoch ")]
    assert told == ["epoch 1/4", "epoch 2/4", "epoch 3/4", "epoch 4/4"]
    old, new = (torch.load(folder / "best.pt", weights_only=True)["model"] for folder in (plain, tmp_path / "head"))
    assert {name for name in old if not torch.equal(old[name], new[name])} == {
        "segmentation_head.0.weight", "segmentation_head.0.bias",
    }  # fmt: skip


def test_changed_image_weights_refuse_the_folder(data: dict[str, str], plain: Path, tmp_path: Path) -> None:
    file = weights_of_images(data, tmp_path, lambda _: 2)
    flags = {**data, "post_hoc": "none", "batch_size": "3", "epochs": "1", "image_weights": str(file)}
    train(flags, tmp_path / "weighted")
    first = [rows_of(folder)[0] for folder in (plain, tmp_path / "weighted")]
    assert not np.isclose(float(first[0]["loss"]), float(first[1]["loss"]))
    file.write_text(file.read_text().replace(",2", ",3"), encoding="utf-8")
    with pytest.raises(InputError, match="the image weights changed"):
        train(flags, tmp_path / "weighted")


@pytest.mark.parametrize(
    ("flags", "message"),
    [({"finish_epochs": "1"}, "finish_epochs 1 and finish_size None: one says how many"),
     ({"finish_size": "96"}, "give both, or none"),
     ({"finish_epochs": "2", "finish_size": "96"}, "finish_epochs: 2 of 2 epochs take finish_size, which leaves none"),
     ({"schedule": "cosine"}, "choose from: poly, onecycle"),
     ({"ema": "1"}, "ema: expected a number >= 0 and <= 0.99999, found 1")],
)  # fmt: skip
def test_stages_that_cannot_be(data: dict[str, str], flags: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve({**SMALL, **data, **flags}, {})
    assert message in str(caught.value)


@pytest.mark.slow
def test_every_correction_alone_and_joined(data: dict[str, str], tmp_path: Path) -> None:
    flags = {**data, "batch_size": "3", "epochs": "1", "resize": "70x50", "crop": "none"}
    train({**flags, "post_hoc": "none"}, tmp_path / "none")
    text = "prior+rank+flip+larger+tau_norm+prior*flip"
    heard = train({**flags, "post_hoc": text, "larger_scale": "1.25"}, tmp_path / "all")
    (final,) = heard["final"]
    for name in ("rank", "flip", "larger"):
        assert {f"{name}/mIoU", f"test/{name}/mIoU"} <= final.keys()
    assert {"prior/beta", "tau_norm/tau", "prior*flip/beta", "test/prior*flip/mIoU"} <= final.keys()
    assert sum("(2 x the time of a prediction)" in line for line in heard["lines"]) >= 2
    for subset in ("val", "test"):
        assert sha256(tmp_path / "all" / f"counts_{subset}.npz") == sha256(tmp_path / "none" / f"counts_{subset}.npz")
        assert (tmp_path / "all" / f"counts_{subset}_prior_flip.npz").is_file()
    method = [row["method"] for row in csv.DictReader((tmp_path / "all" / "post_hoc.csv").read_text().splitlines())]
    assert set(method) == set(text.split("+"))


def test_larger_beyond_memory_is_refused_before_training(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def full(_: object, images: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(images.shape))
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("segmentation_models_pytorch.DeepLabV3Plus.forward", full)
    with pytest.raises(InputError, match="the 2 images of 96 x 96 pixels that larger shows at once are more than the"):
        train({**data, "post_hoc": "prior*larger"}, tmp_path / "trial")
    assert seen == [(4, 3, 96, 96), (2, 3, 96, 96)]  # half of the batch is tried; batch norm takes no fewer


def test_a_run_keeps_the_ceiling_of_its_own_grid(data: dict[str, str], plain: Path) -> None:
    (row,) = csv.DictReader((plain / "ceiling.csv").read_text().splitlines())
    assert list(row) == ["val:background", "val:crack", "test:background", "test:crack"]
    dataset = resolve({**SMALL, **data}, {}).dataset
    for subset in ("val", "test"):
        ids = [str(one) for one in load_counts(plain / f"counts_{subset}.npz").ids]
        masks = [read_mask(next(dataset.root.rglob(f"mask*/{one}.png")), dataset) for one in ids]
        found = ceilings(masks, Grid(None, 4, 16), 2)  # images as they are, DeepLabV3+
        kept = [float(row[f"{subset}:{name}"] or "nan") for name in ("background", "crack")]
        assert kept == pytest.approx(found.tolist(), nan_ok=True)
    assert float(row["val:crack"]) == 0  # thinner than half a cell


def test_a_trial_beyond_memory_says_what_to_lower(
    data: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **more: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(run, "train_epoch", full)
    with pytest.raises(InputError, match="2 samples of 64x64 pixels in deeplabv3plus are more than the memory of cpu"):
        train(data, tmp_path / "trial")
    assert "take a smaller batch_size" in json.loads((tmp_path / "trial" / "status.json").read_text())["message"]
    monkeypatch.setattr(run, "train_epoch", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train(data, tmp_path / "other")
