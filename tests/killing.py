"""Trials in processes of their own that kill themselves at a named moment, or are killed after some seconds.

A named moment is a tick: before and after a step, in the middle of a checkpoint's writing, before and after a file
takes its name, at an image of an evaluation, between two epochs. Seconds say when a kill comes; no test asks them back.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import multiprocessing
import os
import signal
import sys
import time
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from plain_meta import build
from small_trial import SMALL, train
from tiny_tree import make_tiny

from imbseg.datasets.spec import load
from imbseg.models.checkpoint import Cadence
from imbseg.training import loop

SERVER = multiprocessing.get_context("forkserver")  # it imports torch once, and has run none of it when it forks
Moment = float | tuple[str, int]  # seconds from the start, or a tick's name and which of that name, counted from 1
INTERRUPTED = 130
EVERY = 2  # steps from one checkpoint inside an epoch to the next


EVERYTHING = {
    "strategy": "full/mskf/adaptive/adaptive", "adaptive_from": "confidence", "workers": "2", "ema": "0.9",
    "batch_size": "3", "accumulate": "4",  # checkpoints lie within groups of batches, and an epoch ends within one
    "epochs": "2", "finish_epochs": "1", "finish_size": "80x96", "retrain_head_epochs": "1",
    "aspp_dropout": "0.3", "loss": "cross_entropy", "post_hoc": "prior", "keep_last": "true", "patience": "0",
    "checkpoint_minutes": "1000000",
}  # fmt: skip


def everything(folder: Path) -> dict[str, str]:
    """The flags of a trial with all that has a state of its own, on data of three classes below a folder."""
    masks = {f"{number:03d}": np.zeros((64, 64), np.uint8) for number in range(12)}
    for number, mask in enumerate(masks.values()):
        if number % 3 != 2:
            mask[8 + number : 18 + number, 4 * number : 12 + 4 * number] = 1
        if number % 2:
            mask[40:43, 3 * number : 24 + 3 * number] = 2
    file = make_tiny(folder / "data", masks, test=3)
    build(load(str(file)), folder / "meta")
    weights = "".join(f"{one},{0.5 + place / 8}\n" for place, one in enumerate(masks))
    (folder / "weights.csv").write_text("id,weight\n" + weights, encoding="utf-8")
    where = {"dataset": str(file), "meta": str(folder / "meta"), "image_weights": str(folder / "weights.csv")}
    return {**SMALL, **EVERYTHING, **where}


class Ticks:
    """The moments so far; at one of them the process is gone."""

    def __init__(self, kill_at: Moment | None, number: int = signal.SIGKILL) -> None:
        self.kill_at, self.number, self.names = kill_at, number, list[str]()

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self.kill_at == (name, self.names.count(name)):
            os.kill(os.getpid(), self.number)


def instrument(tick: Ticks) -> None:
    """Have a trial of this process tick, and keep a checkpoint every few steps, whatever the clock says."""
    step, replace, count, confusion = loop._step, Path.replace, itertools.count(1), loop.image_confusion

    def steps(*given: Any, **more: Any) -> Any:
        tick("step begins")
        found = step(*given, **more)
        tick("step ends")
        return found

    def writes(content: Any, handle: Any, **how: Any) -> None:
        if how:  # a tensor on its way to another process
            return saved(content, handle, **how)
        whole = io.BytesIO()
        saved(content, whole)
        half = len(whole.getvalue()) // 2
        handle.write(whole.getvalue()[:half])
        handle.flush()
        tick("write begun" if "begun" in content else "write")
        handle.write(whole.getvalue()[half:])
        return None

    def renames(path: Path, target: Path) -> Path:
        tick(f"before {target.name}")
        found = replace(path, target)
        tick(f"after {target.name}")
        return found

    def evaluates(*given: Any) -> Any:
        tick("evaluation")
        return confusion(*given)

    saved, torch.save = torch.save, writes
    loop._step, loop.image_confusion, Path.replace = steps, evaluates, renames  # type: ignore[method-assign]
    Cadence.due = lambda _: next(count) % EVERY == 0  # type: ignore[method-assign]


def in_child(flags: dict[str, str], out: Path, kill_at: Moment | None, number: int, told: Any) -> None:
    """The whole of one child process."""
    multiprocessing.set_start_method("fork", force=True)  # of the loaders, as in a trial
    tick = Ticks(kill_at, number)
    instrument(tick)
    try:
        heard = train(flags, out, intermediate=lambda _: tick("between epochs"))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    told.send((tick.names, heard["lines"]))


def preload() -> None:
    """Start the server, if it isn't there."""
    SERVER.set_forkserver_preload(["killing"])
    with pytest.MonkeyPatch.context() as patched:  # Python 3.11 preloads without the path of this process
        patched.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        forkserver.ensure_running()


class Ended(NamedTuple):
    """A trial at its end or its kill: exit code, ticks, lines (both empty where it was killed), seconds."""

    status: int
    names: list[str]
    lines: list[str]
    seconds: float


def start(flags: dict[str, str], out: Path, kill_at: Moment | None = None, number: int = signal.SIGKILL) -> Ended:
    """Run a trial to its end or its kill; back as soon as the process is gone, its loaders may still be there."""
    preload()
    hear, tell = SERVER.Pipe(duplex=False)
    process = SERVER.Process(target=in_child, args=(flags, out, kill_at, number, tell))
    process.start()
    begun = time.monotonic()
    tell.close()
    names, lines = list[str](), list[str]()
    if not connection.wait([hear, process.sentinel], kill_at if isinstance(kill_at, float) else None):
        os.kill(process.pid or 0, number)
        connection.wait([hear, process.sentinel])
    if hear.poll():
        with contextlib.suppress(EOFError):
            names, lines = hear.recv()
    process.join()
    return Ended(process.exitcode or 0, names, lines, time.monotonic() - begun)


def ending(folder: Path) -> dict[str, Any]:
    """Everything that must not depend on where a trial was stopped; bytes, or bytes of tensors."""
    names = [path.name for path in folder.iterdir()]
    tables = [name for name in names if name.endswith((".csv", ".npz")) and name != "timing.csv"]
    found: dict[str, Any] = {name: (folder / name).read_bytes() for name in sorted(tables)}
    for name in ("best.pt", "last.pt"):
        content = torch.load(folder / name, weights_only=True)
        kept = {key: value for key, value in content.items() if key != "seconds"}
        found |= {f"{name} {key}": value for key, value in flat(kept).items()}
    return found


def flat(content: Any, before: str = "") -> dict[str, Any]:
    """Every number of a nested checkpoint by its path."""
    if isinstance(content, torch.Tensor):
        return {before: (str(content.dtype), tuple(content.shape), np.asarray(content).tobytes())}
    if isinstance(content, dict | list | tuple):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        return {key: value for name, one in pairs for key, value in flat(one, f"{before}/{name}").items()}
    return {before: repr(content)}
