"""Networks in the format of segmentation_models.pytorch: config.json and model.safetensors, read by from_pretrained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def library_holds(model: torch.nn.Module) -> bool:
    """Whether the library builds the network by itself: no part of it is ours."""
    return not any(type(part).__module__.startswith("imbseg") for part in model.modules())


def save(model: torch.nn.Module, folder: Path) -> bool:
    """Write the weights, and where the library can build the network, its configuration.

    Returns:
        Whether from_pretrained(folder) loads it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not library_holds(model):
        from safetensors.torch import save_file

        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / WEIGHTS)
        return False
    known: Any = model
    known.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # the library's own card, without a number in it
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)
    return True
