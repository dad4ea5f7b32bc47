"""A name of the menu -> the network."""

from __future__ import annotations

from typing import Any

import torch

from imbseg.models import ARCHITECTURES
from imbseg.models.encoders import check_encoder


def build_network(
    architecture: str, encoder: str, *, classes: int, size: tuple[int, int] = (512, 512), **settings: Any
) -> torch.nn.Module:
    """A network with random weights.

    Args:
        encoder: an encoder that it takes.
        size: (width, height) of a training sample with its padding.
        settings: what the architecture takes; each has its default.

    Raises:
        InputError: no such architecture, or it can't take that encoder or setting.
    """
    check_encoder(encoder, architecture)
    given = {**ARCHITECTURES.settings(architecture), "output_stride": 16, **settings}
    network: torch.nn.Module = ARCHITECTURES.call(
        architecture, {**given, "encoder": encoder, "classes": classes, "size": size}
    )
    return network
