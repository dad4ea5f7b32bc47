"""Layers whose gradients a processor computes several times as fast when they are written otherwise: `fast_cpu`.

The mathematics is equal, the order of the sums isn't. Depthwise convolutions: at stride 1 the gradient of the input is
itself a convolution, with the kernel turned around, and oneDNN has code for that at any dilation. For the gradient of
the weights it has code for kernels of up to three columns without dilation: wider ones are taken in strips of columns,
and a dilated convolution is one without dilation on every so many-th pixel. Rows and columns of a kernel that see
padding alone are left out. A convolution of 1 x 1 is a product of matrices, and bilinear upsampling is one along each
side. ReLU6 in place keeps its output in place of a copy of its input. Without gradients, as in evaluation, every layer
does what the library's does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from imbseg.models.pieces import columns_of, every

Tensor = torch.Tensor
Sides = tuple[int, int]  # rows, columns
STRIP = 3  # columns of a kernel up to which oneDNN has code for the gradient of its weights
NONE: Sides = (1, 1)  # stride or dilation


def faster(model: nn.Module) -> nn.Module:
    """Give a network such layers in place of the library's; names and weights of the layers stay as they are.

    >>> faster(nn.Sequential(nn.Conv2d(8, 8, 5, groups=8), nn.Conv2d(8, 4, 1), nn.Conv2d(4, 4, 3)))
    Sequential(
      (0): Depthwise(8, 8, kernel_size=(5, 5), stride=(1, 1), groups=8)
      (1): Pointwise(8, 4, kernel_size=(1, 1), stride=(1, 1))
      (2): Conv2d(4, 4, kernel_size=(3, 3), stride=(1, 1))
    )
    """
    last = any(one.dim() == 4 and not one.is_contiguous() for one in model.parameters())
    for part in model.modules():
        if type(part) is nn.Conv2d and part.padding_mode == "zeros" and not isinstance(part.padding, str):
            if part.groups == part.in_channels == part.out_channels > 1:
                part.__class__ = Depthwise
            elif part.kernel_size == part.stride == NONE and part.padding == (0, 0) and part.groups == 1:
                part.__class__ = PointwiseLast if last else Pointwise
        elif isinstance(part, nn.Upsample) and part.mode == "bilinear" and not part.recompute_scale_factor:
            part.__class__ = Bilinear
        elif type(part) in (nn.ReLU6, nn.Hardtanh) and part.inplace:
            part.__class__ = Clamp
    head = getattr(model, "segmentation_head", None)
    for part in head.modules() if isinstance(head, nn.Module) else ():
        if isinstance(part, Bilinear):
            part.planes = True
    return model


def _as_the_library() -> bool:
    return not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu")


class Pointwise(nn.Conv2d):
    """A convolution of 1 x 1."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if _as_the_library() or not input.is_contiguous(memory_format=torch.channels_last):
            same: Tensor = super()._conv_forward(input, weight, bias)
            return same
        return functional.linear(input.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


class PointwiseLast(Pointwise):
    """The same in a network that lays the channels of a pixel side by side: a map that doesn't is laid so first."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if not _as_the_library():
            input = input.contiguous(memory_format=torch.channels_last)
        return super()._conv_forward(input, weight, bias)


class Depthwise(nn.Conv2d):
    """A convolution of each channel by itself."""

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if _as_the_library():
            same: Tensor = super()._conv_forward(input, weight, bias)
            return same
        how: tuple[Any, ...] = self.stride, self.padding, self.dilation
        if self.stride == NONE and _same(weight, *how[1:]):
            weight, *reach = _reaching(weight, input.shape[-2:], how[2])
            how = NONE, *reach
        out: Tensor = _Depthwise.apply(input, weight, *how)
        return out if bias is None else out + bias[:, None, None]


def _same(weight: Tensor, padding: Any, dilation: Sides) -> bool:
    """Whether a kernel has a middle, and its map the size of its input."""
    sides = zip(weight.shape[-2:], padding, dilation, strict=True)
    return all(taps % 2 == 1 and 2 * pad == step * (taps - 1) for taps, pad, step in sides)


def _reaching(weight: Tensor, size: Any, dilation: Sides) -> tuple[Tensor, Sides, Sides]:
    """The rows and columns of a kernel that see more than padding, with their padding and dilation."""
    for axis, (cells, step) in enumerate(zip(size, dilation, strict=True), start=2):
        middle = weight.shape[axis] // 2
        reach = min(middle, (cells - 1) // step)
        weight = weight.narrow(axis, middle - reach, 2 * reach + 1)
    taps = weight.shape[2:]
    down, across = (1 if number == 1 else step for number, step in zip(taps, dilation, strict=True))
    return weight, (down * (taps[0] // 2), across * (taps[1] // 2)), (down, across)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, weight: Tensor, stride: Sides, padding: Sides, dilation: Sides) -> Tensor:
        ctx.save_for_backward(input, weight)
        ctx.how = stride, padding, dilation
        if _scales(weight, *ctx.how):
            return input * weight[:, 0]
        return functional.conv2d(input, weight, None, stride, padding, dilation, weight.shape[0])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        input, weight = ctx.saved_tensors
        if input.is_contiguous(memory_format=torch.channels_last):
            grad = grad.contiguous(memory_format=torch.channels_last)
        wanted, learned = ctx.needs_input_grad[:2]
        of_input = _of_input(grad, input, weight, *ctx.how) if wanted else None
        return of_input, _of_weight(grad, input, weight, *ctx.how) if learned else None, None, None, None


def _scales(weight: Tensor, stride: Sides, padding: Sides, _dilation: Sides) -> bool:
    """Whether nothing is left of a kernel but one factor a channel."""
    return weight.shape[-2:] == NONE == stride and padding == (0, 0)


def _of_input(grad: Tensor, input: Tensor, weight: Tensor, stride: Sides, padding: Sides, dilation: Sides) -> Tensor:
    if _scales(weight, stride, padding, dilation):
        return grad * weight[:, 0]
    turned = [step * (taps - 1) - pad for step, taps, pad in zip(dilation, weight.shape[-2:], padding, strict=True)]
    if stride != NONE or min(turned) < 0:
        return _library(0, grad, input, weight, stride, padding, dilation)
    return functional.conv2d(grad, weight.flip(2, 3), None, 1, turned, dilation, weight.shape[0])


def _of_weight(grad: Tensor, input: Tensor, weight: Tensor, stride: Sides, padding: Sides, dilation: Sides) -> Tensor:
    if _scales(weight, stride, padding, dilation):
        return (grad * input).sum((0, 2, 3)).view_as(weight)
    if dilation != NONE:
        if stride != NONE or not _same(weight, padding, dilation):
            return _library(1, grad, input, weight, stride, padding, dilation)
        grad, input = every(grad, dilation), every(input, dilation)
        padding = (padding[0] // dilation[0], padding[1] // dilation[1])
    if weight.shape[-1] <= STRIP:
        return _library(1, grad, input, weight, stride, padding, NONE)
    strips = []
    for first in range(0, weight.shape[-1], STRIP):
        some, begin = weight[..., first : first + STRIP], first - padding[1]
        end = begin + (grad.shape[-1] - 1) * stride[1] + some.shape[-1]  # columns of the input that these taps see
        columns = columns_of(input, begin, end)
        strips.append(_library(1, grad, columns, some, stride, (padding[0], 0), NONE))
    return torch.cat(strips, -1)


def _library(which: int, grad: Tensor, input: Tensor, weight: Tensor, *how: Sides) -> Tensor:
    """The gradient of the input (0) or of the weight (1) as the library computes it."""
    rest = (None, *how, False, (0, 0), weight.shape[0], [which == 0, which == 1, False])
    made: Tensor = torch.ops.aten.convolution_backward(grad, input, weight, *rest)[which]
    return made


class Clamp(nn.Hardtanh):
    """ReLU6 in place: its gradient is known from its output, so nothing is copied first."""

    def forward(self, input: Tensor) -> Tensor:
        """Any shape -> the same."""
        if _as_the_library():
            return super().forward(input)
        out: Tensor = _Clamp.apply(input, self.min_val, self.max_val)
        return out


class _Clamp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, low: float, high: float) -> Tensor:
        ctx.mark_dirty(input)
        functional.hardtanh(input, low, high, inplace=True)
        ctx.save_for_backward(input)
        ctx.range = low, high
        return input

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        return torch.ops.aten.hardtanh_backward(grad, *ctx.saved_tensors, *ctx.range), None, None


class Bilinear(nn.Upsample):
    """Bilinear upsampling; `planes`: to a plane for each class, as a loss asks for its logits."""

    planes = False

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, height, width) -> (N, C, more, more)."""
        if _as_the_library():
            return super().forward(input)
        input = input.contiguous() if self.planes else input
        out: Tensor = _Bilinear.apply(input, self.size, self.scale_factor, self.align_corners)
        return out


class _Bilinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, input: Tensor, size: Any, scale: Any, aligned: bool | None) -> Tensor:
        sizes, scales = (one if isinstance(one, tuple) else (one, one) for one in (size, scale))
        ctx.sides = [(*side, aligned) for side in zip(input.shape[2:], sizes, scales, strict=True)]
        return functional.interpolate(input, size, scale, mode="bilinear", align_corners=aligned)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        down, across = (_shares(torch.eye(side[0]).to(grad), *side[1:]) for side in ctx.sides)
        if not grad.is_contiguous(memory_format=torch.channels_last):
            return down @ (grad @ across.T), None, None, None
        columns = across @ grad.permute(0, 2, 3, 1)  # (N, height of grad, width of the input, C)
        rows = down @ columns.flatten(2)
        return rows.view(*rows.shape[:2], *columns.shape[2:]).permute(0, 3, 1, 2), None, None, None


def _shares(each: Tensor, size: int | None, scale: float | None, aligned: bool | None) -> Tensor:
    """A row a cell: what it gives to each cell of the longer side.

    >>> _shares(torch.eye(2), 3, None, True)
    tensor([[1.0000, 0.5000, 0.0000],
            [0.0000, 0.5000, 1.0000]])
    """
    return functional.interpolate(each[None], size, scale, mode="linear", align_corners=aligned)[0]
