"""The processes that load samples beside training: how they start, where their batches lie, how they end."""

import math
import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from typing import Any, Self

import cv2
import torch

from imbseg import ranks
from imbseg.interrupt import follow_parent
from imbseg.memory import keep_freed

KEPT = 4  # a loader process prepares two batches ahead, one is trained with, one is written
HEAD, BACK = 64, 1  # bytes before a batch's tensors; the first is BACK once the trainer is done with it
SERVED = ("imbseg.training.prepare", "imbseg.training.whole_images")  # what samples are made with


def loading(workers: int, device: torch.device) -> dict[str, Any]:
    """How a DataLoader starts its processes.

    They are forked. Beside gloo's threads, one of which may hold a lock of the process at that moment, they hung for
    good: of several processes that train together each has a server without threads, which forks them.
    """
    forget_ended()
    how: dict[str, Any] = {
        "collate_fn": as_it_is,
        "num_workers": workers,
        "worker_init_fn": start_worker,
        "pin_memory": device.type == "cuda",
    }
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


class Block:
    """Memory that a loader process shares with its trainer, for one batch after the other."""

    def __init__(self, name: tuple[int, int, int], storage: torch.UntypedStorage) -> None:
        """Take the process, the Slots and the place in them that it is known by, and the memory."""
        self.name, self.storage, self.sent = name, storage, False

    @property
    def free(self) -> bool:
        """Nobody looks at what lies in it."""
        return bool(self.storage[0] == BACK)


class SharedBatch(dict[str, torch.Tensor]):
    """Tensors by name, whose memory can be used for another batch once nobody looks at them."""

    def __init__(self, tensors: Mapping[str, torch.Tensor], block: Block | None = None) -> None:
        """Take them, and the block that they lie in; None: memory of their own."""
        super().__init__(tensors)
        self.block = block

    def __copy__(self) -> Self:
        """The same tensors and block: what torch asks before it puts the pinned ones in their places."""
        return type(self)(self, self.block)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        """Copies in memory of their own."""
        return type(self)({name: tensor.clone() for name, tensor in self.items()})

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process: the memory itself goes once, afterwards what lies where in it."""
        block = self.block
        if block is None:
            return SharedBatch, (dict(self),)
        first, block.sent = not block.sent, True
        layout = {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in self.items()}
        return _received, (block.name, block.storage if first else None, layout)


Layout = Mapping[str, tuple[Sequence[int], torch.dtype]]  # of a batch: shape and type by name
_blocks: dict[tuple[int, int, int], Block] = {}  # a trainer's, of its loader processes


class Slots:
    """Blocks of a loader process, used again once they were given back.

    New memory the system clears page by page: that was a fourth of what a sample of 512 x 512 took. To hand it over
    takes a millisecond or two, in which the trainer waits.
    """

    def __init__(self) -> None:
        """Nothing is there yet."""
        self.kept: list[Block] = []

    def take(self, layout: Layout) -> SharedBatch:
        """Tensors of any numbers, in one block that no other batch has which wasn't given back."""
        if torch.utils.data.get_worker_info() is None:
            return SharedBatch({name: torch.empty(tuple(shape), dtype=kind) for name, (shape, kind) in layout.items()})
        size = _places(layout)[1]
        free = [block for block in self.kept if block.free]
        block = next((block for block in free if block.storage.nbytes() >= size), None)
        if block is None:
            place = self.kept.index(free[0]) if free and len(self.kept) == KEPT else len(self.kept)
            block = Block((os.getpid(), id(self), place), _shared(size))
            if place < KEPT:
                self.kept[place : place + 1] = [block]
        block.storage[0] = 0
        return _batch(block, layout)


def _shared(size: int) -> torch.UntypedStorage:
    storage: torch.UntypedStorage = torch.UntypedStorage._new_shared(size)  # type: ignore[no-untyped-call]
    return storage


def _places(layout: Layout) -> tuple[list[int], int]:
    """Where each tensor begins, in bytes, and where the last one ends."""
    places, end = [], 0
    for shape, kind in layout.values():
        places.append(HEAD * (end // HEAD + 1))  # aligned for every type
        end = places[-1] + math.prod(shape) * kind.itemsize
    return places, end


def _batch(block: Block, layout: Layout) -> SharedBatch:
    tensors = {}
    for (name, (shape, kind)), place in zip(layout.items(), _places(layout)[0], strict=True):
        flat = torch.empty(0, dtype=kind).set_(block.storage, place // kind.itemsize, (math.prod(shape),), (1,))
        tensors[name] = flat.view(tuple(shape))
    return SharedBatch(tensors, block)


def _received(name: tuple[int, int, int], storage: torch.UntypedStorage | None, layout: Layout) -> SharedBatch:
    """A batch of a loader process; without `storage` in the block that went by this name last."""
    if storage is not None:
        _blocks[name] = Block(name, storage)
    return _batch(_blocks[name], layout)


def forget_ended() -> None:
    """Return the memory of loader processes that have ended; batches that are still looked at keep theirs."""
    alive = {process.pid for process in multiprocessing.active_children()}
    for name in [name for name in list(_blocks) if name[0] not in alive]:  # a thread that pins may add some
        _blocks.pop(name, None)


def give_back(batch: Mapping[str, torch.Tensor]) -> None:
    """Let the loader process that made a batch use its memory again; nothing may look at the batch any more."""
    if isinstance(batch, SharedBatch) and batch.block is not None:
        batch.block.storage[0] = BACK


def as_it_is(batch: Any) -> Any:
    """A batch that was made whole: there is nothing to collate."""
    return batch
