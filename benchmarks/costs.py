"""What the engine costs beside the steps: make benchmark PART=loader, start, checkpoint or counting.

    benchmarks/.venv/bin/python benchmarks/costs.py loader|start|checkpoint|counting

loader: 512 x 512 samples and whole images that two loader processes deliver, and the same collated by torch in new
memory, as before; then what a consumer that takes 4 ms a sample waits for them, by the clock of a quiet machine.
start: from the command to a trial's first step, over importing torch, segmentation_models_pytorch and nni alone.
checkpoint: of the published network with its optimizer, as a share of `checkpoint_minutes`.
counting: eight masks of 512 x 512 and 21 classes, against torchmetrics.
Seconds are the processor's, which other programs change little; medians over rounds in turns. A minute each.
"""

from __future__ import annotations

import argparse
import functools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from photographs import make_photographs

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "src"))

from imbseg.datasets.spec import load  # noqa: E402
from imbseg.loaders import as_it_is, give_back, loading  # noqa: E402
from imbseg.meta.build import build  # noqa: E402
from imbseg.metrics.counts import image_confusion  # noqa: E402
from imbseg.models.weights import IMAGENET  # noqa: E402
from imbseg.training.fold import read_fold  # noqa: E402
from imbseg.training.folder import open_folder  # noqa: E402
from imbseg.training.prepare import choose_device, make_batches, prepare  # noqa: E402
from imbseg.training.stages import save  # noqa: E402
from imbseg.training.whole_images import WholeImages  # noqa: E402
from imbseg.trial import resolve  # noqa: E402

CPU = torch.device("cpu")
BATCH, WORKERS, IMAGES = 8, 2, 60
EPOCH = 183  # batches of VOC 2012's 1,464 train images
CONSUMER_S = 0.004  # a sample: twice as fast as an H100 with the published network
SETTINGS = {"crop": "512", "resize": "none", "encoder_weights": "none", "strategy": "full/random/none/none",
            "batch_size": str(BATCH), "device": "cpu", "threads": "1", "workers": str(WORKERS)}  # fmt: skip


def main() -> None:
    """One part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=list(PARTS))
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default 5)")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        PARTS[given.part](Path(folder), given.rounds)


def data(folder: Path) -> dict[str, str]:
    """Photographs of VOC 2012's usual size with their meta: the flags that name them."""
    file = make_photographs(folder / "photographs", IMAGES, size=(500, 375), classes=21)
    build(load(str(file)), folder / "meta", workers=1, seed=1)
    os.environ["IMBSEG_CACHE"] = str(folder / "cache")
    return {**SETTINGS, "dataset": str(file), "meta": str(folder / "meta")}


def medians(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """What each gives, in turns."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return {name: statistics.median(values) for name, values in found.items()}


class OneByOne(torch.utils.data.Dataset[Any]):
    """Samples that torch collates."""

    def __init__(self, samples: Any) -> None:
        """Take the samples."""
        self.samples = samples

    def __getitem__(self, key: Any) -> Any:
        """One of them."""
        return self.samples[key]


def loader(folder: Path, rounds: int) -> None:
    """Loader processes alone, with images from disk and decoded ones kept."""
    flags, ways = {**data(folder), "encoder": "resnet18", "scale_min": "0.5", "scale_max": "2"}, {}
    waits: dict[str, Callable[[], float]] = {}
    for kept, more in (("from disk", {}), ("decoded kept", {"cache_mb": "2000"})):
        resolved = resolve({**flags, **more}, {})
        with open_folder(folder / kept) as opened:
            fold = read_fold(resolved.trial, resolved.dataset)
            run = prepare(resolved, resolved.trial, fold, opened, CPU, say=lambda _: None)
            batches: Any = make_batches(run)
        batches.dataset.normalisation = IMAGENET
        order = [key for _ in range(10) for key in batches.batch_sampler if len(key) == BATCH]
        ways |= pair(kept, batches.dataset, order, None)
        waits[kept] = functools.partial(waited, batches.dataset, (order * EPOCH)[:EPOCH])
    whole = WholeImages(fold.train, resolved.dataset, resolved.trial, IMAGENET)
    ways |= pair("whole images, decoded kept", whole, 10 * whole.batches(BATCH)[:-1], stacked)
    found = medians(ways, rounds)
    for name, seconds in found.items():
        over = found[f"{name.removesuffix(', as before')}, as before"] / seconds
        rate = f"{WORKERS / seconds:.0f} samples/s of {WORKERS} processes with a core each"
        print(f"{name}: {1e3 * seconds:.2f} ms a sample, {rate}, {over:.2f} x before")
    for kept, share in medians(waits, rounds).items():
        print(f"{kept}: a consumer of {1e3 * CONSUMER_S:.0f} ms a sample waits {share:.1%} of its time, by the clock")


def pair(name: str, dataset: Any, order: Any, collate: Any) -> dict[str, Callable[[], float]]:
    """The same batches in both ways."""
    ways = {f"{name}, as before": (OneByOne(dataset), collate), name: (dataset, as_it_is)}
    return {key: functools.partial(of_loaders, one, order, how) for key, (one, how) in ways.items()}


def stacked(batch: Any) -> Any:
    """Whole images as they were collated."""
    return {"image": torch.stack([one[0] for one in batch])}, [one[1] for one in batch], [one[2] for one in batch]


def of_loaders(dataset: Any, order: list[Any], collate: Any) -> float:
    """Processor seconds of loader processes for a sample; their start isn't counted."""
    spent = []
    how = {**loading(WORKERS, CPU), "collate_fn": collate}
    for part in (order[:WORKERS], order):
        before, given = resource.getrusage(resource.RUSAGE_CHILDREN), 0
        for batch in torch.utils.data.DataLoader(dataset, batch_sampler=part, **how):
            maps = batch if isinstance(batch, dict) else batch[0]
            given += len(maps["image"])
            give_back(maps)
        del batch, maps
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, given))
    (start, few), (whole, many) = spent
    return (whole - start) / (many - few)


def waited(dataset: Any, order: list[Any]) -> float:
    """Share of the clock's time that a consumer waits for batches; until the first one the processes start."""
    batches = iter(torch.utils.data.DataLoader(dataset, batch_sampler=order, **loading(WORKERS, CPU)))
    maps, begun, busy = next(batches), time.perf_counter(), 0.0
    while maps is not None:
        started = time.perf_counter()
        time.sleep(CONSUMER_S * len(maps["image"]))
        busy += time.perf_counter() - started
        give_back(maps)
        maps = next(batches, None)
    return 1 - busy / (time.perf_counter() - begun)


def start(folder: Path, rounds: int) -> None:
    """Until the first step is about to begin, in processes of their own."""
    words = [part for name, value in data(folder).items() for part in (f"--{name}", value)]
    words += ["--encoder", "resnet18", "--workers", "0", "--out", str(folder / "run")]
    first = f"""
import os, runpy, sys, time
sys.path.insert(0, {str(REPOSITORY / "src")!r})
import nni, imbseg.training.loop
imbseg.training.loop._step = lambda *_, **__: (print(time.process_time(), flush=True), os._exit(0))
sys.argv = ["train_nni.py", *{words!r}]
runpy.run_path({str(REPOSITORY / "src" / "train_nni.py")!r}, run_name="__main__")
"""
    alone = "import time, torch, segmentation_models_pytorch, nni; print(time.process_time())"
    found = medians({"imports alone": lambda: of_python(alone), "to the first step": lambda: of_python(first)}, rounds)
    beyond = found["to the first step"] - found["imports alone"]
    print(", ".join(f"{name} {seconds:.2f} s" for name, seconds in found.items()) + f": {beyond:.2f} s beyond them")


def of_python(code: str) -> float:
    """The last number that it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def checkpoint(folder: Path, rounds: int) -> None:
    """Written as in a trial, with fsync and the one before kept."""
    flags = {**data(folder), "encoder": "resnet101", "loss": "focal"}
    resolved = resolve(flags, {})
    with open_folder(folder / "run") as opened:
        fold = read_fold(resolved.trial, resolved.dataset)
        run = prepare(resolved, resolved.trial, fold, opened, choose_device("cpu"), say=lambda _: None)
        for parameter in run.learner.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        run.learner.optimizer.step()  # its momentum is kept as well
        ways = {
            "clock": lambda: of_clock(time.perf_counter, run),
            "processor": lambda: of_clock(time.process_time, run),
        }
        found = medians(ways, rounds)
        size = opened.file("last.pt").stat().st_size
    minutes = resolved.trial.checkpoint_minutes
    share = found["clock"] / (60 * minutes)
    print(f"{size / 1e6:.0f} MB in {found['clock']:.2f} s by the clock, {found['processor']:.2f} s of the processor: "
          f"{share:.2%} of the time, {minutes:g} minutes apart")  # fmt: skip


def of_clock(clock: Callable[[], float], run: Any) -> float:
    """Seconds of one."""
    before = clock()
    save(run)
    return clock() - before


def counting(_: Path, rounds: int) -> None:
    """A confusion matrix of each image, equal in both."""
    from torchmetrics.functional.classification import multiclass_confusion_matrix

    rng, classes = np.random.default_rng(1), 21
    truth = np.kron(rng.integers(0, classes, (BATCH, 64, 64)), np.ones((1, 8, 8), int)).astype(np.uint8)
    truth[:, :4] = 255
    labels = np.where(rng.random(truth.shape) < 0.7, np.minimum(truth, classes - 1), 3).astype(np.uint8)
    theirs = [torch.from_numpy(one).long() for one in (labels, truth)]

    def ours() -> list[np.ndarray]:
        return [image_confusion(one, other, classes)[:-1] for one, other in zip(labels, truth, strict=True)]

    def metrics() -> list[np.ndarray]:
        pairs = zip(*theirs, strict=True)
        return [multiclass_confusion_matrix(one, other, classes, ignore_index=255).numpy() for one, other in pairs]

    for one, other in zip(ours(), metrics(), strict=True):
        np.testing.assert_array_equal(one, other)

    def timed(way: Callable[[], Any]) -> float:
        before = time.process_time()
        for _ in range(5):
            way()
        return (time.process_time() - before) / 5

    found = medians({"imbseg": lambda: timed(ours), "torchmetrics": lambda: timed(metrics)}, rounds)
    told = ", ".join(f"{name} {1e3 * seconds:.1f} ms a batch" for name, seconds in found.items())
    print(f"{told}: {found['torchmetrics'] / found['imbseg']:.1f} x, equal counts")


PARTS = {"loader": loader, "start": start, "checkpoint": checkpoint, "counting": counting}

if __name__ == "__main__":
    main()
