"""A report as large as the published experiment: 50 trials, 1,449 test images, 21 classes; its time and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from run_folders import make_run

from imbseg.metrics.counts import Counts, save_counts
from imbseg.metrics.scores import iou
from imbseg.report.write import report
from imbseg.runs.collect import collect

CLASSES = [f"class {number}" for number in range(21)]
TAIL = CLASSES[-6:]
LOSSES = ("cross_entropy", "focal", "dice", "lovasz", "tversky")
IMAGES, SEEDS = 1449, 5


def counts_of(rng: np.random.Generator, shown: np.ndarray, skill: float) -> Counts:
    """Counts of a network that finds about a share `skill` of each class's pixels, and as many more elsewhere."""
    tp = rng.binomial(shown, skill)
    fn = shown - tp
    fp = rng.permuted(fn, axis=1)
    confusion = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
    np.fill_diagonal(confusion, tp.sum(axis=0))
    for index, missed in enumerate(fn.sum(axis=0)):
        others = [other for other in range(len(CLASSES)) if other != index]
        confusion[index, others] = rng.multinomial(missed, np.full(len(others), 1 / len(others)))
    ids = np.array([f"2007_{number:06d}" for number in range(IMAGES)])
    return Counts(ids, tp, fp, fn, np.zeros_like(tp), confusion)


@pytest.mark.slow
def test_fifty_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    shown = rng.integers(1, 60_000, (IMAGES, len(CLASSES))) * (rng.random((IMAGES, len(CLASSES))) < 0.1)
    for number, loss in enumerate(LOSSES):
        for sampling in ("x2", "label"):
            for seed in range(1, SEEDS + 1):
                skill = 0.6 + 0.02 * number + 0.01 * (sampling == "label") + rng.normal(0, 0.01)
                counts = counts_of(rng, shown, skill)
                name = f"{loss}_{sampling}_{seed}"
                told = {"loss": loss, "sampling": sampling, "seed": seed, "about": {"class_groups": {"tail": TAIL}}}
                folder = make_run(
                    tmp_path / "runs" / name, test=iou(counts).tolist(), classes=CLASSES, tail=TAIL, **told
                )
                save_counts(folder / "counts_test.npz", counts)
    report(collect(tmp_path / "runs"), tmp_path / "runs", tmp_path / "out", None)
    size = (tmp_path / "out/report.html").stat().st_size
    capsys.readouterr()
    assert size < 5e6
