"""Checks that run over every loss of the menu, and over a sum: a new entry is tested by being listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from imbseg.losses import LOSSES, terms

PARAMETERS = {name: field.default for name, (_, field) in LOSSES.declares().items()} | {"ohem_min": 4}
PRIORS = torch.tensor([0.7, 0.2, 0.1])
NAMES = [*LOSSES, "weighted_cross_entropy+0.5*lovasz"]
FLOAT32 = {"focal", "softmax_focal", "dice_focal", "lovasz"}  # the libraries cast to float32 inside
MEANS = {"cross_entropy", "weighted_cross_entropy", "focal", "softmax_focal", "logit_adjusted",
         "logit_variation"}  # over pixels  # fmt: skip
RANDOM = {"logit_variation"}
EXACT = [name for name in NAMES if not FLOAT32 & {term.name for term in terms.parse_terms(name)}]
Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def loss_of(name: str, weights: torch.Tensor | None = None) -> Loss:
    loss = terms.build(name, {**PARAMETERS, "class_weights": weights, "class_priors": PRIORS})

    def seeded(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)  # a loss that draws noise draws the same at every call
        return loss(logits, target, pixel_maps(target))

    return seeded


def tolerance(name: str) -> float:
    """Twice the pixels draw other noise: a loss that draws some has the same value nearly only."""
    return 0.1 if RANDOM & {term.name for term in terms.parse_terms(name)} else 1e-5


def pixel_maps(target: torch.Tensor) -> dict[str, torch.Tensor]:
    """One map of each name of PIXEL_MAPS, such as a sample brings along."""
    # The first class as on small objects, the others on larger; what is ignored must not count, however small.
    area = torch.where(target == 255, 1e-6, (1 + target) ** 2 / 100)
    return {"object_area": area}


def batch(images: int = 2, classes: int = 3, size: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(images, classes, size, size, generator=generator)
    return logits, torch.randint(0, classes, (images, size, size), generator=generator)


def sure(target: torch.Tensor) -> torch.Tensor:
    return 40.0 * functional.one_hot(target, 3).movedim(-1, 1).float() - 20.0


@pytest.mark.parametrize("name", NAMES)
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
        assert value.shape == ()
        value.backward()
        assert value.item() == 0
        assert not logits.grad.any()

    def test_a_batch_twice_over_gives_the_same_value(self, name: str) -> None:
        logits, target = batch()
        doubled = loss_of(name)(torch.cat([logits, logits]), torch.cat([target, target]))
        assert doubled.item() == pytest.approx(loss_of(name)(logits, target).item(), rel=tolerance(name))

    def test_a_mean_over_pixels_or_computed_over_the_whole_batch(self, name: str) -> None:
        logits, target = batch()
        apart = sum(loss_of(name)(logits[i : i + 1], target[i : i + 1]).item() for i in (0, 1)) / 2
        assert (loss_of(name)(logits, target).item() == pytest.approx(apart, rel=tolerance(name))) == (name in MEANS)

    def test_perfect_logits_are_nearly_free(self, name: str) -> None:
        _, target = batch()
        perfect = sure(target).requires_grad_()
        value = loss_of(name)(perfect, target)
        value.backward()
        assert value.item() < 1e-6
        assert torch.isfinite(perfect.grad).all()
        assert loss_of(name)(-sure(target), target).item() > 0.99

    def test_a_class_absent_from_the_batch_brings_no_reward(self, name: str) -> None:
        _, target = batch()
        target = target.clamp(max=1)
        loss = loss_of(name, torch.tensor([1.0, 1.0, 9.0]))
        absent = torch.full_like(target, 2)
        some = torch.where(torch.arange(4) < 1, absent, target)
        values = [loss(sure(labels), target).item() for labels in (target, some, absent)]
        assert values[0] < 1e-6 < values[1] <= values[2]  # ohem: the hardest are as wrong in both
        assert values[2] > 0.99

    def test_one_class_only(self, name: str) -> None:
        logits, target = batch()
        logits.requires_grad_()
        loss_of(name)(logits, torch.zeros_like(target)).backward()
        assert torch.isfinite(logits.grad).all()

    def test_descends(self, name: str) -> None:
        logits, target = batch()
        logits.requires_grad_()
        first = loss_of(name)(logits, target)
        (step,) = torch.autograd.grad(first, logits)
        assert loss_of(name)(logits - step, target) < first

    def test_half_precision(self, name: str) -> None:
        logits, target = batch()
        target[0, 0] = 255
        assert torch.isfinite(loss_of(name)((100 * logits).half(), target))
        low = (100 * logits).bfloat16().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            value = loss_of(name, torch.tensor([1.0, 2.0, 3.0]))(low, target)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(low.grad).all()

    def test_the_gradient_is_that_of_finite_differences(self, name: str) -> None:
        logits, target = batch(size=2)
        target[0, 0, 0] = 255
        logits.requires_grad_()
        (gradient,) = torch.autograd.grad(loss_of(name)(logits, target), logits)
        direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            ends = [loss_of(name)(logits + step * direction, target).item() for step in (0.01, -0.01)]
        assert (gradient * direction).sum().item() == pytest.approx((ends[0] - ends[1]) / 0.02, abs=1e-3)


@pytest.mark.parametrize("name", EXACT)
def test_gradients_in_double_precision(name: str) -> None:
    logits, target = batch(size=2)
    target[0, 0, 0] = 255
    loss = loss_of(name, torch.tensor([1.0, 2.0, 3.0]))
    assert torch.autograd.gradcheck(lambda given: loss(given, target), logits.double().requires_grad_())


def test_float64_is_kept_where_the_library_allows_it() -> None:
    logits, target = batch()
    assert {name for name in LOSSES if loss_of(name)(logits.double(), target).dtype != torch.float64} <= FLOAT32
