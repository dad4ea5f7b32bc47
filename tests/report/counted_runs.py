"""Run folders whose scores come from counts of single test images, as training writes both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from run_folders import CLASSES, make_run

from imbseg.metrics.counts import Counts, save_counts
from imbseg.metrics.scores import iou

GROUPS = {"head": ["sky", "road"], "medium": [], "tail": ["pole"]}


def random_counts(seed: int, images: int = 20, classes: int = 3, better: int = 0) -> Counts:
    """Of one test set: the truth is the same for every seed; `better`, at most 600, moves pixels from FN to TP."""
    truth = np.random.default_rng([5, images, classes]).integers(1000, 5500, (images, classes))
    rng = np.random.default_rng([5, seed])
    tp, fp = rng.integers(1, truth - 600), rng.integers(1, 1500, (images, classes))
    return counts_of(tp + better, fp, truth - tp - better)


def counts_of(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, ids: np.ndarray | None = None) -> Counts:
    names = np.array([f"image{number:03}" for number in range(len(tp))]) if ids is None else ids
    classes = tp.shape[1]
    return Counts(names, tp, fp, fn, np.zeros_like(tp), np.zeros((classes, classes), np.int64))


def counted_run(folder: Path, counts: Counts, *, prior: Counts | None = None, **more: Any) -> Path:
    """A run with these counts; with `prior` the tail after a moved prior, from counts of its own."""
    corrected = {} if prior is None else {"test/prior/tail": float(iou(prior)[CLASSES.index("pole")])}
    about = more.pop("about", {"class_groups": GROUPS})
    made = make_run(folder, test=iou(counts).tolist(), about=about, prior=corrected, **more)
    save_counts(made / "counts_test.npz", counts)
    if prior is not None:
        save_counts(made / "counts_test_prior_tail.npz", prior)
    return made
