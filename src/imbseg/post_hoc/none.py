"""Prediction as trained: the class of the largest logit."""

import torch


def none(logits: torch.Tensor) -> torch.Tensor:
    """The class of the largest logit at each pixel; the first of equal ones.

    Returns:
        (images, height, width) int64 class indices.
    """
    return logits.max(dim=1).indices  # argmax along a dimension that isn't the last takes five times as long on a CPU
