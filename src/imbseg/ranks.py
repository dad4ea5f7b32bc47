"""One trial over the processes of a torchrun: which one this is, what all of them come to know, how they leave."""

import atexit
import contextlib
import dataclasses
import datetime
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from imbseg.errors import InputError, TrialFailed, describe_os_error
from imbseg.interrupt import STATUS, end_with_parent

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
LONG = datetime.timedelta(days=7)  # torchrun ends what waits for a dead process; a long evaluation is none
PATIENCE_S = 5.0  # the main process says what ended another one, unless it hangs
REASON = "reason"  # key of what ended a process
REASONS: dict[str, type[BaseException]] = {one.__name__: one for one in (InputError, TrialFailed, KeyboardInterrupt)}
LOST = re.compile(r"gloo|nccl|connection (closed|reset)|socket", re.IGNORECASE)  # torch has no class for it


@dataclasses.dataclass
class _State:
    """Of this process; `store` is the memory that all processes share."""

    rank: int = 0
    size: int = 1
    store: Any = None


_state = _State()


def rank() -> int:
    """The number of this process, from 0."""
    return _state.rank


def size() -> int:
    """How many processes train together."""
    return _state.size


def is_main() -> bool:
    """Whether this process is the one that writes and reports."""
    return _state.rank == 0


def share(items: list[T]) -> list[T]:
    """Those of this process: every one of as many as there are processes."""
    return items[rank() :: size()]


@contextlib.contextmanager
def joined() -> Iterator[None]:
    """Inside, the processes that torchrun started are one group; without torchrun nothing is done.

    Raises:
        InputError, TrialFailed, KeyboardInterrupt: in the main process, also of another; SystemExit in the others.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield
        return
    end_with_parent()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a warning that no layer lacks a gradient, see `parallel`
    import torch
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    _state.store, _state.rank, _state.size = next(rendezvous("env://", timeout=LONG))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        with blamed():
            distributed.init_process_group(backend, store=_state.store, rank=rank(), world_size=size(), timeout=LONG)
            any_of(False)  # nobody ends before all are there
            yield
        distributed.destroy_process_group()
    except (InputError, TrialFailed, OSError, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt):  # gloo's destructor may wait for the others until torchrun kills it
            atexit.register(os._exit, STATUS)
        if is_main():
            raise
        _leave(error)
    finally:
        _state.rank, _state.size, _state.store = 0, 1, None


def _leave(error: BaseException) -> None:
    """Tell the main process why this one ends, and give it the time to say so: torchrun ends it as soon as one ends."""
    from torch import distributed

    if isinstance(error, OSError):
        error = InputError(describe_os_error(error))
    with contextlib.suppress(RuntimeError):  # torchrun may be gone
        _state.store.compare_set(REASON, "", json.dumps([type(error).__name__, str(error)]))  # the first word counts
    if isinstance(error, KeyboardInterrupt):
        raise SystemExit(STATUS) from error
    distributed.destroy_process_group()  # whoever waits for this process hears of it
    time.sleep(PATIENCE_S)
    raise SystemExit(2 if isinstance(error, InputError) else 1) from error


def heard() -> BaseException | None:
    """What ended another process by its own word."""
    with contextlib.suppress(RuntimeError):
        if _state.store is not None and _state.store.check([REASON]):
            kind, message = json.loads(_state.store.get(REASON))
            return REASONS[kind](message)
    return None


@contextlib.contextmanager
def blamed() -> Iterator[None]:
    """An error that follows from another process's end becomes what ended that one; killed, it was stopped."""
    try:
        yield
    except (RuntimeError, KeyboardInterrupt) as error:
        lost = type(error) is not TrialFailed and LOST.search(str(error))
        if size() == 1 or not (lost or isinstance(error, KeyboardInterrupt)):
            raise
        raise heard() or KeyboardInterrupt from error


@blamed()
def everyone(value: T) -> list[T]:
    """What each process gives, in the order of ranks."""
    if size() == 1:
        return [value]
    from torch import distributed

    found: list[Any] = [None] * size()
    distributed.all_gather_object(found, value)
    return found


@blamed()
def agreed(action: Callable[[], T]) -> T:
    """The main process acts: what comes of it, or the error that it raises, is everybody's."""
    if size() == 1:
        return action()
    from torch import distributed

    found: list[Any] = [None, None]
    if is_main():
        try:
            found[0] = action()
        except (InputError, OSError) as error:
            found[1] = error
    distributed.broadcast_object_list(found)
    if found[1] is not None:
        raise found[1]
    value: T = found[0]
    return value


@blamed()
def any_of(*flags: bool) -> list[bool]:
    """Each flag: whether it is set in any process."""
    if size() == 1:
        return list(flags)
    import torch
    from torch import distributed

    distributed.all_reduce(found := torch.tensor(flags, dtype=torch.int32), distributed.ReduceOp.MAX)
    return [bool(flag) for flag in found]


@blamed()
def of_all(own: "torch.Tensor", number: int) -> "torch.Tensor":
    """The first rows of the tensors of all processes, which are of one shape; gradients flow to this process's own."""
    import torch
    from torch import distributed

    parts = [torch.empty_like(own, memory_format=torch.contiguous_format) for _ in range(size())]
    distributed.all_gather(parts, own.detach().contiguous())
    parts[rank()] = own
    return torch.cat(parts)[:number]


@blamed()
def same(tensors: "list[torch.Tensor]") -> None:
    """Give every process the main one's numbers."""
    from torch import distributed

    for tensor in tensors if size() > 1 else ():
        distributed.broadcast(tensor, 0)


def check_batch(batch_size: int, micro_batch: int | None = None) -> None:
    """Each of several processes takes the same part of a batch, of two samples or more.

    Raises:
        InputError: it can't.
    """
    if (number := size()) > 1 and (batch_size % number or batch_size < 2 * number):
        least = f"a multiple of the {number} processes, {2 * number} or more"
        raise InputError(f"batch_size: is that of all processes together: expected {least}, found {batch_size}")
    if number > 1 and micro_batch is not None:
        other = "leave it out, and take a smaller batch_size with accumulate"
        raise InputError(f"micro_batch: is of a single process, found {number}; {other}")


def own_gpu(device: "torch.device") -> "torch.device":
    """The GPU of this process, where several are to take one each; any other device as it is.

    Raises:
        InputError: there are fewer, or one is named.
    """
    if size() == 1 or device.type != "cuda":
        return device
    import torch

    number, there = int(os.environ["LOCAL_WORLD_SIZE"]), torch.cuda.device_count()
    if number > there:
        raise InputError(f"device: {number} processes take a GPU each, torch sees {there}; start fewer, or take cpu")
    if device.index is not None:
        raise InputError(f"device: {number} processes take a GPU each, found {device}; write cuda")
    own = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(own)
    return own


def parallel(model: "torch.nn.Module", device: "torch.device") -> "torch.nn.Module | None":
    """The network as a step calls it, whose gradients become the mean over processes; None for a single one.

    Layers without a gradient are looked for, since encoders have some. That also keeps torch from sorting gradients
    anew after the first step: a resumed trial would add them in another order.
    """
    if size() == 1:
        return None
    from torch.nn.parallel import DistributedDataParallel

    where = [device.index] if device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=where, forward_sync_buffers=False, find_unused_parameters=True)
