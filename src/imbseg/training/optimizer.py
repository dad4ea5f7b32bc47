"""SGD and AdamW with a learning rate of its own for the encoder, and polynomial decay a step."""

from __future__ import annotations

import torch

from imbseg.trial import Trial


def make_optimizer(model: torch.nn.Module, trial: Trial) -> torch.optim.Optimizer:
    """Two parameter groups: the encoder's, then the rest."""
    encoder = list(model.encoder.parameters())  # type: ignore[union-attr]
    known = {id(parameter) for parameter in encoder}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in known]
    groups = [{"params": encoder, "lr": trial.encoder_lr}, {"params": rest, "lr": trial.lr}]
    if trial.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=trial.momentum, weight_decay=trial.weight_decay)
    return torch.optim.AdamW(groups, betas=(trial.momentum, 0.999), weight_decay=trial.weight_decay)


def poly_factor(step: int, steps: int, power: float) -> float:
    """The share of the first learning rate that a step takes: (1 - step / steps) ** power.

    Args:
        step: counted from 0.
        steps: of the whole training.
        power: the exponent.

    Source: Chen et al., DeepLab, arXiv:1606.00915, section 4.1.

    >>> poly_factor(0, 10, 0.9), poly_factor(5, 10, 1.0)
    (1.0, 0.5)
    """
    return float((1.0 - step / steps) ** power)


def set_learning_rates(optimizer: torch.optim.Optimizer, trial: Trial, factor: float) -> None:
    """Scale both groups' learning rates."""
    for group, first in zip(optimizer.param_groups, (trial.encoder_lr, trial.lr), strict=True):
        group["lr"] = first * factor
