"""Whether the logits of a training step and of an evaluation fit into memory, told before anything is trained."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imbseg import ranks
from imbseg.errors import InputError
from imbseg.trial.fields import Trial
from imbseg.trial.values import show

if TYPE_CHECKING:
    import torch

SHARE = 0.5  # of the free memory: the loss and the gradient need as much again
BYTES = 4  # of a score
GB = 10**9
LEAST = 32  # pixels of a side
Size = tuple[int, int]  # (width, height)
FULL = re.compile(r"(out of|not enough|can't allocate|cannot allocate) memory|alloc_failed", re.IGNORECASE)  # torch's
MEMORY = Path("/proc/meminfo")


class TooLarge(InputError):
    """Memory doesn't hold what was tried; it may hold half."""


@contextlib.contextmanager
def enough_memory(
    trial: Trial, where: object, what: str = "", other: str = "take a smaller batch_size, crop or resize"
) -> Iterator[None]:
    """Where torch finds no room, name what is too large.

    Raises:
        TooLarge: the memory of the device doesn't hold it.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not FULL.search(str(error)):
            raise
        what = what or f"{trial.at_once} samples of {show(trial.input_size)} pixels in {trial.architecture}"
        raise TooLarge(f"{what} are more than the memory of {where} holds; {other}") from error


def check_room(trial: Trial, classes: int, free: int | None) -> None:
    """Refuse a trial whose logits take more than half of the free memory.

    Args:
        free: bytes; None: unknown, nothing is refused.

    Raises:
        InputError: they do; the message names the crop that fits.
    """
    width, height = trial.padded_size
    if free is None or (needed := trial.at_once * classes * width * height * BYTES) <= SHARE * free:
        return
    side = int((SHARE * free / (trial.at_once * classes * BYTES)) ** 0.5) // trial.multiple * trial.multiple
    less = "micro_batch" if trial.micro_batch else "batch_size"
    other = f"take a crop of {side}x{side}, or a smaller {less}" if side >= LEAST else f"take a smaller {less}"
    raise InputError(
        f"crop: the logits of {trial.at_once} samples of {show(trial.input_size)} pixels and {classes} classes take "
        f"{needed / GB:.1f} GB, more than half of the {free / GB:.1f} GB of free memory; {other}"
    )


def check_evaluation(trial: Trial, classes: int, sizes: Sequence[Size], free: int | None) -> None:
    """Refuse a trial that evaluates images whose logits take more than half of the free memory.

    A batch of images of one size is shown at once; the logits of one image after the other are brought to its own size.

    Args:
        sizes: (width, height) of the images that are shown whole.
        free: bytes; None: unknown, nothing is refused.

    Raises:
        InputError: they do; the message names the batch_size or the size that fits.
    """
    if free is None or not sizes:
        return
    shown = Counter(trial.resize or size for size in sizes)
    native = max(width * height for width, height in sizes)
    largest, number = max(shown.items(), key=lambda one: one[0][0] * one[0][1] * min(one[1], trial.at_once))
    pixels, number = largest[0] * largest[1], min(number, trial.at_once)
    a_class = SHARE * free / (classes * BYTES)  # pixels whose scores fit
    if number * pixels + native <= a_class:
        return
    fitting = int((a_class - native) / pixels)
    side = (max(a_class - native, 0) / (2 * pixels)) ** 0.5  # of two images
    other = f"take resize {round(largest[0] * side)}x{round(largest[1] * side)}, or cut the images in parts"
    if min(largest) * side < LEAST:
        other = "cut the images in parts, or save them as tiled TIFFs, of which windows are read"
    needed = (number * pixels + native) * classes * BYTES
    raise InputError(
        f"batch_size: the logits of {number} images of {show(largest)} pixels and {classes} classes, which evaluation "
        f"shows whole, take {needed / GB:.1f} GB, more than half of the {free / GB:.1f} GB of free memory; "
        f"{f'take a batch_size of {fitting}' if fitting >= 2 else other}"
    )


def free_memory(device: torch.device) -> int | None:
    """Bytes that the device has left for this process; None where the system doesn't tell."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = dict(line.split(":", 1) for line in MEMORY.read_text(encoding="ascii").splitlines())
        return 1024 * int(lines["MemAvailable"].split()[0]) // ranks.size()
    except (OSError, ValueError, KeyError, IndexError):
        return None
