"""The processes that load samples beside training: how they start, what they take, that they end with their trainer."""

import os
import sys
from multiprocessing import forkserver
from typing import Any

import cv2
import torch

from imbseg import ranks
from imbseg.interrupt import follow_parent
from imbseg.memory import keep_freed
from imbseg.trial import Trial

SERVED = ("imbseg.training.prepare", "imbseg.training.whole_images")  # what samples are made with


def loading(trial: Trial, device: torch.device) -> dict[str, Any]:
    """How a DataLoader starts its processes.

    They are forked. Beside gloo's threads, one of which may hold a lock of the process at that moment, they hung for
    good: of several processes that train together each has a server without threads, which forks them.
    """
    how = {"num_workers": trial.workers, "worker_init_fn": start_worker, "pin_memory": device.type == "cuda"}
    if trial.workers and ranks.size() > 1:
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
