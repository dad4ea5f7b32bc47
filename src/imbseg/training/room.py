"""Whether the logits of a training step fit into memory, told before anything is trained."""

from pathlib import Path

import torch

from imbseg.errors import InputError
from imbseg.trial import Trial
from imbseg.trial.values import show

SHARE = 0.5  # of the free memory: the loss and the gradient need as much again
BYTES = 4  # of a score
GB = 10**9
MEMORY = Path("/proc/meminfo")


def check_room(trial: Trial, classes: int, free: int | None) -> None:
    """Refuse a trial whose logits take more than half of the free memory.

    Args:
        free: bytes; None: unknown, nothing is refused.

    Raises:
        InputError: they do; the message names the crop that fits.
    """
    width, height = trial.padded_size
    if free is None or (needed := trial.batch_size * classes * width * height * BYTES) <= SHARE * free:
        return
    side = int((SHARE * free / (trial.batch_size * classes * BYTES)) ** 0.5) // trial.multiple * trial.multiple
    other = f"take a crop of {side}x{side}, or a smaller batch_size" if side >= 32 else "take a smaller batch_size"
    raise InputError(
        f"crop: the logits of {trial.batch_size} samples of {show(trial.input_size)} pixels and {classes} classes take "
        f"{needed / GB:.1f} GB, more than half of the {free / GB:.1f} GB of free memory; {other}"
    )


def free_memory(device: torch.device) -> int | None:
    """Bytes that the device has left; None where the system doesn't tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = dict(line.split(":", 1) for line in MEMORY.read_text(encoding="ascii").splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0])
    except (OSError, ValueError, KeyError, IndexError):
        return None
