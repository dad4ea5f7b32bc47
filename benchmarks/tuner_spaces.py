"""Three search spaces on which tuners are compared, fixed before the first run: what is best in each is known.

`nested`: branches with settings of their own, and two learning rates that must fit each other. `noisy`: four settings
whose true scores differ as much as seeds do. `refitted`: a surface through the finished CamVid runs of docs/runs.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RUNS = Path(__file__).with_name("tuner_runs.csv")  # of docs/runs, as they were when this was fixed
Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Problem:
    """A search space of NNI, the true score of its points, the SD of a trial's noise, the best true score."""

    name: str
    space: dict[str, Any]
    truth: Callable[[Parameters], float]
    noise: float
    best: float


def choice(*values: Any) -> dict[str, Any]:
    """One of these."""
    return {"_type": "choice", "_value": list(values)}


def span(kind: str, low: float, high: float) -> dict[str, Any]:
    """A number of a range."""
    return {"_type": kind, "_value": [low, high]}


def nested() -> Problem:
    """The best is focal with gamma 1.5 at lr 2e-3, encoder_lr a third of it; weighted comes within .01 of it."""
    losses = [
        {"_name": "cross_entropy"},
        {"_name": "focal", "gamma": span("uniform", 1.0, 5.0), "alpha": span("uniform", 0.1, 0.9)},
        {"_name": "weighted", "exponent": span("uniform", 0.0, 1.0)},
    ]
    space = {
        "loss": choice(*losses),
        "lr": span("loguniform", 1e-4, 1e-1),
        "encoder_lr": span("loguniform", 1e-5, 1e-1),
        "sampling": choice("none", "x2", "label", "rare_class"),
    }
    gain = {"none": 0.0, "x2": 0.01, "label": 0.02, "rare_class": 0.015}

    def truth(given: Parameters) -> float:
        loss = given["loss"]
        lr, encoder = math.log10(given["lr"]), math.log10(given["encoder_lr"])
        score = 0.30 - 0.05 * (lr + 2.7) ** 2 - 0.04 * (encoder - lr + 0.5) ** 2 + gain[given["sampling"]]
        if loss["_name"] == "focal":
            return score + 0.05 - 0.012 * (loss["gamma"] - 1.5) ** 2 - 0.1 * (loss["alpha"] - 0.6) ** 2
        if loss["_name"] == "weighted":
            return score + 0.04 - 0.15 * (loss["exponent"] - 0.5) ** 2
        return score

    return Problem("nested", space, truth, 0.003, 0.37)


def noisy() -> Problem:
    """True scores of random points have the SD that seeds have: .014, as measured for `weighted` in docs/camvid.md."""
    space = {
        "lr": span("loguniform", 1e-4, 1e-1),
        "weight_decay": span("loguniform", 1e-6, 1e-2),
        "color": span("uniform", 0.0, 0.5),
        "loss": choice("cross_entropy", "weighted", "focal"),
    }
    loss = {"cross_entropy": 0.0, "weighted": 0.02, "focal": 0.01}

    def truth(given: Parameters) -> float:
        lr, decay = math.log10(given["lr"]), math.log10(given["weight_decay"])
        return 0.3 - 0.013 * (lr + 2.5) ** 2 - 0.001 * (decay + 4) ** 2 - 0.02 * given["color"] + loss[given["loss"]]

    return Problem("noisy", space, truth, 0.014, 0.32)


def refitted() -> Problem:
    """Validation tail of the finished runs in docs/runs/camvid and camvid_gpu, as a Gaussian process smooths it."""
    losses = ["cross_entropy", "weighted_cross_entropy", "weighted_cross_entropy+0.5*lovasz", "cc_dice"]
    space = {
        "loss": choice(*losses),
        "architecture": choice("deeplabv3plus", "unet"),
        "batch_size": choice(2, 4, 8),
        "lr": span("loguniform", 0.0005, 0.008),
        "pixels": span("loguniform", 192 * 144, 384 * 288),
        "color": span("uniform", 0.0, 0.25),
    }

    def coded(given: Parameters) -> np.ndarray:
        """Each setting from 0 to 1, a choice as one column a value: (columns,)."""
        rates = math.log(given["lr"] / 0.0005) / math.log(16)
        sizes = math.log(given["pixels"] / (192 * 144)) / math.log(4)
        kinds = [float(given["loss"] == one) for one in losses] + [float(given["architecture"] == "unet")]
        return np.array([*kinds, math.log2(given["batch_size"]) / 3, rates, sizes, given["color"] / 0.25])

    runs = _read()
    points = np.stack([coded(given) for given, _ in runs])  # (runs, columns)
    scores = np.array([score for _, score in runs])
    near = np.exp(-0.5 * ((points[:, None] - points[None]) ** 2).sum(axis=2) / 0.8**2)  # (runs, runs)
    weights = np.linalg.solve(near + 0.1 * np.eye(len(runs)), scores - scores.mean())

    def truth(given: Parameters) -> float:
        close = np.exp(-0.5 * ((points - coded(given)) ** 2).sum(axis=1) / 0.8**2)
        return float(scores.mean() + close @ weights)

    steps = [np.geomspace(0.0005, 0.008, 13), np.geomspace(192 * 144, 384 * 288, 13), np.linspace(0, 0.25, 6)]
    grid = itertools.product(losses, ("deeplabv3plus", "unet"), (2, 4, 8), *(one.tolist() for one in steps))
    best = max(truth(dict(zip(space, point, strict=True))) for point in grid)
    return Problem("refitted", space, truth, 0.014, best)


def _read() -> list[tuple[dict[str, Any], float]]:
    with RUNS.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    numbers = ("batch_size", "lr", "color", "pixels")
    return [(row | {name: float(row[name]) for name in numbers}, float(row["tail"])) for row in rows]


PROBLEMS = (nested, noisy, refitted)
