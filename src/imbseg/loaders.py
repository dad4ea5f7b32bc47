"""The processes that load samples beside training: how they start, where their batches lie, how they end."""

import math
import os
import sys
from collections import deque
from collections.abc import Sequence
from multiprocessing import forkserver
from typing import Any

import cv2
import torch

from imbseg import ranks
from imbseg.interrupt import follow_parent
from imbseg.memory import keep_freed

KEPT = 4  # a loader process prepares two batches ahead, one is trained with, one is written
TAIL, BACK = 4, 1  # bytes behind a batch; the first of them once the trainer is done with it
SERVED = ("imbseg.training.prepare", "imbseg.training.whole_images")  # what samples are made with


def loading(workers: int, device: torch.device) -> dict[str, Any]:
    """How a DataLoader starts its processes.

    They are forked. Beside gloo's threads, one of which may hold a lock of the process at that moment, they hung for
    good: of several processes that train together each has a server without threads, which forks them.
    """
    how: dict[str, Any] = {"num_workers": workers, "worker_init_fn": start_worker, "pin_memory": device.type == "cuda"}
    if workers and ranks.size() > 1:
        start_server()
        how["multiprocessing_context"] = "forkserver"
    return how


def start_server() -> None:
    """Have a process that loaders are forked from, with their modules imported once; it ends when all of them have."""
    forkserver.set_forkserver_preload(["__main__", *SERVED])
    path = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # Python 3.11 gives it no other
    try:
        forkserver.ensure_running()
    finally:
        del os.environ["PYTHONPATH"]
        os.environ |= {} if path is None else {"PYTHONPATH": path}


def start_worker(number: int) -> None:
    """A loader process works for a trainer alone, and ends with it."""
    follow_parent()
    quiet_worker(number)


def quiet_worker(_: int) -> None:
    """A loader process takes one thread: the cores belong to the training."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    keep_freed(training=False)


class Slots:
    """Memory of batches: of a loader process what its trainer shares, used again once it was given back.

    New memory the system clears page by page: that was a fourth of what a sample of 512 x 512 took.
    """

    def __init__(self) -> None:
        """Nothing is there yet."""
        self.kept: dict[int, deque[torch.UntypedStorage]] = {}  # bytes -> the last of so many

    def take(self, shape: Sequence[int], kind: torch.dtype) -> torch.Tensor:
        """A tensor of any numbers, in memory that no batch has which wasn't given back."""
        if torch.utils.data.get_worker_info() is None:
            return torch.empty(tuple(shape), dtype=kind)
        count = math.prod(shape)
        size = count * kind.itemsize
        same = self.kept.setdefault(size, deque(maxlen=KEPT))
        storage: Any = next((one for one in same if one[size] == BACK), None)
        if storage is None:
            storage = torch.UntypedStorage._new_shared(size + TAIL)  # type: ignore[no-untyped-call]
            same.append(storage)
        storage[size] = 0
        return torch.empty(0, dtype=kind).set_(storage, 0, (count,), (1,)).view(tuple(shape))

    def stacked(self, parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """What torch.stack gives."""
        return torch.stack(list(parts), out=self.take((len(parts), *parts[0].shape), parts[0].dtype))


def give_back(batch: dict[str, torch.Tensor]) -> None:
    """Let the loader process that made a batch use its memory again; nothing may look at the batch any more."""
    for tensor in batch.values():
        storage = tensor.untyped_storage()
        if storage.is_shared() and storage.nbytes() == tensor.nbytes + TAIL:
            storage[tensor.nbytes] = BACK


def as_it_is(batch: Any) -> Any:
    """A batch that was made whole: there is nothing to collate."""
    return batch
