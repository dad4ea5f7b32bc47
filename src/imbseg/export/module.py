"""A predictor as one PyTorch module from pixels to labels: what an ONNX file holds."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional

from imbseg.augment.photometry import plain_matrix
from imbseg.errors import InputError
from imbseg.export.bins import with_bins
from imbseg.export.resize import EITHER, GROWS, SAME, SHRINKS, padding, resize, scaled
from imbseg.post_hoc import factors
from imbseg.predict.member import Member
from imbseg.predict.operating_points import decide
from imbseg.predict.predictor import Predictor, seen
from imbseg.training.views import asked, decoder

KINDS = ("uint8", "float32")  # of the image: 0..255, or 0..1
REFUSED = {"rank": "searches each image for its own thresholds, as often as it takes"}
LARGEST = 10_000  # denominators of factors


class Pixels(torch.nn.Module):
    """One network from levels 0..255 to logits at the image's own size, as `Member.logits` gives them."""

    grey: torch.Tensor
    slope: torch.Tensor
    offset: torch.Tensor

    def __init__(self, member: Member, *, whole: bool) -> None:
        """Take a network; `whole`: levels stay whole numbers when an image is resized."""
        super().__init__()
        trial, self.whole = member.stored.trial, whole
        self.network, self.multiple, self.least = with_bins(member.stored.model), trial.multiple, member.least
        self.factor = [Fraction(one).limit_denominator(LARGEST) for one in reversed(member.factor)]  # height, width
        matrix = torch.from_numpy(plain_matrix(member.stored.normalisation).astype(np.float32))
        padding_values = torch.tensor(member.stored.normalisation.padding, dtype=torch.float32)
        self.register_buffer("grey", padding_values.view(3, 1, 1))
        self.register_buffer("slope", matrix[:, :3].diagonal().clone().view(3, 1, 1))
        self.register_buffer("offset", matrix[:, 3].clone().view(3, 1, 1))

    def forward(self, levels: torch.Tensor, scale: Fraction = Fraction(1), *, mirror: bool = False) -> torch.Tensor:
        """(images, 3, height, width) float32 -> (images, classes, height, width) float32."""
        native = levels.shape[-2], levels.shape[-1]
        size, how = native, tuple(_way(factor, scale) for factor in self.factor)
        if resized := set(how) != {SAME}:
            size = scaled(scaled(native[0], self.factor[0]), scale), scaled(scaled(native[1], self.factor[1]), scale)
            levels = resize(levels, size, (how[0], how[1]), whole=self.whole)
        below, right = (padding(side, self.multiple, self.least) for side in size)
        padded = functional.pad(levels - self.grey, (0, right, 0, below)) + self.grey
        given = padded * self.slope + self.offset
        logits = self.network(given.flip(-1)).flip(-1) if mirror else self.network(given)
        cut: torch.Tensor = logits[:, :, : size[0], : size[1]]
        return functional.interpolate(cut, size=native, mode="bilinear", align_corners=False) if resized else cut


class Exported(torch.nn.Module):
    """What a predictor does with a whole image: networks, their mean, correction, thresholds.

    Called with `image` (images, height, width, 3), red, green, blue; uint8, or float32 in 0..1. Gives `labels`
    (images, height, width) uint8 and `probabilities` (images, classes, height, width) float32.
    """

    def __init__(self, predictor: Predictor, kind: str) -> None:
        """Take a predictor on the CPU.

        Raises:
            InputError: no such kind of input, or a correction that can't be a part of it.
        """
        super().__init__()
        if kind not in KINDS:
            raise InputError(f"input: expected one of {', '.join(KINDS)}, found {kind!r}")
        if not predictor.layout.is_photograph:
            found = f"{len(predictor.layout.channels)} channels of another range or kind"
            other = "label with predict.py, or export a run on such images"
            raise InputError(f"export: takes red, green, blue of 8 bits, the run has {found}; {other}")
        name = predictor.way[0]
        for factor in factors(name):
            if factor in REFUSED:
                other = "take none, prior, flip or larger, or label with predict.py"
                raise InputError(f"post_hoc {factor}: {REFUSED[factor]}, which ONNX can't hold; {other}")
        self.kind, self.way, self.thresholds = kind, predictor.way, predictor.thresholds
        self.parts = torch.nn.ModuleList(Pixels(one, whole=kind == "uint8") for one in predictor.members)
        self.decode = decoder(predictor.way, predictor.given)
        self.enlarged = Fraction(predictor.members[0].stored.trial.larger_scale).limit_denominator(LARGEST)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels and probabilities."""
        levels = image.permute(0, 3, 1, 2).float()
        views = self._views(levels * 255 if self.kind == "float32" else levels)
        probabilities = seen(self.way, views).softmax(dim=1)
        labels = decide(probabilities, self.thresholds) if self.thresholds else self.decode(views)
        return labels.to(torch.uint8), probabilities

    def _views(self, levels: torch.Tensor) -> Mapping[str, torch.Tensor]:
        wanted = asked([self.way])
        shown = [self._of(part, levels, wanted) for part in self.parts]
        if len(shown) == 1:
            return shown[0]
        return {name: _mean([one[name].softmax(dim=1) for one in shown]).log() for name in shown[0]}

    def _of(self, part: torch.nn.Module, levels: torch.Tensor, wanted: set[str]) -> dict[str, torch.Tensor]:
        found = {"logits": part(levels)}
        if "mirrored" in wanted:
            found["mirrored"] = part(levels, mirror=True)
        if "enlarged" in wanted:
            found["enlarged"] = part(levels, self.enlarged)
        return found


def _way(factor: Fraction, scale: Fraction) -> str:
    """What becomes of a side."""
    if scale != 1:
        return GROWS if factor >= 1 else EITHER
    return SAME if factor == 1 else GROWS if factor > 1 else SHRINKS


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(values).sum(dim=0) / len(values)
