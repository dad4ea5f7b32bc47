"""Steps of training and of evaluation, each number by hand, on networks of a few weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from imbseg import loaders
from imbseg.datasets import spec
from imbseg.errors import TrialFailed
from imbseg.models.weights import IMAGENET
from imbseg.training import loop
from imbseg.training.draws import Draws
from imbseg.training.optimizer import averaged, make_optimizer, onecycle_factor, poly_factor, set_learning_rates
from imbseg.training.prepare import seed_epoch
from imbseg.training.samples import Files
from imbseg.training.whole_images import WholeImages
from imbseg.trial import Trial

CPU = torch.device("cpu")
GREY = np.array([124, 116, 104])


class Two(torch.nn.Module):
    """An encoder of one weight and a decoder of another; both are 2."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(1, 1, bias=False)
        self.decoder = torch.nn.Linear(1, 1, bias=False)
        for weight in self.parameters():
            weight.data.fill_(2.0)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(image))


def step(model: Two, optimizer: torch.optim.Optimizer, gradient: float) -> list[float]:
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, gradient)
    optimizer.step()
    return [weight.item() for weight in model.parameters()]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_weight_decay_shrinks_both_parts_by_their_own_rate(optimizer: str) -> None:
    model = Two()
    made = make_optimizer(model, Trial(optimizer=optimizer, encoder_lr=0.25, lr=0.5, weight_decay=0.1))
    # Without a gradient a step takes lr * weight_decay * 2.
    assert step(model, made, 0.0) == pytest.approx([2 - 0.25 * 0.1 * 2, 2 - 0.5 * 0.1 * 2])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_a_step_by_one_operation_is_that_of_many(optimizer: str, form: torch.memory_format) -> None:
    found = []
    for fast in (False, True):
        torch.manual_seed(1)
        model = torch.nn.ModuleDict({"encoder": torch.nn.Conv2d(4, 6, 3), "decoder": torch.nn.Conv2d(6, 2, 3)})
        model = model.to(memory_format=form)
        made = make_optimizer(model, Trial(optimizer=optimizer, weight_decay=0.1, fast_cpu=fast))
        assert bool(made.defaults["fused"]) is fast
        assert not make_optimizer(model, Trial(optimizer=optimizer, fast_cpu=fast, precision="bfloat16")).defaults[
            "fused"
        ]
        for number in range(5):
            model.decoder(model.encoder(torch.randn(2, 4, 9, 9))).square().sum().backward()
            set_learning_rates(made, Trial(optimizer=optimizer), 1 - number / 5)
            made.step()
            made.zero_grad()
        found.append(list(model.parameters()))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_momentum_of_both_optimizers() -> None:
    model = Two()
    made = make_optimizer(model, Trial(encoder_lr=0.25, lr=0.5, momentum=0.8, weight_decay=0.0))
    step(model, made, 1.0)
    assert step(model, made, 1.0) == pytest.approx([2 - 0.25 * (1 + 1.8), 2 - 0.5 * (1 + 1.8)])
    assert make_optimizer(model, Trial(optimizer="adamw", momentum=0.8)).defaults["betas"] == (0.8, 0.999)


def test_learning_rates_decay_from_the_first_one() -> None:
    assert poly_factor(3, 4, 2.0) == 0.0625
    trial = Trial(encoder_lr=0.25, lr=0.5)
    made = make_optimizer(Two(), trial)
    for _ in range(2):  # of the first rates, not of the last ones
        set_learning_rates(made, trial, 0.5)
        assert [group["lr"] for group in made.param_groups] == [0.125, 0.25]


class Seen:
    """A loss that goes through the list, and what it was called with."""

    def __init__(self, learner: loop.Learner, losses: list[float]) -> None:
        self.learner, self.losses, self.rates, self.maps = learner, iter(losses), [], []
        self.training: list[bool] = []

    def __call__(self, logits: torch.Tensor, target: torch.Tensor, maps: dict[str, torch.Tensor]) -> torch.Tensor:
        self.rates.append([group["lr"] for group in self.learner.optimizer.param_groups])
        self.training.append(self.learner.model.training)
        self.maps.append((target.tolist(), sorted(maps)))
        return logits.sum() * 0 + next(self.losses) + logits.sum() - logits.sum().detach()


def learner(trial: Trial) -> loop.Learner:
    model = Two().eval()
    return loop.Learner(model, make_optimizer(model, trial), torch.amp.GradScaler("cpu", enabled=False), CPU)


BATCH = {"image": torch.ones(1, 1), "target": torch.tensor([7]), "object_area": torch.ones(1)}


def test_an_epoch_by_hand() -> None:
    trial = Trial(encoder_lr=0.25, lr=0.5, momentum=0.0, weight_decay=0.0, poly_power=1.0, epochs=2)
    taught, watched = learner(trial), []
    loss_of = Seen(taught, [1.0, 4.0])
    mean = loop.train_epoch(taught, [BATCH, BATCH], loss_of, trial, 2, lambda *step: watched.append(step))
    assert mean == 2.5
    assert loss_of.rates == [[0.125, 0.25], [0.0625, 0.125]]  # steps 2 and 3 of 4: half and a quarter are left
    assert loss_of.training == [True, True]
    assert loss_of.maps == [([7], ["object_area"])] * 2
    # The product of the two weights: the slope of each is the other. 2 - .125 * 2 = 1.75, 2 - .25 * 2 = 1.5, then
    # 1.75 - .0625 * 1.5 and 1.5 - .125 * 1.75; a gradient that wasn't set back to 0 would be added.
    assert [weight.item() for weight in taught.model.parameters()] == pytest.approx([1.65625, 1.28125])
    assert [(batch is BATCH, logits.item(), logits.requires_grad) for batch, logits in watched] == [
        (True, 4.0, False), (True, 1.75 * 1.5, False)]  # fmt: skip
    assert sorted(BATCH) == ["image", "object_area", "target"]


class Left(list[Any]):
    """The batches that are left of an epoch of three, which tell the number of all."""

    def __len__(self) -> int:
        return 3


def test_an_epoch_goes_on_where_it_was_left() -> None:
    """A step of loss 2 is done; two follow, of losses 4 and 6, with the chance that the first left behind."""
    trial = Trial(encoder_lr=0.25, lr=0.5, momentum=0.0, weight_decay=0.0, poly_power=1.0, epochs=2)
    taught, drawn, torn = learner(trial), list[float](), list[bool]()
    torch.manual_seed(7)
    chance = [torch.get_rng_state()]
    wanted = torch.rand(2).tolist()
    begun = loop.Begun(Draws([], confidence=False), step=1, loss=torch.tensor(2.0), chance=chance)

    def watch(*_: object) -> None:
        drawn.append(torch.rand(1).item())
        torn.append(begun.torn)

    loss_of = Seen(taught, [4.0, 6.0])
    two = {"image": torch.ones(2, 1), "target": torch.tensor([7, 7])}  # a loss is a mean over samples
    left, between = Left([two, two]), lambda: torn.append(begun.torn)
    mean = loop.train_epoch(taught, left, loss_of, trial, 1, watch, begun=begun, between=between)
    assert (mean, begun.step, begun.chance, begun.loss.item()) == (4.0, 3, [], 12.0)
    assert [rates[1] for rates in loss_of.rates] == pytest.approx([0.5 * 5 / 6, 0.5 * 4 / 6])  # steps 1 and 2 of 6
    assert drawn == wanted
    assert torn == [True, False, True, False]  # half done, and between two steps


def test_one_cycle_and_averaged_weights_follow_the_steps() -> None:
    trial = Trial(encoder_lr=0.25, lr=0.5, momentum=0.0, weight_decay=0.0, schedule="onecycle", epochs=2)
    taught = learner(trial)
    taught.average = averaged(taught.model, 0.5)
    loss_of = Seen(taught, [1.0, 1.0])
    loop.train_epoch(taught, [BATCH, BATCH], loss_of, trial, 2, lambda *_: None)
    factors = [onecycle_factor(step, 4) for step in (2, 3)]
    assert [rates[1] for rates in loss_of.rates] == pytest.approx([0.5 * factor for factor in factors])
    after = [2 - 0.25 * factors[0] * 2, 2 - 0.5 * factors[0] * 2]  # the first step's, which the average starts from
    last = [weight.item() for weight in taught.model.parameters()]
    kept = min(0.5, 2 / 11)
    expected = [kept * one + (1 - kept) * other for one, other in zip(after, last, strict=True)]
    assert [weight.item() for weight in taught.average.module.parameters()] == pytest.approx(expected)
    assert taught.evaluated is taught.average.module


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_names_its_step_and_moves_no_weight(loss: float) -> None:
    trial = Trial(encoder_lr=0.25, lr=0.5, momentum=0.0, weight_decay=0.0, poly_power=1.0, epochs=2)
    taught = learner(trial)
    words = rf"the loss became {loss} at step 2 of epoch 1, with lr 0\.375 and encoder_lr 0\.188"
    with pytest.raises(TrialFailed, match=words):
        loop.train_epoch(taught, [BATCH, BATCH], Seen(taught, [1.0, loss]), trial, 1, lambda *_: None)
    assert [weight.item() for weight in taught.model.parameters()] == [2 - 0.25 * 2, 2 - 0.5 * 2]  # one step


class Bright(torch.nn.Module):
    """Class 1 where the first channel is above 0; it keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[torch.Tensor] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        assert not self.training
        assert torch.is_inference_mode_enabled()
        self.batches.append(image)
        return torch.stack([torch.zeros_like(image[:, 0]), image[:, 0]], dim=1)


def test_whole_images_are_padded_with_grey_below_and_to_the_right(dataset: spec.Dataset, files: Files) -> None:
    image, truth, index = WholeImages(files, dataset, Trial(), IMAGENET)[0]
    assert (image.shape, image.dtype, index) == ((3, 16, 32), torch.float32, 0)
    mean, std = np.array(IMAGENET[0])[:, None, None], np.array(IMAGENET[1])[:, None, None]
    pixels = np.rint((image.numpy() * std + mean) * 255).transpose(1, 2, 0)
    assert (pixels[10:] == GREY).all()
    assert (pixels[:, 20:] == GREY).all()
    assert (pixels[:10, :20, 0] == np.where(truth.mask & (np.arange(20) > 3), 255, 0)).all()
    # 18 pixels in one small object; what is background is none
    assert (truth.sizes.pixels.tolist(), truth.sizes.objects.tolist()) == ([[0, 0, 0], [18, 0, 0]],
                                                                          [[0, 0, 0], [1, 0, 0]])  # fmt: skip


def test_the_memory_of_evaluated_images_is_returned(dataset: spec.Dataset, files: Files) -> None:
    trial, seen = Trial(workers=1), set[int]()
    whole = WholeImages(files, dataset, trial, IMAGENET)
    for index, _, _ in loop.predict(torch.nn.Conv2d(3, 2, 1), whole, CPU, trial, "val"):
        seen.add(index)
        assert loaders._blocks
    assert (seen, loaders._blocks) == ({0, 1, 2}, {})


def test_images_of_one_input_size_share_a_batch(dataset: spec.Dataset, files: Files) -> None:
    whole = WholeImages(files, dataset, Trial(), IMAGENET)
    assert whole.batches(2) == [[0, 2], [1]]
    assert whole.batches(1) == [[0], [2], [1]]
    assert WholeImages(files, dataset, Trial(), IMAGENET, scale=2.5).input_size(0) == (50, 25)
    resized = WholeImages(files, dataset, Trial(resize=(48, 64)), IMAGENET)
    assert resized.batches(2) == [[0, 1], [2]]
    assert (resized.input_size(1), resized[1][0].shape) == ((48, 64), (3, 64, 48))
    batch, truths, places = resized.__getitems__([1, 0])
    images = batch["image"]
    assert torch.equal(images, torch.stack([resized[1][0], resized[0][0]]))
    assert (images.shape, [truth.mask.shape for truth in truths], places) == ((2, 3, 64, 48), [(10, 32), (10, 20)],
                                                                              [1, 0])  # fmt: skip


@pytest.mark.parametrize("batch_size", [1, 3])
def test_an_evaluation_by_hand(dataset: spec.Dataset, files: Files, batch_size: int) -> None:
    whole, model = WholeImages(files, dataset, Trial(), IMAGENET), Bright().train()
    counts = loop.evaluate(model, whole, CPU, Trial(batch_size=2 if batch_size == 1 else 3, workers=0), "val")
    assert counts.ids.tolist() == files.ids
    assert counts.groups.tolist() == ["a", "b", "a"]
    # Of the object's 18 pixels the first column is missed: 3.
    assert counts.tp[:, 1].tolist() == [15, 15, 15]
    assert counts.fn[:, 1].tolist() == [3, 3, 3]
    assert counts.fp[:, 1].tolist() == [0, 0, 0]
    assert (counts.confusion.tolist(), counts.confusion.dtype) == ([[720 - 54, 0], [9, 45]], np.int64)
    assert (counts.components, counts.calibration) == (None, None)  # only where they are asked for
    assert [counts.object_tp[1].tolist(), counts.object_fn[1].tolist()] == [[45, 0, 0], [9, 0, 0]]
    assert counts.objects[1].tolist() == [3, 0, 0]
    assert sorted(len(batch) for batch in model.batches) == [1, 2]


def test_a_large_image_counts_band_by_band_like_a_whole_one(
    dataset: spec.Dataset, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, trial = Bright(), Trial(workers=0)
    whole = WholeImages(files, dataset, Trial(), IMAGENET)
    parted = WholeImages(dataclasses.replace(files, large=[False, True, False]), dataset, Trial(), IMAGENET)
    expected = loop.evaluate(model, whole, CPU, trial, "val", closely=True)
    logits, truth = next(found[1:] for found in loop.predict(model, whole, CPU, trial, "") if found[0] == 1)

    def bands(*given: object) -> Iterator[Any]:
        assert given == (model, parted, 1, CPU, trial)
        for rows in (slice(0, 4), slice(4, 10)):  # through the object, which lies in rows 2 to 4
            yield {"logits": logits[None, :, rows]}, truth.mask[rows]

    monkeypatch.setattr(loop, "in_bands", bands)
    counts = loop.evaluate(model, parted, CPU, trial, "val", closely=True)
    for name in ("tp", "fp", "fn", "ignored", "confusion", "object_tp", "object_fn", "objects", "components"):
        np.testing.assert_array_equal(getattr(counts, name), getattr(expected, name), name)
    np.testing.assert_allclose(counts.calibration, expected.calibration)


def test_without_the_instances_that_are_declared_nothing_is_counted_by_size(
    dataset: spec.Dataset, files: Files
) -> None:
    missing = Files(files.ids, files.images, files.masks, files.sizes, [Path("nowhere.png")] * 3)
    counts = loop.evaluate(Bright(), WholeImages(missing, dataset, Trial(), IMAGENET), CPU, Trial(workers=0), "val")
    assert counts.objects is None
    assert counts.tp[:, 1].tolist() == [15, 15, 15]


def test_chance_inside_the_network_is_seeded_epoch_by_epoch() -> None:
    def drawn(seed: int, epoch: int) -> Iterator[float]:
        seed_epoch(seed, epoch)
        return torch.rand(3).tolist()

    assert drawn(1, 2) == drawn(1, 2)
    assert len({tuple(drawn(*pair)) for pair in ((1, 1), (1, 2), (2, 1), (2, 2), (0, 3))}) == 5
    seeds = []
    for pair in ((3, 4), (2**62, 5)):  # the second is cut to what torch takes
        seed_epoch(*pair)
        seeds.append(torch.initial_seed())
    seed_epoch(3, 4, rank=5)
    assert [*seeds, torch.initial_seed()] == [3_000_013, (2**62 * 1_000_003 + 5) % 2**63, 3_000_013 + 5 * 2**52]


def test_the_loss_of_a_network_in_16_bits_is_in_32() -> None:
    trial = Trial(encoder_lr=0.25, lr=0.5, momentum=0.0, weight_decay=0.0, precision="bfloat16", epochs=2)
    taught = learner(trial)
    taught.model.encoder.weight.data.fill_(1 + 2**-12)  # which 7 bits of mantissa don't hold
    seen = []

    def loss_of(logits: torch.Tensor, *_: object) -> torch.Tensor:
        seen.append((logits.dtype, logits.item()))
        return logits.sum()

    loop.train_epoch(taught, [BATCH], loss_of, trial, 1, lambda _, logits: seen.append(logits.dtype))
    assert seen == [(torch.float32, 2.0), torch.float32]
    assert {weight.dtype for weight in taught.model.parameters()} == {torch.float32}


class Mean(torch.nn.Module):
    """Two linear layers without normalisation: a batch's samples don't meet."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.encoder, self.decoder = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.encoder(image).tanh())


def taught_by(sizes: list[int], accumulate: int, **settings: Any) -> list[torch.Tensor]:
    """The weights after an epoch over the same seven samples, in batches of these sizes."""
    trial = Trial(encoder_lr=0.5, lr=0.5, momentum=0.9, accumulate=accumulate, epochs=2, poly_power=1.0, **settings)
    model = Mean()
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    one = loop.Learner(model, make_optimizer(model, trial), scaler, CPU)
    images = torch.arange(21.0).reshape(7, 3).sin()
    batches = [{"image": image, "target": image[:, 0]} for image in images[: sum(sizes)].split(sizes)]
    begun = loop.Begun(Draws([], confidence=False))
    loop.train_epoch(one, batches, squares, trial, 1, lambda *_: None, begun=begun)
    assert begun.gathered == []
    return [parameter.detach() for parameter in model.parameters()]


def squares(logits: torch.Tensor, target: torch.Tensor, _: object) -> torch.Tensor:
    return (logits.sum(dim=1) - target).square().mean()


@pytest.mark.parametrize("settings", [{}, {"schedule": "onecycle"}, {"optimizer": "adamw"}])
@pytest.mark.parametrize(
    ("sizes", "accumulate", "whole"),
    [([2, 2], 2, [4]), ([2, 2, 2], 2, [4, 2]), ([2, 2, 2, 1], 2, [4, 3]), ([3, 3, 1], 3, [7]), ([2, 2, 2, 1], 9, [7])],
)
def test_gathered_gradients_are_those_of_the_whole_batch(
    sizes: list[int], accumulate: int, whole: list[int], settings: dict[str, str]
) -> None:
    """Groups that end early and smaller last batches too; the course counts the optimizer's steps."""
    for one, other in zip(taught_by(sizes, accumulate, **settings), taught_by(whole, 1, **settings), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def test_averaged_weights_follow_the_optimizers_steps() -> None:
    trial = Trial(encoder_lr=0.25, lr=0.5, momentum=0.0, accumulate=2, epochs=2)
    taught = learner(trial)
    taught.average = averaged(taught.model, 0.5)
    loop.train_epoch(taught, [BATCH] * 5, Seen(taught, [1.0] * 5), trial, 1, lambda *_: None)
    assert taught.average.n_averaged.item() == 3


@pytest.mark.parametrize("kind", [torch.uint8, torch.int16])
def test_a_loss_gets_int64_however_small_the_target_was_loaded(kind: torch.dtype) -> None:
    taught, kinds = learner(Trial()), []

    def loss_of(logits: torch.Tensor, target: torch.Tensor, _: object) -> torch.Tensor:
        kinds.append((target.dtype, target.tolist()))
        return logits.sum()

    loop.train_epoch(taught, [{**BATCH, "target": BATCH["target"].to(kind)}], loss_of, Trial(), 1, lambda *_: None)
    assert kinds == [(torch.int64, [7])]
