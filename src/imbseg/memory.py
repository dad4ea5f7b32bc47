"""Memory that a step frees stays with the process, for the next step."""

import ctypes
import os

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD, MMAP_MAX = -1, -2, -3, -4  # numbers of glibc's malloc.h


def keep_freed(*, training: bool) -> None:
    """Tell glibc's malloc to keep what is freed; elsewhere nothing is done. No result depends on it.

    By default it returns blocks of megabytes to the system at once, and the next step fetches them again, page by page.
    Call it before torch is imported, which then asks for pages of 2 MB as well.

    Args:
        training: keep all, as a trainer does whose steps ask for the same again; else blocks up to 32 MB, 64 MB in all.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    if not training:
        mallopt(TRIM_THRESHOLD, 64 * 2**20)
        mallopt(MMAP_THRESHOLD, 32 * 2**20)
        return
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    mallopt(MMAP_MAX, 0)
    mallopt(TRIM_THRESHOLD, 2**31 - 1)
    mallopt(TOP_PAD, 256 * 2**20)
