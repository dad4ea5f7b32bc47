from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from imbseg import menu
from imbseg.losses import CLASS_WEIGHTS, LOSSES
from imbseg.losses.cross_entropy import cross_entropy
from imbseg.losses.focal import focal, softmax_focal

PARAMETERS = {"gamma": 2.0, "alpha": None}


def loss_of(name: str, weights: torch.Tensor | None = None):
    taken = menu.arguments(LOSSES, name)
    given = {key: value for key, value in PARAMETERS.items() if key in taken}
    function = menu.choose(LOSSES, name, "loss")
    return lambda logits, target: function(logits, target, class_weights=weights, **given)


def batch(images: int = 2, classes: int = 3, size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(images, classes, size, size, generator=generator)
    return logits, torch.randint(0, classes, (images, size, size), generator=generator)


def test_cross_entropy_by_hand() -> None:
    # Two classes, 2 x 2 pixels: logits (0, log 3) give class 1 the probability 3/4, equal logits 1/2.
    logits = torch.tensor([[[[0.0, 0.0], [0.0, 0.0]], [[math.log(3), 0.0], [math.log(3), 9.0]]]])
    target = torch.tensor([[[1, 0], [0, 255]]])
    plain = (-math.log(3 / 4) - math.log(1 / 2) - math.log(1 / 4)) / 3
    assert cross_entropy(logits, target, class_weights=None).item() == pytest.approx(plain, rel=1e-6)
    weighted = (3 * -math.log(3 / 4) - math.log(1 / 2) - math.log(1 / 4)) / (3 + 1 + 1)
    found = cross_entropy(logits, target, class_weights=torch.tensor([1.0, 3.0])).item()
    assert found == pytest.approx(weighted, rel=1e-6)


def test_focal_by_hand() -> None:
    # One labelled pixel of class 1, both logits 0: p = 1/2 for each class, (1/2)^2 * log 2 for each, summed.
    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])
    assert focal(logits, target, class_weights=None, gamma=2.0, alpha=None).item() == pytest.approx(0.5 * math.log(2))
    # alpha weighs the positive class .25 and the negative .75: the sum of both halves is half the sum above.
    found = focal(logits, target, class_weights=None, gamma=2.0, alpha=0.25).item()
    assert found == pytest.approx(0.25 * math.log(2))
    # gamma 0 is the binary cross-entropy of every class.
    assert focal(logits, target, class_weights=None, gamma=0.0, alpha=None).item() == pytest.approx(2 * math.log(2))


def test_softmax_focal_by_hand() -> None:
    # softmax 1/2 each: |y - softmax|^2 = 1/4 for both classes, binary cross-entropy of logit 0 is log 2.
    logits, target = torch.zeros(1, 2, 1, 2), torch.tensor([[[1, 255]]])
    found = softmax_focal(logits, target, class_weights=None, gamma=2.0).item()
    assert found == pytest.approx(0.5 * math.log(2))
    weighted = softmax_focal(logits, target, class_weights=torch.tensor([1.0, 3.0]), gamma=2.0).item()
    assert weighted == pytest.approx(math.log(2))


@pytest.mark.parametrize("name", LOSSES)
class TestEveryLoss:
    def test_ignored_pixels_change_neither_value_nor_gradient(self, name: str) -> None:
        logits, target = batch()
        wide = torch.cat([logits, 7 * torch.ones_like(logits)], dim=3)
        ignored = torch.cat([target, torch.full_like(target, 255)], dim=2)
        one, other = logits.clone().requires_grad_(), wide.clone().requires_grad_()
        value, same = loss_of(name)(one, target), loss_of(name)(other, ignored)
        assert same.item() == pytest.approx(value.item(), rel=1e-5)
        value.backward()
        same.backward()
        torch.testing.assert_close(other.grad[..., :4], one.grad)
        assert not other.grad[..., 4:].any()

    def test_only_ignored_pixels_give_zero(self, name: str) -> None:
        logits, target = batch()
        logits.requires_grad_()
        value = loss_of(name, torch.tensor([1.0, 2.0, 3.0]))(logits, torch.full_like(target, 255))
        value.backward()
        assert value.item() == 0
        assert not logits.grad.any()

    def test_the_batch_size_does_not_scale_it(self, name: str) -> None:
        logits, target = batch()
        doubled = loss_of(name)(torch.cat([logits, logits]), torch.cat([target, target]))
        assert doubled.item() == pytest.approx(loss_of(name)(logits, target).item(), rel=1e-5)

    def test_perfect_logits_are_nearly_free(self, name: str) -> None:
        _, target = batch()
        perfect = 40.0 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float() - 20.0
        assert loss_of(name)(perfect, target).item() < 1e-6
        assert loss_of(name)(-perfect, target).item() > 1

    def test_a_class_absent_from_the_batch(self, name: str) -> None:
        logits, target = batch()
        assert torch.isfinite(loss_of(name, torch.tensor([1.0, 1.0, 9.0]))(logits, target.clamp(max=1)))

    def test_descends(self, name: str) -> None:
        logits, target = batch()
        logits.requires_grad_()
        first = loss_of(name)(logits, target)
        (step,) = torch.autograd.grad(first, logits)
        assert loss_of(name)(logits - step, target) < first

    def test_half_precision_logits(self, name: str) -> None:
        logits, target = batch()
        assert torch.isfinite(loss_of(name)((100 * logits).half(), target))


COUNTS = np.array([900, 90, 10, 0])


@pytest.mark.parametrize("name", CLASS_WEIGHTS)
def test_every_scheme_has_mean_one_and_favours_the_rare(name: str) -> None:
    given = {"pixel_counts": COUNTS, "image_pixel_counts": np.array([1000, 1000, 200, 0])}
    wanted = menu.arguments(CLASS_WEIGHTS, name)
    weights = menu.choose(CLASS_WEIGHTS, name, "class weights")(**{key: given[key] for key in wanted})
    assert weights[:3].mean() == pytest.approx(1)
    assert weights[3] == 1  # no pixel: neutral
    assert np.isfinite(weights).all()
    if name != "none":
        assert weights[0] < weights[1] < weights[2]


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("inverse", 90.0),
        ("inverse_sqrt", math.sqrt(90)),
        ("inverse_log", math.log(1.02 + 0.9) / math.log(1.02 + 0.01)),
        # N = 1000 / 3 pixels a class present, beta = 1 - 3 / 1000.
        ("effective_number", (1 - 0.997**900) / (1 - 0.997**10)),
    ],
)
def test_schemes_by_hand(name: str, ratio: float) -> None:
    weights = menu.choose(CLASS_WEIGHTS, name, "class weights")(COUNTS)
    assert weights[2] / weights[0] == pytest.approx(ratio)


@pytest.mark.parametrize("name", sorted(set(CLASS_WEIGHTS) - {"median_frequency"}))
@pytest.mark.parametrize("counts", [[0, 0], [1, 0], [1, 1], [5, 5]])
def test_schemes_at_counts_of_zero_and_one(name: str, counts: list[int]) -> None:
    weights = menu.choose(CLASS_WEIGHTS, name, "class weights")(np.array(counts))
    assert weights.tolist() == pytest.approx([1, 1])
