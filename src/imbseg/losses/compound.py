"""Losses that join a mean over pixels and an overlap of the whole batch."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from imbseg.losses.focal import Alpha, Gamma, focal
from imbseg.losses.overlap import dice
from imbseg.losses.pixels import exact, one_hot, without_ignored

FOCAL_SHARE = 0.5  # lambda of the unified focal loss, as published


def dice_focal(logits: Tensor, target: Tensor, *, class_weights: Tensor | None, gamma: Gamma, alpha: Alpha) -> Tensor:
    """`dice` + `focal`, the same as the sum `dice+focal`; class weights reach both.

    Source: Zhu et al., AnatomyNet, arXiv:1808.05238, equation 5 (with a plain Dice part).
    """
    part = dice(logits, target, class_weights=class_weights)
    return part + focal(logits, target, class_weights=class_weights, gamma=gamma, alpha=alpha)


def unified_focal(
    logits: Tensor,
    target: Tensor,
    *,
    class_priors: Tensor,
    delta: Annotated[float, Field(0.6, ge=0, le=1, description="unified_focal's weight of rare classes")],
    unified_gamma: Annotated[float, Field(0.5, ge=0, le=0.99, description="unified_focal's focusing exponent")],
) -> Tensor:
    """Asymmetric unified focal loss: half of each of a cross-entropy and an overlap that both favour rare classes.

    Cross-entropy, mean over labelled pixels: delta * -log p of a rare class, (1 - delta) (1 - p)^g * -log p of a
    common one. Overlap, mean over the classes in the batch, counts over the whole batch: with
    m = TP / (TP + delta FN + (1 - delta) FP), 1 - m of a common class, (1 - m)^(1 - g) of a rare one.
    The paper names one rare class; here every class below an equal share of the train fold's pixels is rare.

    Args:
        delta: weight in [0, 1] of the rare classes, and of false negatives in the overlap.
        unified_gamma: g in [0, 1): holds common classes back, lifts rare ones.

    Source: Yeung et al., arXiv:2102.04525, section 3.4 (asymmetric variant).
    """
    logits = exact(logits)
    truth = one_hot(target, logits.shape[1], logits)  # (images, classes, height, width)
    rare = class_priors.to(logits) < 1 / logits.shape[1]  # (classes,)
    pixels = _asymmetric_focal(logits, target, rare, delta, unified_gamma)
    overlap = _asymmetric_tversky(logits, truth, rare, delta, unified_gamma)
    return FOCAL_SHARE * pixels + (1 - FOCAL_SHARE) * overlap


def _asymmetric_focal(logits: Tensor, target: Tensor, rare: Tensor, delta: float, gamma: float) -> Tensor:
    safe, labelled = without_ignored(target, logits.shape[1])
    log_p = logits.log_softmax(dim=1).gather(1, safe.unsqueeze(1)).squeeze(1)  # (images, height, width)
    focus = (1 - log_p.exp()).clamp_min(1e-12) ** gamma  # an exponent below 1 has an infinite slope at 0
    each = -log_p * torch.where(rare[safe], delta, (1 - delta) * focus)
    return (each * labelled).sum() / labelled.sum().clamp_min(1)


def _asymmetric_tversky(logits: Tensor, truth: Tensor, rare: Tensor, delta: float, gamma: float) -> Tensor:
    p = logits.softmax(dim=1) * truth.sum(dim=1, keepdim=True)
    right = (p * truth).sum(dim=(0, 2, 3))  # (classes,)
    wrong = delta * ((1 - p) * truth).sum(dim=(0, 2, 3)) + (1 - delta) * (p * (1 - truth)).sum(dim=(0, 2, 3))
    one_minus_m = (wrong / (right + wrong).clamp_min(1e-12)).clamp_min(1e-12)
    each = torch.where(rare, one_minus_m ** (1 - gamma), one_minus_m)
    present = truth.sum(dim=(0, 2, 3)) > 0
    return (each * present).sum() / present.sum().clamp_min(1)
