"""Checks that run over every loss of the menu, and over a sum: a new entry is tested by being listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from imbseg.checks import CheckFailed, check_loss
from imbseg.checks.losses import LOSS_CHECKS, NOISE, WEIGHTS, batch, loss_of
from imbseg.losses import LOSSES

NAMES = [*LOSSES, "weighted_cross_entropy+0.5*lovasz"]
MEANS = ("cross_entropy", "weighted_cross_entropy", "focal", "softmax_focal", "logit_adjusted",
         "logit_variation")  # over pixels  # fmt: skip
WHOLE = ("dice", "dice_focal", "lovasz", "tversky", "unified_focal", "jaccard_metric", "size_balanced", "ohem",
         "cc_dice", "weighted_cross_entropy+0.5*lovasz")  # counted over the whole batch  # fmt: skip
RANDOM = {"logit_variation"}
EXACT = ("cross_entropy", "weighted_cross_entropy", "dice", "tversky", "unified_focal", "jaccard_metric",
         "logit_adjusted", "logit_variation", "size_balanced", "ohem", "cc_dice")  # keep float64  # fmt: skip


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
@pytest.mark.parametrize("check", LOSS_CHECKS)
@pytest.mark.parametrize("name", NAMES)
def test_every_loss(name: str, check: Callable[..., None], weights: torch.Tensor | None) -> None:
    check(loss_of(name, weights), NOISE if name in RANDOM else 1e-5)


@pytest.mark.parametrize("name", [*MEANS, *WHOLE])
def test_a_mean_over_pixels_or_computed_over_the_whole_batch(name: str) -> None:
    logits, target = batch()
    loss = loss_of(name, None)
    apart = sum(loss(logits[i : i + 1], target[i : i + 1]).item() for i in (0, 1)) / 2
    tolerance = NOISE if name in RANDOM else 1e-5
    assert (loss(logits, target).item() == pytest.approx(apart, rel=tolerance)) == (name in MEANS)


@pytest.mark.parametrize("name", EXACT)
def test_gradients_in_double_precision(name: str) -> None:
    logits, target = batch(size=2)
    target[0, 0, 0] = 255
    loss = loss_of(name)
    assert loss(logits.double(), target).dtype == torch.float64
    given = logits.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: loss(values, target), given, fast_mode=True)  # along random lines


def pixelwise(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits.float(), target, ignore_index=255, reduction="none")


def mean(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return pixelwise(logits, target).sum() / (target != 255).sum().clamp_min(1)


WRONG = {
    "expected one number": pixelwise,
    "the same value at every call": lambda logits, target: mean(logits, target) * (1 + next(TICKS)),
    "the value without ignored pixels": lambda logits, target: pixelwise(logits, target).mean(),
    "0 of a batch of ignored pixels": lambda logits, target: mean(logits, target) + 0 / (target != 255).sum(),
    "the value of half the batch": lambda logits, target: pixelwise(logits, target).sum(),
    "to cost nothing": lambda logits, target: mean(logits, target) + 0.1 * (target != 255).any(),
    "untouched arguments": lambda logits, target: mean(logits, target.clamp_(max=1)),
    "a slope of": lambda logits, target: mean(logits, target) + mean(logits, target) - mean(logits, target).detach(),
}
TICKS = iter(range(10**6))


@pytest.mark.parametrize("message", WRONG)
def test_the_checks_refuse_a_wrong_loss(message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        check_loss(WRONG[message])


def test_the_checks_take_a_function_and_its_own_parameter() -> None:
    check_loss(mean)
    check_loss(lambda logits, target, factor: factor * mean(logits, target), factor=2.0)
