"""A name of the menu -> the network; those of segmentation_models.pytorch that take a decoder's width alone."""

import warnings
from typing import Annotated, Any

import segmentation_models_pytorch as smp
import torch
from pydantic import Field

from imbseg.errors import InputError, first_line
from imbseg.models import ARCHITECTURES
from imbseg.models.encoders import check_encoder

Width = Annotated[
    int | None, Field(None, ge=8, le=2048, description="channels of the decoder at its widest; none: the library's own")
]


def build_network(
    architecture: str, encoder: str, *, classes: int, size: tuple[int, int] = (512, 512), **settings: Any
) -> torch.nn.Module:
    """A network with random weights.

    Args:
        size: (width, height) of a training sample with its padding.
        settings: what the architecture takes; each has its default.

    Raises:
        InputError: no such architecture, or it can't take that encoder or setting.
    """
    check_encoder(encoder, architecture)
    given = {**ARCHITECTURES.settings(architecture), "output_stride": 16, **settings}
    given |= {"encoder": encoder, "classes": classes, "size": size}
    network: torch.nn.Module = ARCHITECTURES.call(architecture, given)
    return network


def unet(encoder: str, *, classes: int, decoder_width: Width) -> torch.nn.Module:
    """U-Net, nearest upsampling to every stride of the encoder; a width of 96 means 96-64-48-32-16 channels.

    Source: Ronneberger et al., arXiv:1505.04597.
    """
    return library(smp.Unet, encoder, classes=classes, **_five(decoder_width))


def unetplusplus(encoder: str, *, classes: int, decoder_width: Width) -> torch.nn.Module:
    """U-Net++; its width as that of `unet`.

    Source: Zhou et al., arXiv:1807.10165.
    """
    return library(smp.UnetPlusPlus, encoder, classes=classes, **_five(decoder_width))


def fpn(encoder: str, *, classes: int, decoder_width: Width) -> torch.nn.Module:
    """Panoptic FPN: the width is that of the pyramid, half of it that of what is summed.

    Source: Kirillov et al., arXiv:1901.02446.
    """
    half = decoder_width and decoder_width // 2
    widths = {"decoder_pyramid_channels": decoder_width, "decoder_segmentation_channels": half}
    return library(smp.FPN, encoder, classes=classes, **widths)


def upernet(encoder: str, *, classes: int, decoder_width: Width) -> torch.nn.Module:
    """UPerNet.

    Source: Xiao et al., arXiv:1807.10221.
    """
    return library(smp.UPerNet, encoder, classes=classes, decoder_channels=decoder_width)


def segformer(encoder: str, *, classes: int, decoder_width: Width) -> torch.nn.Module:
    """SegFormer's decoder, for any encoder.

    Source: Xie et al., arXiv:2105.15203.
    """
    return library(smp.Segformer, encoder, classes=classes, decoder_segmentation_channels=decoder_width)


def pan(encoder: str, *, classes: int, decoder_width: Width) -> torch.nn.Module:
    """Pyramid attention network, at output stride 16.

    Source: Li et al., arXiv:1805.10180.
    """
    return library(smp.PAN, encoder, classes=classes, decoder_channels=decoder_width)


def linknet(encoder: str, *, classes: int) -> torch.nn.Module:
    """LinkNet, whose decoder is as wide as the encoder.

    Source: Chaurasia and Culurciello, arXiv:1707.03718.
    """
    return library(smp.Linknet, encoder, classes=classes)


def library(network: type[torch.nn.Module], encoder: str, **settings: Any) -> torch.nn.Module:
    """A network of segmentation_models.pytorch with random weights; a setting that is None stays the library's own.

    Raises:
        InputError: it can't take that encoder.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    with warnings.catch_warnings():
        # smp would rather have timm- encoders called tu-; the tu- ones order their weights differently.
        warnings.filterwarnings("ignore", message="`timm-` encoders are deprecated")
        try:
            return network(encoder, encoder_weights=None, **given)
        except (KeyError, ValueError, RuntimeError, AttributeError, TypeError, AssertionError) as error:
            stride = f" with output stride {given['encoder_output_stride']}" if "encoder_output_stride" in given else ""
            why = f"{network.__name__} can't take it{stride} ({first_line(error)})"
            raise InputError(f"encoder {encoder!r}: {why}; take another, such as resnet101") from error


def placed(model: torch.nn.Module, device: torch.device, *, channels_last: bool) -> torch.nn.Module:
    """A network on its device; channels_last: convolutions lay the channels of a pixel side by side."""
    form = torch.channels_last if channels_last else torch.preserve_format
    return model.to(device, memory_format=form)  # type: ignore[call-overload,no-any-return]


def _five(width: int | None) -> dict[str, Any]:
    """The widths of five blocks, from the deepest on, in the ratio 6:4:3:2:1 and in eights."""
    if width is None:
        return {}
    return {"decoder_channels": tuple(max(8, round(width * part / 48) * 8) for part in (6, 4, 3, 2, 1))}
