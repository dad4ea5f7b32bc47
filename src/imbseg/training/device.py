"""Which device a trial runs on, and what makes it give the same numbers again."""

from __future__ import annotations

import re

import torch

from imbseg.errors import InputError


def choose_device(name: str, *, amp: bool) -> torch.device:
    """The device a Trial names.

    Args:
        name: auto (a GPU that is there, else the CPU), cpu, cuda or cuda:N.
        amp: whether float16 is asked for, which only CUDA runs fast and with a scaler.

    Raises:
        InputError: CUDA is asked for and isn't there, or the name is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise InputError(f"device: expected auto, cpu, cuda or cuda:N, found {name!r}")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = f"torch sees {torch.cuda.device_count()} CUDA devices"
        other = "take --device cpu, or install a CUDA build of torch (see README)"
        raise InputError(f"device: {name} is asked for, and {there}; {other}")
    if amp and device.type != "cuda":
        raise InputError("amp: float16 needs CUDA, the device is the CPU; leave amp out")
    return device


def make_deterministic() -> None:
    """Ask for repeatable convolutions; CUDA's bilinear upsampling stays unrepeatable in its last bits."""
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True


def seed_epoch(seed: int, epoch: int) -> None:
    """Seed what draws inside the network (dropout, drop path): epoch by epoch, so that a resume needs no state."""
    torch.manual_seed((seed * 1_000_003 + epoch) % 2**63)
