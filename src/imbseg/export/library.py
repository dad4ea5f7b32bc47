"""Networks in the format of segmentation_models.pytorch: config.json and model.safetensors, read by from_pretrained."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def library_holds(model: torch.nn.Module) -> bool:
    """Whether the library builds the network by itself: no part of it is ours."""
    return not any(type(part).__module__.startswith("imbseg") for part in model.modules())


@contextlib.contextmanager
def _errors_of_files(path: Path) -> Iterator[None]:
    """A full disk is an OSError, which safetensors tells as one of its own."""
    try:
        yield
    except SafetensorError as error:
        told = re.search(r"os error (\d+)", str(error))
        number = int(told[1]) if told else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def save(model: torch.nn.Module, folder: Path) -> bool:
    """Write the weights, and where the library can build the network, its configuration.

    Returns:
        Whether from_pretrained(folder) loads it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not library_holds(model):
        from safetensors.torch import save_file

        with _errors_of_files(folder / WEIGHTS):
            save_file({name: value.contiguous() for name, value in model.state_dict().items()}, folder / WEIGHTS)
        return False
    known: Any = model
    with _errors_of_files(folder / WEIGHTS):
        known.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # the library's own card, without a number in it
    (folder / WEIGHTS).chmod((folder / CONFIG).stat().st_mode)
    return True
