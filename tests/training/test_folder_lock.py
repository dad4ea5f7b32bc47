"""A run folder belongs to one process: another is refused; a killed one frees it at once, and its loaders end."""

from __future__ import annotations

import os
import select
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from killing import SERVER, preload

from imbseg.errors import InputError
from imbseg.loaders import start_server, start_worker
from imbseg.training.folder import open_folder


class Slow(torch.utils.data.Dataset[int]):
    """Samples whose first one never comes; each tells which process makes it."""

    def __init__(self, tell: Connection) -> None:
        self.tell = tell

    def __getitem__(self, index: int) -> int:
        self.tell.send(os.getpid())
        signal.pause()
        return index

    def __len__(self) -> int:
        return 8


def train(folder: Path, tell: Connection, context: str) -> None:
    if context == "forkserver":
        start_server()
    how = {"num_workers": 2, "worker_init_fn": start_worker, "multiprocessing_context": context}
    with open_folder(folder):
        for _ in torch.utils.data.DataLoader(Slow(tell), **how):
            pass


@pytest.mark.parametrize("context", ["fork", "forkserver"])
def test_a_kill_frees_the_folder_at_once_and_ends_its_loaders(tmp_path: Path, context: str) -> None:
    preload()
    heard, tell = SERVER.Pipe(duplex=False)
    trial = SERVER.Process(target=train, args=(tmp_path, tell, context))
    trial.start()
    loaders = [heard.recv() if heard.poll(60) else 0 for _ in range(2)]
    with pytest.raises(InputError, match="another process trains in this folder"), open_folder(tmp_path):
        pass
    ends = [os.pidfd_open(loader) for loader in loaders]
    os.kill(trial.pid or 0, signal.SIGKILL)
    trial.join()
    with open_folder(tmp_path):
        pass
    for end in ends:
        assert select.select([end], [], [], 60)[0]  # readable once the process has ended
        os.close(end)
