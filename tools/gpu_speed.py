"""What gpu_check.py times: training steps in four precisions, and the share of them that waits for data."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from photographs import make_photographs

from imbseg.errors import first_line
from imbseg.training.draws import Draws
from imbseg.training.fold import read_fold
from imbseg.training.folder import open_folder
from imbseg.training.loop import train_epoch
from imbseg.training.prepare import Run, choose_device, make_batches, prepare
from imbseg.trial import Resolved, resolve

REPOSITORY = Path(__file__).resolve().parents[1]
PRECISIONS = "float32,tf32,bfloat16,float16"
PUBLISHED, TRIAL_HOURS, GFLOP = 8.0, 241.0, 336.0  # samples/s, hours of the grid, of a sample forward and backward
HALVES = ("bfloat16", "float16")
PEAKS = {  # TFLOP/s of dense products: the makers' data sheets
    "H100 80GB HBM3": {"float32": 67, "tf32": 494, "half": 989},  # SXM; the PCIe card has less
    "H200": {"float32": 67, "tf32": 494, "half": 989},
    "A100": {"float32": 19.5, "tf32": 156, "half": 312},
}
WARM_UP, LEAST_GAIN, MOST_BATCH = 5, 1.02, 512
LAYOUTS = ({}, {"channels_last": "true"}, {"channels_last": "true", "cudnn": "benchmark"})


class Repeated:
    """The same batch again and again."""

    def __init__(self, batch: dict[str, torch.Tensor], steps: int) -> None:
        """Take a batch as the loader gives it."""
        self.batch, self.steps = batch, steps

    def __len__(self) -> int:
        """Steps."""
        return self.steps

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        """Yield it."""
        return iter([self.batch] * self.steps)


class Waiting:
    """A loader's batches, and the seconds that each was waited for."""

    def __init__(self, batches: Any) -> None:
        """Take the loader."""
        self.batches, self.seconds = batches, list[float]()

    def __len__(self) -> int:
        """Steps."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        """Yield batches."""
        rest = iter(self.batches)
        for _ in range(len(self.batches)):
            started = time.perf_counter()
            batch = next(rest)
            self.seconds.append(time.perf_counter() - started)
            yield batch


def speed(given: Any) -> Iterable[dict[str, Any]]:
    """Samples/s of each precision and layout at batch 8, then of the fastest layout at larger batches."""
    until, precisions = time.perf_counter() + given.arguments.speed_seconds, given.arguments.precisions.split(",")
    best: dict[str, tuple[float, dict[str, str]]] = {}
    for layout in LAYOUTS:
        for precision in precisions:
            row = _timed(given, precision, layout, 8, until)
            if (rate := row["samples/s"]) is not None and rate > best.get(precision, (0.0, {}))[0]:
                best[precision] = rate, layout
            yield row
    for precision in sorted(best, key=lambda one: -best[one][0]):  # the slowest last: it may run out of time
        yield from _larger(given, precision, *best[precision], until)


def _larger(given: Any, precision: str, rate: float, layout: dict[str, str], until: float) -> Iterable[dict[str, Any]]:
    """Twice the batch as long as that gains, and as there is memory and time."""
    batch = 16
    while given.cuda and batch <= MOST_BATCH:
        seconds = (WARM_UP + given.arguments.steps) * batch / rate
        row = _timed(given, precision, layout, batch, until, seconds)
        yield row
        if row["samples/s"] is None or row["samples/s"] < rate * LEAST_GAIN:
            return
        rate, batch = row["samples/s"], 2 * batch


def _timed(
    given: Any, precision: str, layout: dict[str, str], batch: int, until: float, expected_s: float = 0.0
) -> dict[str, Any]:
    """A row; no figure where there is no GPU, no memory, or no time left."""
    words = {"precision": precision, "channels_last": bool(layout.get("channels_last"))}
    words |= {"cudnn": layout.get("cudnn", "deterministic"), "batch": batch}
    told: dict[str, Any] = dict.fromkeys(("samples/s", "ms a step", "share of peak", "x published", "grid hours", "GB"))
    if not given.cuda and (given.arguments.device != "cpu" or precision in ("tf32", "float16")):
        return words | told | {"note": "no GPU"}
    if time.perf_counter() + expected_s > until:
        return words | told | {"note": "out of time"}
    try:
        step_s, memory = _step_seconds(given, precision, layout, batch)
    except Exception as error:  # a row that fails costs no other
        full = isinstance(error, torch.OutOfMemoryError)
        return words | told | {"note": "out of memory" if full else f"{type(error).__name__}: {first_line(error)}"}
    finally:
        gc.collect()
        if given.cuda:
            torch.cuda.empty_cache()
    rate = batch / step_s
    published = (given.arguments.encoder, given.arguments.size) == ("resnet101", 512)
    told |= {"samples/s": rate, "ms a step": 1000 * step_s, "GB": memory}
    if published and given.cuda:
        told |= {"x published": rate / PUBLISHED, "grid hours": TRIAL_HOURS * PUBLISHED / rate}
        told["share of peak"] = share_of_peak(rate, precision, torch.cuda.get_device_name())
    return words | told | {"note": ""}


def share_of_peak(rate: float, precision: str, card: str) -> float | str:
    """Of the card's arithmetic in a precision, that 336 GFLOP a sample at a rate are.

    >>> round(share_of_peak(100.0, "tf32", "NVIDIA H100 80GB HBM3"), 4), share_of_peak(1.0, "tf32", "Card")
    (0.068, 'not known')
    """
    peaks = next((peaks for name, peaks in PEAKS.items() if name in card), None)
    if peaks is None:
        return "not known"
    return rate * GFLOP / 1000 / peaks["half" if precision in HALVES else precision]


def _step_seconds(given: Any, precision: str, layout: dict[str, str], batch: int) -> tuple[float, float | None]:
    """The median step after some to warm up, and the GB that it took at most."""
    with prepared(given, precision=precision, **layout) as run:
        samples, steps = make_batches(run).dataset, WARM_UP + given.arguments.steps
        images = len(run.fold.train.ids)
        few = [samples[1, place, place % images, -1] for place in range(8)]  # type: ignore[index]
        whole = {name: torch.stack([few[place % 8][name] for place in range(batch)]) for name in few[0]}
        if given.cuda:
            whole = {name: tensor.pin_memory() for name, tensor in whole.items()}
            torch.cuda.reset_peak_memory_stats()
        ends = _train(run, Repeated(whole, steps))
        memory = torch.cuda.max_memory_allocated() / 1e9 if given.cuda else None
    return float(np.median(np.diff(ends)[WARM_UP - 1 :])), memory


def _train(run: Run, batches: Any) -> list[float]:
    """Train on them as a trial does; when each step was over."""
    ends, draws = list[float](), Draws(run.dataset.class_names, confidence=False)

    def between() -> None:
        if run.learner.device.type == "cuda":
            torch.cuda.synchronize()
        ends.append(time.perf_counter())

    train_epoch(run.learner, batches, run.loss_of, run.trial, 1, draws.add, between=between)
    return ends


def loader(given: Any) -> Iterable[dict[str, Any]]:
    """The share of a training step that waits for the real loader, at batch 8, and what the loader gives alone."""
    cores = len(os.sched_getaffinity(0))
    for precision, workers in (("float32", 2), ("bfloat16", 2), ("bfloat16", max(2, cores - 1))):
        row = {"precision": precision, "workers": workers, "cores": cores, "waiting": None}
        if given.cuda or given.arguments.device == "cpu":
            settings = {"channels_last": "true", "workers": str(workers)}
            with prepared(given, precision=precision, **settings) as run:
                yield row | _waited(given, run)
        else:
            yield row | {"samples/s": None, "loader alone": None}


def _waited(given: Any, run: Run) -> dict[str, Any]:
    """Past the batches that were ready when the first step began."""
    alone, skip = list[float](), 2 * run.trial.workers
    for _ in _long(given, run):
        alone.append(time.perf_counter())
    batches = Waiting(_long(given, run))
    ends, size = _train(run, batches), run.trial.batch_size
    whole, steps = ends[-1] - ends[skip - 1], len(ends) - skip
    told = {"waiting": sum(batches.seconds[skip:]) / whole, "samples/s": size * steps / whole}
    return told | {"loader alone": size * steps / (alone[-1] - alone[skip - 1])}


def _long(given: Any, run: Run) -> Any:
    """The loader of an epoch that is long enough to measure: the fold's images several times over."""
    images = len(run.fold.train.ids)
    samples = max(4 * given.arguments.steps, 10 * run.trial.workers) * run.trial.batch_size
    times = max(1, round(samples / (2 * images)))  # the published sampling doubles the fold
    fold = dataclasses.replace(
        run.fold,
        train=run.fold.train.take(list(range(images)) * times),
        draw_weights=np.tile(run.fold.draw_weights, times),
    )
    return make_batches(dataclasses.replace(run, fold=fold))


@contextlib.contextmanager
def prepared(given: Any, **settings: str) -> Iterator[Run]:
    """The published trial on generated photographs, ready to train, in a folder that is gone afterwards."""
    resolved = published(given, **settings)
    device = choose_device(resolved.trial.device, resolved.trial.precision)
    trial = resolved.trial.model_copy(update={"threads": torch.get_num_threads()})
    place = given.place / f"run{time.monotonic_ns()}"
    with open_folder(place) as folder:
        fold = read_fold(trial, resolved.dataset)
        yield prepare(resolved, trial, fold, folder, device, say=lambda _: None)


def published(given: Any, **settings: str) -> Resolved:
    """The published setting (nni_config.yml, search_space.json: full/random/x2/none, focal), with random weights."""
    size, encoder = str(given.arguments.size), given.arguments.encoder
    flags = {"strategy": "full/random/x2/none", "batch_size": "8", "crop": size, "encoder": encoder}
    flags |= {"encoder_weights": "none", "device": given.arguments.device, "workers": "0", **data(given)}
    return resolve({**flags, **settings}, {})


def data(given: Any) -> dict[str, str]:
    """Generated photographs of VOC's size and number of classes, with their meta; made once."""
    if "data" not in given.found:
        file = make_photographs(given.place / "photographs", given.arguments.images, size=(500, 375), classes=21)
        meta = given.place / "meta"
        command = [sys.executable, str(REPOSITORY / "src/make_meta.py"), "--dataset", str(file), "--out", str(meta)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=240)
        given.found["data"] = {"dataset": str(file), "meta": str(meta)}
    return dict(given.found["data"])
