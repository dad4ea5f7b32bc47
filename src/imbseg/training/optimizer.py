"""SGD and AdamW with a learning rate of its own for the encoder, its course, gathered gradients, averaged weights."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from imbseg.trial import Trial


def make_optimizer(model: torch.nn.Module, trial: Trial) -> torch.optim.Optimizer:
    """Two parameter groups: the encoder's, then the rest; with fast_cpu one operation takes a group's whole step."""
    encoder = dict.fromkeys(model.encoder.parameters())  # type: ignore[union-attr]
    rest = [parameter for parameter in model.parameters() if parameter not in encoder]
    groups = [{"params": list(encoder), "lr": trial.encoder_lr}, {"params": rest, "lr": trial.lr}]
    fused = (trial.fast_cpu and trial.precision == "float32" and rest[0].is_cpu) or None
    if trial.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=trial.momentum, weight_decay=trial.weight_decay, fused=fused)
    return torch.optim.AdamW(groups, betas=(trial.momentum, 0.999), weight_decay=trial.weight_decay, fused=fused)


def poly_factor(step: int, steps: int, power: float) -> float:
    """The share of the first learning rate that a step takes: (1 - step / steps) ** power.

    Args:
        step: counted from 0.

    Source: Chen et al., DeepLab, arXiv:1606.00915, section 4.1.

    >>> poly_factor(0, 10, 0.9), poly_factor(5, 10, 1.0)
    (1.0, 0.5)
    """
    return float((1.0 - step / steps) ** power)


def onecycle_factor(step: int, steps: int) -> float:
    """The share of the highest learning rate that a step takes: up by a cosine for 30 % of the steps, then down.

    Args:
        step: counted from 0.

    Source: Smith and Topin, arXiv:1708.07120; the shape and numbers of torch's OneCycleLR: from 1/25 to 1/250,000.

    >>> round(onecycle_factor(0, 100), 6), onecycle_factor(29, 100), round(onecycle_factor(99, 100), 6)
    (0.04, 1.0, 4e-06)
    """
    peak = 0.3 * steps - 1
    if step <= peak and peak > 0:
        return _cosine(0.04, 1.0, step / peak)
    return _cosine(1.0, 4e-6, (step - peak) / (0.7 * steps))


def _cosine(first: float, last: float, part: float) -> float:
    return last + (first - last) / 2 * (1 + math.cos(math.pi * part))


def schedule_factor(trial: Trial, step: int, steps: int) -> float:
    """The share of the learning rates that a step takes."""
    return onecycle_factor(step, steps) if trial.schedule == "onecycle" else poly_factor(step, steps, trial.poly_power)


def set_learning_rates(optimizer: torch.optim.Optimizer, trial: Trial, factor: float) -> None:
    """Scale both groups' learning rates."""
    for group, first in zip(optimizer.param_groups, (trial.encoder_lr, trial.lr), strict=True):
        group["lr"] = first * factor


def share(gathered: Sequence[int], every: int) -> float:
    """The share of a batch's loss in the mean over a group of batches, should all be as large as the first.

    Args:
        gathered: samples of the group's batches so far, this one's last.
        every: batches of a whole group.

    >>> share([4, 4], 2), share([4, 2], 2), share([4], 1)
    (0.5, 0.25, 1.0)
    """
    return gathered[-1] / (gathered[0] * every)


def rest(gathered: Sequence[int], every: int) -> float:
    """What makes the shares of a group one, whose batches are fewer or smaller.

    >>> rest([4, 4], 2), rest([4], 2), rest([4, 2], 2)
    (1.0, 2.0, 1.3333333333333333)
    """
    return gathered[0] * every / sum(gathered)


def multiply_gradients(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Multiply all gradients, in place."""
    if factor != 1:
        gradients = [one.grad for group in optimizer.param_groups for one in group["params"] if one.grad is not None]
        torch._foreach_mul_(gradients, factor)


def averaged(model: torch.nn.Module, decay: float) -> AveragedModel:
    """A copy of a network that follows it; `update_parameters` after each step.

    Step t moves it by 1 - min(decay, (1 + t) / (10 + t)), so that the first weights, which are random, fade in short
    trainings too. Running means and variances are averaged like weights.

    Source: Polyak and Juditsky, 1992; the ramp as in timm's ModelEmaV3 and TensorFlow's ExponentialMovingAverage.
    """

    def follow(average: Any, current: Any, steps: Any) -> None:
        if not torch.is_floating_point(average[0]):  # counts of batches
            for one, other in zip(average, current, strict=True):
                one.copy_(other)
            return
        kept = min(decay, (1 + int(steps)) / (10 + int(steps)))
        torch._foreach_lerp_(average, current, 1 - kept)

    return AveragedModel(model, multi_avg_fn=follow, use_buffers=True)
