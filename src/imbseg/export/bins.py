"""Adaptive average pooling of maps whose size is known only when an image comes, which ONNX lacks (UPerNet's)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn


class Bins(nn.Module):
    """What nn.AdaptiveAvgPool2d does: bin i of k takes pixels floor(i n / k) to ceil((i + 1) n / k)."""

    def __init__(self, count: int) -> None:
        """Take how many bins there are along each side."""
        super().__init__()
        self.count = count

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """(images, channels, height, width) -> (images, channels, count, count)."""
        rows, columns = (self._shares(maps.shape[axis]) for axis in (-2, -1))
        return rows @ maps @ columns.T

    def _shares(self, side: int) -> torch.Tensor:
        """(count, side) float32: 1 / pixels of the bin, 0 outside it."""
        first = torch.arange(self.count)[:, None] * side
        pixels = torch.arange(side) * self.count
        inside = ((pixels + self.count > first) & (pixels < first + side)).float()
        return inside / inside.sum(dim=1, keepdim=True)


def with_bins(model: nn.Module) -> nn.Module:
    """The network, or a copy of it that pools so; one bin is an average, which ONNX has."""
    pools = {name: part for name, part in model.named_modules() if isinstance(part, nn.AdaptiveAvgPool2d)}
    counts = {name: count for name, part in pools.items() if (count := _count(part.output_size)) != 1}
    if not counts:
        return model
    found = copy.deepcopy(model)
    for name, count in counts.items():
        parent, _, own = name.rpartition(".")
        setattr(found.get_submodule(parent), own, Bins(count))
    return found


def _count(size: Any) -> int:
    """Of a pool that is as fine along both sides."""
    return int(size if isinstance(size, int) else size[0])
