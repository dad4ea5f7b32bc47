"""DeepLabV3+ of segmentation_models.pytorch, without its hub."""

from __future__ import annotations

import warnings

import segmentation_models_pytorch as smp
import torch

from imbseg.errors import InputError
from imbseg.models.encoders import check_encoder


def deeplabv3plus(encoder: str, *, classes: int, output_stride: int) -> torch.nn.Module:
    """A DeepLabV3+ with random weights: (images, 3, height, width) float -> (images, classes, height, width) logits.

    Args:
        encoder: a name in ENCODERS, or tu-NAME for one of timm's.
        classes: number of classes.
        output_stride: 8 or 16: how much smaller the encoder's last map is.

    Raises:
        InputError: DeepLabV3+ can't take that encoder.

    Source: Chen et al., arXiv:1802.02611.
    """
    check_encoder(encoder)
    with warnings.catch_warnings():
        # smp would rather have timm- encoders called tu-; the tu- ones order their weights differently.
        warnings.filterwarnings("ignore", message="`timm-` encoders are deprecated")
        try:
            model: torch.nn.Module = smp.DeepLabV3Plus(
                encoder, encoder_weights=None, encoder_output_stride=output_stride, classes=classes
            )
        except (KeyError, ValueError, RuntimeError, AttributeError, TypeError, AssertionError) as error:
            raise InputError(
                f"encoder {encoder!r}: DeepLabV3+ can't take it with output stride {output_stride} ({error}); "
                f"take another, such as resnet101"
            ) from error
    return model
