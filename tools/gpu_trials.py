"""What gpu_check.py starts as commands: a trial stopped and started again, nccl, and CamVid for some minutes."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_speed import data

from imbseg.models import checkpoint
from imbseg.timing import measure
from imbseg.trial import resolve

REPOSITORY = Path(__file__).resolve().parents[1]
TRAIN = [sys.executable, str(REPOSITORY / "src/train_nni.py")]
PATIENCE = 120.0, 3600.0  # seconds for a command of a few steps, on a GPU and on the CPU
NCCL = """
import datetime, torch
from torch import distributed
distributed.init_process_group("nccl", init_method="file://{file}", rank=0, world_size=1,
                               timeout=datetime.timedelta(seconds=30))
sums = torch.arange(4.0, device="cuda")
distributed.all_reduce(sums)
print(sums.tolist() == [0.0, 1.0, 2.0, 3.0], ".".join(map(str, torch.cuda.nccl.version())))
distributed.destroy_process_group()
"""
EVERY = "0.00001"  # minutes between checkpoints: the first comes after a step


def nccl(given: Any) -> Iterable[dict[str, Any]]:
    """Whether nccl begins, and sums over a single process."""
    if not given.cuda:
        yield {"processes": 1, "sums": None, "version": None}
        return
    code = NCCL.format(file=given.place / "nccl")
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE[0], check=False
    )
    if said.returncode:
        raise RuntimeError(f"nccl: {said.stderr.strip().splitlines()[-1]}")
    right, version = said.stdout.split()[-2:]
    yield {"processes": 1, "sums": right == "True", "version": version}


def resume(given: Any) -> Iterable[dict[str, Any]]:
    """Three starts of one command, the third killed within its first epoch and started again: what is equal?"""
    if not given.cuda and given.arguments.device != "cpu":
        yield {"trial": "stopped and started", "killed after step": None, "counts equal": None}
        return
    folders = {name: given.place / name for name in ("first", "second", "stopped")}
    started = {name: _start(given, folder) for name, folder in folders.items()}
    patience = PATIENCE[0 if given.cuda else 1]
    step = _kill(started["stopped"], folders["stopped"], patience)
    for name in ("first", "second"):
        _wait(started[name], folders[name], patience)
    _wait(_start(given, folders["stopped"]), folders["stopped"], patience)
    for name, words in (("second", "the same command again, never stopped"), ("stopped", "stopped and started")):
        killed = {"killed after step": step if name == "stopped" else "-"}
        yield {"trial": words, **killed, **_equal(folders["first"], folders[name])}


def _start(given: Any, folder: Path) -> subprocess.Popen[bytes]:
    encoder = given.arguments.encoder.replace("resnet101", "resnet18")  # small checkpoints
    flags = {"strategy": "full/random/x2/none", "encoder": encoder, "encoder_weights": "none"}
    flags |= {"crop": str(min(256, given.arguments.size)), "batch_size": "8", "epochs": "2", "post_hoc": "none"}
    flags |= {"device": given.arguments.device, "workers": "2", "keep_last": "true", "checkpoint_minutes": EVERY}
    return _command({**flags, **data(given)}, folder)


def _command(flags: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    words = [word for name, value in flags.items() for word in (f"--{name}", value)]
    with folder.with_suffix(".log").open("ab") as log:
        return subprocess.Popen([*TRAIN, *words, "--out", str(folder)], stdout=log, stderr=subprocess.STDOUT)


def _kill(process: subprocess.Popen[bytes], folder: Path, patience: float) -> int:
    """SIGKILL once a checkpoint of the first epoch is written; its step."""
    until, last = time.monotonic() + patience, folder / "last.pt"
    while not last.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    state = checkpoint.load(last)
    return int(state["begun"]["step"]) if "begun" in state else 0


def _wait(process: subprocess.Popen[bytes], folder: Path, patience: float) -> None:
    if process.wait(timeout=patience):
        lines = folder.with_suffix(".log").read_text(errors="replace").strip().splitlines()
        raise RuntimeError(f"train_nni.py ended with {process.returncode}: {lines[-1] if lines else 'it said nothing'}")


def _equal(one: Path, other: Path) -> dict[str, Any]:
    """What two run folders have in common, to the last bit."""
    found: dict[str, Any] = {"counts equal": True}
    for name in ("counts_val.npz", "counts_test.npz"):
        with np.load(one / name) as ours, np.load(other / name) as theirs:
            same = set(ours.files) == set(theirs.files)
            found["counts equal"] &= same and all(np.array_equal(ours[key], theirs[key]) for key in ours.files)
    files = [(folder / "epochs.csv").read_text() for folder in (one, other)]
    weights = [checkpoint.load(folder / "best.pt")["model"] for folder in (one, other)]
    found["epochs.csv equal"] = files[0] == files[1]
    found["weights equal"] = all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    gaps = [(weights[0][name] - weights[1][name]).abs().max().item() for name in weights[0]]
    losses = [float(list(csv.DictReader(text.splitlines()))[-1]["loss"]) for text in files]
    return found | {"largest difference of a weight": max(gaps), "of the last loss": abs(losses[0] - losses[1])}


def curve(given: Any) -> Iterable[dict[str, Any]]:
    """CamVid at 480 x 360 for some minutes: as many epochs as fit, by the pace of a few steps; then the test."""
    nothing = {"epoch": None, "minute": None, "mIoU": None, "tail": None}
    if given.arguments.camvid is None or not (given.cuda or given.arguments.device == "cpu"):
        yield nothing | {"note": "no GPU" if given.arguments.camvid else "no --camvid"}
        return
    started = time.perf_counter()
    flags = _camvid(given)
    pace = measure(resolve(flags, {}))
    seconds = 60 * given.arguments.minutes - (time.perf_counter() - started)
    epochs = next((count for count in range(1000, 1, -1) if pace.seconds(count) <= seconds), 1)
    flags = {"epochs": str(epochs), **flags}
    yield {
        "planned epochs": flags["epochs"],
        "ms a step": 1000 * pace.step_s,
        "validation s": pace.val_s,
        **_told(flags),
    }
    folder, started = given.place / "curve", time.perf_counter()
    process = _command(flags, folder)
    try:
        process.wait(timeout=1.25 * seconds + 30)  # a test that doesn't fit costs the test, not the curve
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    minutes = (time.perf_counter() - started) / 60
    if not (folder / "epochs.csv").is_file():
        if process.returncode != -signal.SIGKILL:
            _wait(process, folder, 0)
        raise RuntimeError(f"{given.arguments.minutes:.3g} minutes are too few for an epoch and its start; give more")
    yield from _epochs(folder)
    if not (folder / "status.json").is_file():
        _wait(process, folder, 0)
    status = json.loads((folder / "status.json").read_text())
    test = status.get("test", {})
    whole = {"best epoch": status.get("best_epoch"), "whole minutes": minutes, "status": status["status"]}
    classes = {name.removeprefix("IoU/"): value for name, value in test.items() if name.startswith("IoU/")}
    yield whole | {"test mIoU": test.get("mIoU"), "test tail": test.get("tail")} | classes
    if status["status"] != "finished":
        raise RuntimeError(f"the trial ended early: {status.get('message', status['status'])}")


def _camvid(given: Any) -> dict[str, str]:
    """Settings of the trial, and CamVid's meta, made here."""
    meta, root = given.place / "camvid_meta", str(Path(given.arguments.camvid).resolve())
    command = [sys.executable, str(REPOSITORY / "src/make_meta.py"), "--dataset", "camvid", "--root", root]
    subprocess.run([*command, "--out", str(meta)], check=True, stdout=subprocess.DEVNULL, timeout=240)
    cores = len(os.sched_getaffinity(0))
    flags = {"dataset": "camvid", "root": root, "meta": str(meta), "strategy": "full/given/x2/none"}
    flags |= {"encoder_weights": given.arguments.weights, "resize": "none", "crop": "480x360", "batch_size": "8"}
    flags |= {"architecture": "unet", "decoder_width": "96", "loss": "weighted_cross_entropy", "ema": "0.99"}
    flags |= {"schedule": "onecycle", "lr": "0.002", "encoder_lr": "0.001", "post_hoc": "none", "patience": "0"}
    flags |= {"precision": "bfloat16", "channels_last": "true", "workers": str(max(2, cores - 1))}
    flags |= {"device": given.arguments.device}
    return flags | dict(one.split("=", 1) for one in given.arguments.curve)


def _told(flags: dict[str, str]) -> dict[str, str]:
    return {name: flags[name] for name in ("architecture", "loss", "precision", "batch_size", "crop")}


def _epochs(folder: Path) -> Iterable[dict[str, Any]]:
    """A row an epoch: minutes of training, validation and checkpoints so far."""
    minutes = 0.0
    texts = [(folder / name).read_text(encoding="utf-8") for name in ("epochs.csv", "timing.csv")]
    rows = [list(csv.DictReader(text.splitlines())) for text in texts]
    for row, spent in zip(*rows, strict=True):
        minutes += sum(float(spent[name] or 0) for name in ("train_s", "val_s", "checkpoint_s")) / 60
        scores = {name: float(row[name]) for name in ("loss", "mIoU", "tail")}
        yield {"epoch": int(row["epoch"]), "minute": round(minutes, 3), **scores}
