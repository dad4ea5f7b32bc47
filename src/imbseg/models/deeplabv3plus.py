"""DeepLabV3+ of segmentation_models.pytorch, and with one skip connection more."""

from typing import Annotated, Literal

import segmentation_models_pytorch as smp
import torch
from pydantic import Field
from segmentation_models_pytorch.base import SegmentationHead, initialization
from segmentation_models_pytorch.decoders.deeplabv3.decoder import SeparableConv2d
from torch import nn
from torch.nn import functional

from imbseg.errors import InputError
from imbseg.meta.atrous import atrous_rates as rates_of
from imbseg.models.decoders import Width, library

Stride = Annotated[
    Literal[4, 2], Field(4, description="pixels a cell of deeplabv3plus's map; 2 takes one skip connection more")
]
Rates = Annotated[
    Literal["smp", "paper", "fit"],
    Field("smp", description="dilation in deeplabv3plus: 12, 24, 36; 6, 12, 18 at output stride 16; what fits the map"),
]
SKIP, FINE = 24, 64  # channels of the finer skip connection, and of the map at stride 2


def deeplabv3plus(
    encoder: str,
    *,
    classes: int,
    output_stride: int,
    size: tuple[int, int],
    decoder_width: Width,
    decoder_stride: Stride,
    atrous_rates: Rates,
    aspp_dropout: Annotated[float, Field(0.5, ge=0, le=0.99, description="dropout after deeplabv3plus's pyramid")],
) -> torch.nn.Module:
    """A DeepLabV3+ with random weights.

    Args:
        encoder: a name in ENCODERS, or tu-NAME for one of timm's.
        output_stride: 8 or 16: how much smaller the encoder's last map is.
        size: (width, height) of a training sample, for atrous_rates `fit`.
        atrous_rates: dilation of the pyramid, see imbseg.meta.atrous.
        decoder_stride: pixels of the input a cell of the decoder's map: 4, or 2 with one skip connection more.
        decoder_width: channels of the pyramid and the decoder; None: the library's 256.

    Raises:
        InputError: DeepLabV3+ can't take that encoder, or it has no map at stride 2.

    Source: Chen et al., arXiv:1802.02611.
    """
    cells = (-(-size[0] // output_stride), -(-size[1] // output_stride))
    pyramid = {"atrous_rates": rates_of(atrous_rates, output_stride, cells), "aspp_dropout": aspp_dropout}
    given = {f"decoder_{name}": value for name, value in {**pyramid, "channels": decoder_width}.items()}
    model = library(smp.DeepLabV3Plus, encoder, classes=classes, encoder_output_stride=output_stride, **given)
    if decoder_stride == 2:
        _refine(model, encoder, classes, decoder_width or 256)
    return model


def _refine(model: torch.nn.Module, encoder: str, classes: int, width: int) -> None:
    """Give a DeepLabV3+ a decoder and a head at stride 2, in place."""
    channels = int(model.encoder.out_channels[1])  # type: ignore[union-attr, index]
    if not channels:
        other = "take decoder_stride 4, or another encoder, such as resnet101"
        raise InputError(f"decoder_stride: encoder {encoder!r} gives no map at stride 2; {other}")
    model.decoder = FineDecoder(model.decoder, channels, width)  # type: ignore[arg-type]
    model.segmentation_head = SegmentationHead(FINE, classes, kernel_size=1, upsampling=2)
    for part in (model.decoder.fuse, model.decoder.reduce, model.decoder.skip):
        initialization.initialize_decoder(part)
    initialization.initialize_head(model.segmentation_head)


class FineDecoder(nn.Module):
    """DeepLabV3+'s decoder, brought up to stride 2 and joined there with the encoder's first map."""

    def __init__(self, decoder: nn.Module, channels: int, width: int) -> None:
        """Take the decoder at stride 4, of so many channels, and the channels of the encoder's map at stride 2."""
        super().__init__()
        self.coarse = decoder
        self.reduce, self.skip = _point(width, FINE), _point(channels, SKIP)
        self.fuse = nn.Sequential(
            SeparableConv2d(FINE + SKIP, FINE, kernel_size=3, padding=1, bias=False), nn.BatchNorm2d(FINE), nn.ReLU()
        )

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Maps of the encoder, strides 1, 2, 4, ... -> (images, FINE, height / 2, width / 2)."""
        fine = self.skip(features[1])
        coarse = functional.interpolate(
            self.reduce(self.coarse(features)), size=fine.shape[-2:], mode="bilinear", align_corners=False
        )
        joined: torch.Tensor = self.fuse(torch.cat([coarse, fine], dim=1))
        return joined


def _point(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, kernel_size=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())
