"""A predictor as one PyTorch module from pixels to labels: what an ONNX file holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import numpy as np
import torch
from torch.nn import functional

from imbseg.augment.photometry import plain_matrix
from imbseg.datasets.labels import label_type
from imbseg.datasets.readers.layout import Layout
from imbseg.datasets.readers.values import WHOLE
from imbseg.errors import InputError
from imbseg.export.bins import with_bins
from imbseg.export.resize import EITHER, GROWS, SAME, SHRINKS, padding, resize, scaled
from imbseg.models.arithmetic import shown
from imbseg.post_hoc import factors
from imbseg.predict.member import Member
from imbseg.predict.operating_points import decide
from imbseg.predict.predictor import Predictor, seen
from imbseg.training.views import asked, decoder

REFUSED = {"rank": "searches each image for its own thresholds, as often as it takes"}
LARGEST = 10_000  # denominators of factors


class Pixels(torch.nn.Module):
    """One network from an image's values to logits at its own size, as `Member.logits` gives them."""

    grey: torch.Tensor
    slope: torch.Tensor
    offset: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor

    def __init__(self, member: Member, *, whole: bool) -> None:
        """Take a network; `whole`: values stay whole numbers when an image is resized."""
        super().__init__()
        trial, self.whole = member.stored.trial, whole
        self.network, self.multiple, self.least = with_bins(member.stored.model), trial.multiple, member.least
        self.factor = [Fraction(one).limit_denominator(LARGEST) for one in reversed(member.factor)]  # height, width
        how, channels = member.stored.normalisation, len(member.stored.layout.channels)
        matrix, self.clips = torch.from_numpy(plain_matrix(how).astype(np.float32)), how.clips
        values: dict[str, Sequence[float]] = {"grey": how.padding, "low": how.low, "high": how.high}
        values |= {"slope": matrix[:, :channels].diagonal().tolist(), "offset": matrix[:, channels].tolist()}
        for name, of_channels in values.items():
            self.register_buffer(name, torch.tensor(of_channels, dtype=torch.float32).view(channels, 1, 1))

    def forward(self, levels: torch.Tensor, scale: Fraction = Fraction(1), *, mirror: bool = False) -> torch.Tensor:
        """(images, channels, height, width) float32 -> (images, classes, height, width) float32."""
        native = levels.shape[-2], levels.shape[-1]
        size, how = native, tuple(_way(factor, scale) for factor in self.factor)
        if resized := set(how) != {SAME}:
            size = scaled(scaled(native[0], self.factor[0]), scale), scaled(scaled(native[1], self.factor[1]), scale)
            levels = resize(levels, size, (how[0], how[1]), whole=self.whole)
        below, right = (padding(side, self.multiple, self.least) for side in size)
        padded = functional.pad(levels - self.grey, (0, right, 0, below)) + self.grey
        padded = torch.minimum(torch.maximum(padded, self.low), self.high) if self.clips else padded
        given = padded * self.slope + self.offset
        logits = shown(self.network, given, mirror=mirror)
        cut: torch.Tensor = logits[:, :, : size[0], : size[1]]
        return functional.interpolate(cut, size=native, mode="bilinear", align_corners=False) if resized else cut


class Exported(torch.nn.Module):
    """What a predictor does with a whole image: networks, their mean, correction, thresholds.

    Called with `image` (images, height, width, channels) of the run's channels, in the values of its range; of whole
    numbers also as float32 in 0..1. Gives `labels` (images, height, width), uint8 or of more than 255 classes int16,
    and `probabilities` (images, classes, height, width) float32.
    """

    def __init__(self, predictor: Predictor, kind: str) -> None:
        """Take a predictor on the CPU.

        Raises:
            InputError: no such kind of input, or a correction that can't be a part of it.
        """
        super().__init__()
        if kind not in (kinds := input_kinds(predictor.layout)):
            raise InputError(f"input: expected one of {', '.join(kinds)}, found {kind!r}")
        name = predictor.way[0]
        for factor in factors(name):
            if factor in REFUSED:
                other = "take none, prior, flip or larger, or label with predict.py"
                raise InputError(f"post_hoc {factor}: {REFUSED[factor]}, which ONNX can't hold; {other}")
        self.kind, self.way, self.thresholds = kind, predictor.way, predictor.thresholds
        self.layout, self.classes = predictor.layout, len(predictor.class_names)
        self.top = 1.0 if kind == kinds[0] else self.layout.values.high
        self.parts = torch.nn.ModuleList(Pixels(one, whole=kind in WHOLE) for one in predictor.members)
        self.decode = decoder(predictor.way, predictor.given)
        self.enlarged = Fraction(predictor.members[0].stored.trial.larger_scale).limit_denominator(LARGEST)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Labels and probabilities."""
        levels = image.float().permute(0, 3, 1, 2)
        views = self._views(levels if self.top == 1 else levels * self.top)
        probabilities = seen(self.way, views).softmax(dim=1)
        labels = decide(probabilities, self.thresholds) if self.thresholds else self.decode(views)
        return labels.to(torch.uint8 if label_type(self.classes) == np.uint8 else torch.int16), probabilities

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


def input_kinds(layout: Layout) -> tuple[str, ...]:
    """What a file may take of such images: the type of their values first; of whole numbers also float32 in 0..1."""
    kind = layout.values.kind
    return (kind,) if kind not in WHOLE else (kind, "float32")


def _way(factor: Fraction, scale: Fraction) -> str:
    """What becomes of a side."""
    if scale != 1:
        return GROWS if factor >= 1 else EITHER
    return SAME if factor == 1 else GROWS if factor > 1 else SHRINKS


def _mean(values: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(values).sum(dim=0) / len(values)
