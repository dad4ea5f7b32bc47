"""A moving average of a network's weights, which scores better and steadier than the last step's."""

from __future__ import annotations

from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel


def averaged(model: torch.nn.Module, decay: float) -> AveragedModel:
    """A copy of a network that follows it; `update_parameters` after each step.

    Step t moves it by 1 - min(decay, (1 + t) / (10 + t)), so that the first weights, which are random, fade in short
    trainings too. Running means and variances are averaged like weights.

    Args:
        decay: in (0, 1).

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
