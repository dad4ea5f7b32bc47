"""What every loss keeps."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from imbseg.checks.expect import Named, defaults, expect, wanted
from imbseg.losses import LOSSES, terms
from imbseg.losses.pixels import IGNORE

Loss = Callable[[Tensor, Tensor], Tensor]
CLASSES = 3
PRIORS = torch.tensor([0.7, 0.2, 0.1])
WEIGHTS = torch.tensor([1.0, 2.0, 3.0])
NOISE = 0.1  # by which a loss that draws noise may differ on other pixels


def loss_of(loss: Named, weights: Tensor | None = WEIGHTS, **settings: Any) -> Loss:
    """A loss as a function of logits and target; noise that it draws is the same at every call."""
    given = {**defaults(LOSSES), "ohem_min": 4, "class_weights": weights, "class_priors": PRIORS, **settings}

    def seeded(logits: Tensor, target: Tensor) -> Tensor:
        torch.manual_seed(0)
        # The first class as on small objects, the others on larger; what is ignored must not count, however small.
        maps = {"object_area": torch.where(target == IGNORE, 1e-6, (1 + target) ** 2 / 100)}
        if isinstance(loss, str):
            found: Tensor = terms.build(loss, given)(logits, target, maps)
        else:
            found = loss(**wanted(loss, {**given, **maps, "logits": logits, "target": target}))
        return found

    return seeded


def batch(images: int = 2, size: int = 4) -> tuple[Tensor, Tensor]:
    """Logits (images, classes, size, size) and target (images, size, size), the same at every call."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(images, CLASSES, size, size, generator=generator)
    return logits, torch.randint(0, CLASSES, (images, size, size), generator=generator)


def sure(target: Tensor) -> Tensor:
    """Logits that leave no doubt of the target."""
    return 40.0 * functional.one_hot(target, CLASSES).movedim(-1, 1).float() - 20.0


def gives_one_number(loss: Loss, _: float) -> None:
    """A finite scalar with a finite gradient, the same at every call; its arguments stay untouched."""
    logits, target = batch()
    kept, truth = logits.clone(), target.clone()
    value, gradient = _with_gradient(loss, logits, target)
    expect(value.shape == (), "one number, a tensor of shape ()", tuple(value.shape))
    _finite(value, gradient)
    expect(torch.equal(logits, kept) and torch.equal(target, truth), "untouched arguments", "changed ones")
    again = loss(logits, target)
    expect(torch.equal(again, value), "the same value at every call", [value.item(), again.item()])


def ignored_pixels_count_for_nothing(loss: Loss, _: float) -> None:
    """As many ignored pixels more change neither value nor gradient, and have none themselves."""
    logits, target = batch()
    wide = torch.cat([logits, 7 * torch.ones_like(logits)], dim=3)
    ignored = torch.cat([target, torch.full_like(target, IGNORE)], dim=2)
    (value, gradient), (same, wider) = _with_gradient(loss, logits, target), _with_gradient(loss, wide, ignored)
    _near(same.item(), value.item(), 1e-5, "the value without ignored pixels")
    expect(
        torch.allclose(wider[..., :4], gradient, rtol=1.3e-6, atol=1e-5),
        "the gradient without ignored pixels",
        "another",
    )
    expect(not wider[..., 4:].any(), "no gradient at ignored pixels", wider[..., 4:].abs().max().item())


def only_ignored_pixels_give_0(loss: Loss, _: float) -> None:
    """A batch without a labelled pixel gives 0 with a zero gradient."""
    logits, target = batch()
    value, gradient = _with_gradient(loss, logits, torch.full_like(target, IGNORE))
    expect(value.shape == () and value.item() == 0, "0 of a batch of ignored pixels", value.tolist())
    expect(not gradient.any(), "a zero gradient of ignored pixels", gradient.abs().max().item())


def does_not_grow_with_the_batch(loss: Loss, tolerance: float) -> None:
    """A batch twice over has the same value."""
    logits, target = batch()
    doubled = loss(torch.cat([logits, logits]), torch.cat([target, target])).item()
    _near(doubled, loss(logits, target).item(), tolerance, "the value of half the batch")


def costs_nothing_when_right(loss: Loss, _: float) -> None:
    """Sure and right logits are nearly free, with a finite gradient; sure and wrong ones cost."""
    target = batch()[1]
    right, gradient = _with_gradient(loss, sure(target), target)
    _finite(right, gradient)
    wrong = loss(-sure(target), target).item()
    expect(wrong > 0.99, "sure and wrong logits to cost about 1 or more", wrong)
    expect(right.item() < 1e-6, "sure and right logits to cost nothing", right.item())


def an_absent_class_brings_no_reward(loss: Loss, _: float) -> None:
    """Predicting a class that no pixel of the batch shows costs, the more of it the more."""
    target = batch()[1].clamp(max=1)
    absent = torch.full_like(target, 2)
    some = torch.where(torch.arange(4) < 1, absent, target)
    values = [loss(sure(labels), target).item() for labels in (target, some, absent)]
    expect(values[0] < 1e-6 < values[1] <= values[2] > 0.99, "more of an absent class to cost more", values)


def takes_one_class_only(loss: Loss, _: float) -> None:
    """A batch of one class has a finite gradient."""
    logits, target = batch()
    _finite(*_with_gradient(loss, logits, torch.zeros_like(target)))


def descends(loss: Loss, _: float) -> None:
    """A step along the gradient lowers it."""
    logits, target = batch()
    value, gradient = _with_gradient(loss, logits, target)
    after = loss(logits - gradient, target).item()
    expect(after < value.item(), "a smaller value after a step along the gradient", [value.item(), after])


def takes_half_precision(loss: Loss, _: float) -> None:
    """Large float16 and bfloat16 logits give a finite value and gradient."""
    logits, target = batch()
    target[0, 0] = IGNORE
    for kind in (torch.float16, torch.bfloat16):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=kind == torch.bfloat16):
            _finite(*_with_gradient(loss, (100 * logits).to(kind), target))


def has_the_gradient_of_its_value(loss: Loss, _: float) -> None:
    """The gradient is that of finite differences."""
    logits, target = batch(size=2)
    target[0, 0, 0] = IGNORE
    gradient = _with_gradient(loss, logits, target)[1]
    direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1))
    ends = [loss(logits + step * direction, target).item() for step in (0.01, -0.01)]
    slope, expected = (gradient * direction).sum().item(), (ends[0] - ends[1]) / 0.02
    expect(abs(slope - expected) < 1e-3, f"a slope of {expected:g} by finite differences", slope)


def _with_gradient(loss: Loss, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    given = logits.detach().clone().requires_grad_()
    value = loss(given, target)
    (gradient,) = torch.autograd.grad(value.sum(), given)
    return value.detach(), gradient


def _finite(value: Tensor, gradient: Tensor) -> None:
    expect(bool(torch.isfinite(value).all()), "a finite value", value.tolist())
    expect(bool(torch.isfinite(gradient).all()), "a finite gradient", "one that isn't")


def _near(found: float, expected: float, tolerance: float, what: str) -> None:
    expect(abs(found - expected) <= tolerance * abs(expected), f"{what}, {expected:g}", found)


LOSS_CHECKS: tuple[Callable[[Loss, float], None], ...] = (
    gives_one_number,
    ignored_pixels_count_for_nothing,
    only_ignored_pixels_give_0,
    does_not_grow_with_the_batch,
    costs_nothing_when_right,
    an_absent_class_brings_no_reward,
    takes_one_class_only,
    descends,
    takes_half_precision,
    has_the_gradient_of_its_value,
)
