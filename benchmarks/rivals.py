"""The same sample made by albumentations and by torchvision v2, each the way its own documentation does it.

Scale log-uniform in 1/2..2, padding at a random place, crop 512 x 512, mirror, brightness, contrast and saturation
within 1 +- 1/4, normalisation, channels first. Neither has a log-uniform scale: theirs draws it in a line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # it would ask the network for a newer version of itself

import albumentations
import cv2
import numpy as np
import torch
from albumentations.pytorch import ToTensorV2
from PIL import Image
from torchvision import io, tv_tensors
from torchvision.transforms import v2

SIDE, SCALE, COLOR, GREY, IGNORE = 512, (0.5, 2.0), 0.25, (124, 116, 104), 255
Make = Callable[[int], tuple[torch.Tensor, torch.Tensor]]
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]


class LogUniformScale(albumentations.RandomScale):
    """RandomScale with the scale drawn as this package draws it."""

    def get_params(self) -> dict[str, float]:
        """The factor of one sample."""
        return {"scale": float(np.exp(self.py_random.uniform(*np.log(SCALE))))}


class LogUniformResize(v2.Transform):
    """RandomResize with the scale drawn as this package draws it."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The size of one sample."""
        factor = float(np.exp(np.random.uniform(*np.log(SCALE))))  # noqa: NPY002 torchvision has global chance too
        height, width = flat_inputs[0].shape[-2:]
        return {"size": [round(height * factor), round(width * factor)]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Bilinear without antialiasing (which none of the three does above 1/2); nearest for masks."""
        return self._call_kernel(v2.functional.resize, inpt, params["size"], antialias=False)


def with_albumentations(images: list[Path], masks: list[Path], normalisation: Normalisation) -> Make:
    """A function from an index to (image, mask), with albumentations."""
    span = (1 - COLOR, 1 + COLOR)
    steps = albumentations.Compose([
        LogUniformScale(p=1),
        albumentations.PadIfNeeded(SIDE, SIDE, position="random", border_mode=cv2.BORDER_CONSTANT, fill=GREY,
                                   fill_mask=IGNORE),
        albumentations.RandomCrop(SIDE, SIDE),
        albumentations.HorizontalFlip(p=0.5),
        albumentations.ColorJitter(span, span, span, (0, 0), p=1),
        albumentations.Normalize(*normalisation[:2]),
        ToTensorV2(),
    ], seed=1)  # fmt: skip

    def make(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = cv2.imread(str(images[index]), cv2.IMREAD_COLOR_RGB)
        made = steps(image=image, mask=np.array(Image.open(masks[index])))
        return made["image"], made["mask"].long()

    return make


def with_torchvision(images: list[Path], masks: list[Path], normalisation: Normalisation) -> Make:
    """A function from an index to (image, mask), with torchvision's transforms v2."""
    padding = {tv_tensors.Image: GREY, tv_tensors.Mask: IGNORE}
    kinds = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}
    steps = v2.Compose([
        LogUniformResize(),
        v2.RandomCrop(SIDE, pad_if_needed=True, fill=padding),
        v2.RandomHorizontalFlip(0.5),
        v2.ColorJitter(COLOR, COLOR, COLOR),
        v2.ToDtype(kinds, scale=True),
        v2.Normalize(*normalisation[:2]),
    ])  # fmt: skip

    def make(index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = tv_tensors.Image(io.decode_image(io.read_file(str(images[index]))))
        return tuple(steps(image, tv_tensors.Mask(np.array(Image.open(masks[index])))))

    return make
