"""Cross-entropy, plain and with class weights."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

IGNORE = 255


def cross_entropy(logits: Tensor, target: Tensor, *, class_weights: Tensor | None) -> Tensor:
    """Mean cross-entropy of the labelled pixels, each weighted by its class.

    sum over pixels of w[y] * -log softmax(logits)[y] / sum over pixels of w[y]; a doubled weight vector gives the
    same loss.

    Args:
        logits: (images, classes, height, width) float; computed in float32 whatever comes in, float64 kept.
        target: (images, height, width) int64, 255 = ignored.
        class_weights: (classes,) or None.

    Returns:
        Scalar; 0 with a zero gradient where every pixel is ignored.
    """
    exact = logits if logits.dtype == torch.float64 else logits.float()
    weights = None if class_weights is None else class_weights.to(exact)
    total = functional.cross_entropy(exact, target, weight=weights, ignore_index=IGNORE, reduction="sum")
    labelled = target != IGNORE
    weight = labelled.sum() if weights is None else (weights[torch.where(labelled, target, 0)] * labelled).sum()
    # Only ignored pixels: 0 / 1 instead of 0 / 0.
    return total / torch.where(weight > 0, weight, torch.ones_like(weight))
