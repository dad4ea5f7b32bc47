"""`resize_image` with tensors that an ONNX file can hold: sizes that are known only when an image comes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch

Side = Any  # pixels: a whole number, or while ONNX is written a tensor that stands for one
SAME, SHRINKS, GROWS, EITHER = "same", "shrinks", "grows", "either"  # a side, whatever the size of the image
EPSILON = 1e-6  # levels; whoever adds up in another order rounds the halves alike


def scaled(side: Side, factor: Fraction) -> Side:
    """A side times a factor, rounded as Python rounds (halves to even), at least 1.

    >>> [scaled(side, Fraction(1, 2)) for side in (1, 2, 3, 5, 7)]
    [1, 1, 2, 2, 4]
    """
    above, below = factor.numerator, factor.denominator
    top = 2 * side * above + below
    whole = top // (2 * below)
    tie = (2 * below - (top - whole * 2 * below)) // (2 * below)
    whole = whole - tie * (whole - whole // 2 * 2)
    return whole + 1 // (whole + 1)


def padding(side: Side, multiple: int, least: int) -> Side:
    """Pixels to add so that a side is a multiple, and at least so many.

    >>> padding(33, 32, 0), padding(64, 32, 0), padding(5, 16, 128)
    (31, 0, 123)
    """
    cells, fewest = (side + multiple - 1) // multiple, -(-least // multiple)  # ONNX cuts below 0, Python floors
    return (cells + fewest + abs(cells - fewest)) // 2 * multiple - side


def resize(levels: torch.Tensor, size: tuple[Side, Side], how: tuple[str, str], *, whole: bool) -> torch.Tensor:
    """Average along a side that shrinks, then interpolate along one that grows, as `resize_image` does.

    Args:
        levels: (images, channels, height, width) float32, 0..255.
        size: (height, width) wanted.
        how: what becomes of the height and of the width.
        whole: whether levels are rounded after each step, as those of 8 bits are.

    Returns:
        (images, channels, *size) float32; summed in float64, so that another order of summing rounds alike.
    """
    found = levels.double()
    for step, unless in ((_average, GROWS), (_interpolate, SHRINKS)):
        for axis, wanted, way in zip((-2, -1), size, how, strict=True):
            if way not in (unless, SAME):
                weights = step(found.shape[axis], wanted)
                found = weights @ found if axis == -2 else found @ weights.T
        if whole:
            found = torch.floor(found + 0.5 + EPSILON)
    return found.float()


def _average(side: Side, wanted: Side) -> torch.Tensor:
    """(outputs, side) float64: the share of each pixel in each output; a side never grows here."""
    size = (side + wanted - abs(side - wanted)) // 2
    factor = _double(side) / _double(size)
    low = (torch.arange(size, dtype=torch.float64) * factor)[:, None]
    pixels = torch.arange(side, dtype=torch.float64)
    shares: torch.Tensor = torch.minimum(pixels + 1, low + factor) - torch.maximum(pixels, low)
    return shares.clamp_min(0) / factor


def _interpolate(side: Side, wanted: Side) -> torch.Tensor:
    """(wanted, side) float64: each output lies between two pixels, or on the last one."""
    centres = (torch.arange(wanted, dtype=torch.float64) + 0.5) * (_double(side) / _double(wanted)) - 0.5
    pixels = torch.arange(side, dtype=torch.float64)
    centres = torch.minimum(centres.clamp_min(0), _double(side) - 1)[:, None]
    return (1 - (centres - pixels).abs()).clamp_min(0)


def _double(side: Side) -> torch.Tensor:
    """(1,) float64; ONNX would divide tensors without an axis in float32."""
    known = side if isinstance(side, torch.Tensor) else torch.tensor(side)
    return known.double().reshape(1)
