"""Semantic segmentation as its parts' documentation shows it, the measure of `make benchmark PART=epoch`.

torchvision's transforms v2, a DataLoader, a network of segmentation_models.pytorch, cross-entropy at the input's size,
AdamW with a polynomial decay, and torchmetrics accumulated over the validation images at their masks' own size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional
from torchmetrics.classification import MulticlassJaccardIndex
from torchvision import io, tv_tensors
from torchvision.transforms import v2

COLOR = 0.25
Part = Callable[[str], Any]  # a context that times what is done in it


class Photographs(torch.utils.data.Dataset[Any]):
    """Images and masks from disk; those for validation keep their masks' size."""

    def __init__(self, images: Sequence[Path], masks: Sequence[Path], given: dict[str, Any], *, train: bool) -> None:
        """Build the transforms."""
        self.images, self.masks, self.train = images, masks, train
        width, height = given["size"]
        kinds = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}
        tensors = [v2.ToDtype(kinds, scale=True), v2.Normalize(*given["normalisation"])]
        drawn = [v2.RandomHorizontalFlip(0.5), v2.ColorJitter(COLOR, COLOR, COLOR)] if train else []
        self.resize, self.steps = v2.Resize((height, width), antialias=True), v2.Compose([*drawn, *tensors])

    def __len__(self) -> int:
        """Images."""
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(3, height, width) float32 and (height, width) int64."""
        image = tv_tensors.Image(io.decode_image(io.read_file(str(self.images[index]))))
        mask = tv_tensors.Mask(np.array(Image.open(self.masks[index])))
        small, labels = self.resize(image, mask) if self.train else (self.resize(image), mask)
        made: tuple[torch.Tensor, torch.Tensor] = self.steps(small, labels)
        return made


class PlainRecipe:
    """The training loop that most people write."""

    def __init__(self, network: torch.nn.Module, files: dict[str, Any], given: dict[str, Any]) -> None:
        """Build loaders, optimizer and metric; `files` has images and masks of train and val."""
        memory = torch.channels_last if given["channels_last"] else torch.contiguous_format
        self.network, self.memory, self.given, self.step = network.to(memory_format=memory), memory, given, 0
        how = {"batch_size": given["batch"], "num_workers": given["workers"]}
        self.train = torch.utils.data.DataLoader(
            Photographs(*files["train"], given, train=True), shuffle=True, drop_last=True, **how
        )
        self.val = torch.utils.data.DataLoader(Photographs(*files["val"], given, train=False), **how)
        encoder = list(network.encoder.parameters())
        known = set(map(id, encoder))
        decoder = [one for one in network.parameters() if id(one) not in known]
        groups = [{"params": encoder, "lr": given["encoder_lr"]}, {"params": decoder, "lr": given["lr"]}]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=1e-4)
        self.course = torch.optim.lr_scheduler.PolynomialLR(
            self.optimizer, given["epochs"] * len(self.train), power=0.9
        )
        self.metric = MulticlassJaccardIndex(given["classes"], ignore_index=255)

    def train_epoch(self, part: Part) -> None:
        """Every training image once."""
        self.network.train()
        for images, masks in _timed(self.train, part):
            with part("forward"):
                logits = self.network(images.to(memory_format=self.memory))
            with part("loss"):
                loss = functional.cross_entropy(logits, masks, ignore_index=255)
            with part("backward"):
                self.optimizer.zero_grad()
                loss.backward()
            with part("optimizer"):
                self.optimizer.step()
                self.course.step()

    @torch.inference_mode()
    def validate(self, part: Part) -> float:
        """The validation images' mIoU."""
        self.network.eval()
        self.metric.reset()
        for images, masks in _timed(self.val, part):
            with part("evaluation: network"):
                logits = self.network(images.to(memory_format=self.memory))
            with part("evaluation: the rest"):
                whole = functional.interpolate(logits, masks.shape[-2:], mode="bilinear")
                self.metric.update(whole.argmax(1), masks)
        return float(self.metric.compute())


def _timed(loader: Any, part: Part) -> Any:
    """A loader's batches; what they are waited for is timed."""
    batches = iter(loader)
    for _ in range(len(loader)):
        with part("loading"):
            batch = next(batches)
        yield batch
