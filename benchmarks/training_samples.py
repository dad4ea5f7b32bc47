"""make benchmark: 512 x 512 training samples a second, side by side with albumentations and torchvision v2.

    benchmarks/.venv/bin/python benchmarks/training_samples.py [--dataset NAME --root DIR] [--rounds N] [--figure FILE]

One core, one process, the same operations from a JPEG and a PNG on disk to a tensor with channels first. All take turns
in every round, so that a ratio compares what ran seconds apart; time is the processor's, which other programs on the
machine change little. Prints a table, and writes docs/images/training_samples.png. Two minutes, in the
environment that `make benchmark` makes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from photographs import make_photographs
from rivals import Make, with_albumentations, with_torchvision

from imbseg.datasets.spec import REPOSITORY, load
from imbseg.loaders import quiet_worker
from imbseg.meta.build import build
from imbseg.models.weights import IMAGENET
from imbseg.sampling.order import NO_FOCUS
from imbseg.training.fold import read_fold
from imbseg.training.prepare import make_paster
from imbseg.training.samples import TrainSamples
from imbseg.trial import resolve

SAMPLES, PHOTOGRAPHS = 40, 100  # samples a turn; images generated
SETTINGS = {"crop": "512", "resize": "none", "scale_min": "0.5", "scale_max": "2", "flip": "0.5", "color": "0.25",
            "encoder": "resnet18", "encoder_weights": "none", "strategy": "full/random/none/none"}  # fmt: skip
PASTE = {"strategy": "full/random/none/rare", "rare_objects": "median", "paste_probability": "1"}
OURS = {"imbseg": {}, "imbseg, decoded kept": {"cache_mb": "2000"},
        "imbseg, decoded kept, copy-paste": {"cache_mb": "2000", **PASTE}}  # fmt: skip
TARGETS = (  # name, what it is measured against (None: samples/s), at least
    ("imbseg", "albumentations", 1.1),
    ("imbseg", "torchvision v2", 2.5),
    ("imbseg, decoded kept", "albumentations", 1.5),
    ("imbseg, decoded kept, copy-paste", None, 200.0),
)
FIGURE = REPOSITORY / "docs" / "images" / "training_samples.png"
BLUE, GREY = "#0072B2", "#999999"
Rates = dict[str, np.ndarray]  # name -> (rounds,) samples a second


def main() -> None:
    """Prepare, measure, print, draw."""
    arguments = read_arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IMBSEG_CACHE"] = str(Path(folder) / "cache")
        quiet_worker(0)  # threads and memory as in the processes that load samples; the same for all
        contenders = make_contenders(arguments, Path(folder))
        rates = measure(contenders, arguments.rounds)
    print(table(rates))
    figure(rates).savefig(arguments.figure, dpi=120)
    print(f"figure: {arguments.figure}")


def read_arguments() -> argparse.Namespace:
    """What is measured on, and how often."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", metavar="NAME|PATH.yml", help="default: generated 480 x 360 photographs")
    parser.add_argument("--root", metavar="DIR", help="where the data set lies")
    parser.add_argument("--rounds", type=int, default=20, metavar="N", help="turns of each (default 20)")
    parser.add_argument("--figure", type=Path, default=FIGURE, metavar="FILE", help="default: the one in docs/images")
    return parser.parse_args()


def make_contenders(arguments: argparse.Namespace, folder: Path) -> dict[str, Make]:
    """Everything that is measured: a function from the number of a sample to its tensors."""
    name = arguments.dataset or str(make_photographs(folder / "photographs", PHOTOGRAPHS))
    build(load(name, root=arguments.root), folder / "meta", workers=1, seed=1)
    given = {"dataset": name, "meta": str(folder / "meta"), **SETTINGS}
    if arguments.root:
        given["root"] = arguments.root
    samples = {label: training_samples({**given, **more}) for label, more in OURS.items()}
    files = samples["imbseg"].files
    index = [number % len(files.ids) for number in range(SAMPLES)]
    rivals = {"albumentations": with_albumentations, "torchvision v2": with_torchvision}
    made = {label: other(files.images, files.masks, IMAGENET) for label, other in rivals.items()}
    found: dict[str, Make] = {label: (lambda i, one=one: one(index[i])) for label, one in made.items()}
    for label, one in samples.items():
        found[label] = lambda i, one=one: tuple(one[(1, i, index[i], NO_FOCUS)].values())[:2]
    for label, make in found.items():
        check(label, make)
    return found


def training_samples(settings: dict[str, str]) -> TrainSamples:
    """The package's own samples, as training makes them."""
    resolved = resolve(settings, {})
    fold = read_fold(resolved.trial, resolved.dataset)
    paster = make_paster(resolved.trial, resolved.dataset, fold)
    return TrainSamples(fold.train, resolved.dataset, resolved.trial, IMAGENET, paster=paster)


def check(label: str, make: Make) -> None:
    """Every one gives the same kind of sample, and has read every file once before time counts."""
    for number in range(SAMPLES):
        image, mask = make(number)
        kinds = (str(image.dtype), tuple(image.shape), str(mask.dtype), tuple(mask.shape))
        labels = "torch.uint8" if label in OURS else "torch.int64"  # ours become int64 on the device
        if kinds != ("torch.float32", (3, 512, 512), labels, (512, 512)):
            raise SystemExit(f"{label}: gives {kinds}")


def measure(contenders: dict[str, Make], rounds: int) -> Rates:
    """Samples a second of processor time in each round; who begins changes from round to round."""
    found: dict[str, list[float]] = {label: [] for label in contenders}
    labels = list(contenders)
    for number in range(rounds):
        turn = number % len(labels)
        for label in labels[turn:] + labels[:turn]:
            make = contenders[label]
            started = time.process_time()
            for sample in range(SAMPLES):
                make(sample)
            found[label].append(SAMPLES / (time.process_time() - started))
        print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {label: np.array(rates) for label, rates in found.items()}


def spread(values: np.ndarray, digits: int) -> str:
    """Median and the middle 80 per cent of the rounds."""
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9))
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(rates: Rates) -> str:
    """Markdown: rates, then ratios of the same round against what they must reach."""
    lines = ["| samples/s, one core | median (middle 80 % of the rounds) |", "|---|---|"]
    lines += [f"| {label} | {spread(values, 0)} |" for label, values in rates.items()]
    lines += ["", "| ratio in one round | median (middle 80 %) | at least |  |", "|---|---|---|---|"]
    for label, other, least in TARGETS:
        values = rates[label] / rates[other] if other else rates[label]
        reached = "reached" if np.median(values) >= least else "missed"
        unit = f"{label} / {other}" if other else f"{label}, samples/s"
        lines.append(f"| {unit} | {spread(values, 2 if other else 0)} | {least:g} | {reached} |")
    return "\n".join(lines)


def figure(rates: Rates) -> Figure:
    """A bar for each median, a dot for each round."""
    drawn = Figure((8, 3), layout="constrained")
    axis: Any = drawn.subplots()
    place = np.arange(len(rates))[::-1]
    middle = [float(np.median(values)) for values in rates.values()]
    axis.barh(place, middle, color=[BLUE if label.startswith("imbseg") else GREY for label in rates], alpha=0.8)
    for y, values in zip(place, rates.values(), strict=True):
        axis.plot(values, np.full(len(values), y), ".", color="black", markersize=3, alpha=0.5)
        axis.annotate(f"{np.median(values):.0f}", (max(values), y), (6, 0), textcoords="offset points", va="center")
    axis.set_yticks(place, list(rates))
    axis.set_xlim(0, 1.12 * max(max(values) for values in rates.values()))
    axis.set_xlabel("training samples of 512 x 512 a second on one core (a dot: one round)", loc="left")
    axis.spines[["top", "right"]].set_visible(False)
    return drawn


if __name__ == "__main__":
    main()
