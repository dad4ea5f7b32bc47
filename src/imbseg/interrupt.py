"""SIGINT and SIGTERM: what is under way is finished if that takes seconds, else dropped; then the process leaves."""

import contextlib
import ctypes
import dataclasses
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing import connection, resource_tracker
from types import FrameType
from typing import Any, NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM)
PATIENCE_S = 4.0  # NNI sends SIGKILL 5 s after SIGINT
STATUS = 130  # of a process that was interrupted
PARENT_DIES = 1  # PR_SET_PDEATHSIG of Linux's prctl.h


@dataclasses.dataclass
class _State:
    """Of this process.

    Attributes:
        asked: a signal came.
        raised: it has been raised as KeyboardInterrupt.
        depth: how many blocks of `whole` are under way.
    """

    asked: bool = False
    raised: bool = False
    depth: int = 0

    def answer(self) -> None:
        """Raise what was asked, once, where nothing is torn by it."""
        if self.asked and not self.raised and not self.depth:
            self.raised = True
            raise KeyboardInterrupt


_state = _State()


def asked() -> bool:
    """Whether a signal asked this process to leave."""
    return _state.asked


def leave() -> NoReturn:
    """Raise KeyboardInterrupt here, and not once more for a signal that came before."""
    _state.raised = True
    raise KeyboardInterrupt


@contextlib.contextmanager
def whole() -> Iterator[None]:
    """What stands inside is done as a whole: a signal raises KeyboardInterrupt after it."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
    _state.answer()


@contextlib.contextmanager
def leaving(late: Callable[[], None]) -> Iterator[None]:
    """Inside, SIGINT and SIGTERM raise KeyboardInterrupt, after the block of `whole` that is under way.

    Where that takes longer than PATIENCE_S (one call into torch can), the process ends by itself with STATUS. Outside
    the main thread, where Python hears no signal, nothing is done.

    Args:
        late: called in another thread before it ends so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    left = threading.Event()
    watch = threading.Thread(target=_watch, args=(reader, left, late), daemon=True)
    before = {number: signal.signal(number, _hear) for number in SIGNALS}
    descriptor = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    watch.start()
    try:
        yield
    finally:
        left.set()
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writer)
        watch.join()
        os.close(reader)
        _state.asked = _state.raised = False


def _hear(_number: int, _frame: FrameType | None) -> None:
    _state.asked = True
    _state.answer()


def _watch(reader: int, left: threading.Event, late: Callable[[], None]) -> None:
    """Python's handlers wait for torch; the numbers of signals come through the pipe at once."""
    while heard := os.read(reader, 64):
        if set(heard) & {int(number) for number in SIGNALS} and not left.wait(PATIENCE_S):
            try:
                late()
            finally:
                os._exit(STATUS)


def follow_parent() -> None:
    """A process that works for another one leaves Ctrl-C to it, and ends with it, whatever ends it (Linux).

    Where one that forked it is gone before this is called, torch's loaders notice within 5 s.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    end_with_parent()
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid != os.getppid():  # a server forked it
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    connection.wait([sentinel])
    os.kill(os.getpid(), signal.SIGKILL)


def end_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the system send this process a signal when the one that started it ends, whatever ends that one (Linux)."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(PARENT_DIES, int(number))


@contextlib.contextmanager
def deaf_children() -> Iterator[None]:
    """Processes started inside never see Ctrl-C, from their first moment on; this one answers it after the block.

    They inherit that it is blocked. Ignoring it here would do that too, and lose the Ctrl-C of these moments.
    """
    came: list[int] = []
    with _signals(lambda number, _frame: came.append(number), signal.SIGINT):  # another thread may be handed it
        resource_tracker.ensure_running()  # whose start would unblock it
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if came:
        signal.raise_signal(signal.SIGINT)


def interrupted_by(*numbers: int) -> contextlib.AbstractContextManager[None]:
    """Inside, these signals are a Ctrl-C."""
    return _signals(_interrupt, *numbers)


def quiet_interrupts() -> contextlib.AbstractContextManager[None]:
    """Inside, a further Ctrl-C changes nothing."""
    return _signals(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _signals(handler: Any, *numbers: int) -> Iterator[None]:
    """Give these signals another handler for the block."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
