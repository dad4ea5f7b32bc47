"""Memory that is freed: it stays with a process whose next step asks for the same, or goes back to the system."""

import contextlib
import ctypes
import os
from collections.abc import Iterator

_keeping: set[int] = set()  # processes that keep all that is freed
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4  # numbers of glibc's malloc.h


def keep_freed(*, training: bool) -> None:
    """Tell glibc's malloc to keep what is freed; elsewhere nothing is done. No result depends on it.

    By default it returns blocks of megabytes to the system at once, and the next step fetches them again, page by page.
    Call it before torch is imported, which then asks for pages of 2 MB as well.

    Args:
        training: keep all, as a trainer does whose steps ask for the same again; else blocks up to 32 MB, 64 MB in all.
    """
    if not training:
        _set({TRIM_THRESHOLD: 64 * 2**20, MMAP_THRESHOLD: 32 * 2**20})
        return
    _keeping.add(os.getpid())
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    _set({MMAP_MAX: 0, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 256 * 2**20})


def return_freed() -> None:
    """Tell glibc's malloc to return blocks of 4 MB and more at once, from now on; no result depends on it.

    By default it begins to keep such blocks, up to 32 MB each, once one was freed. Bands of a large image ask for many
    sizes in turn, which then lie between each other, and memory grows from band to band.
    """
    _set({MMAP_MAX: 2**16, MMAP_THRESHOLD: 4 * 2**20})


@contextlib.contextmanager
def returning() -> Iterator[None]:
    """The same for a while: a trainer that keeps what is freed goes on with that."""
    return_freed()
    try:
        yield
    finally:
        if os.getpid() in _keeping:
            keep_freed(training=True)


def _set(values: dict[int, int]) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for number, value in values.items():
        mallopt(number, value)
