"""What run folders hold beside scores, with hand-set numbers: counts of pixels, draws, epochs."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from asked import evidence
from run_folders import WEIGHTED, make_run

from imbseg.metrics.counts import collect as put_together
from imbseg.metrics.counts import save_counts
from imbseg.report.evidence import Evidence

PLAIN, OTHER = "cross_entropy", "weighted_cross_entropy"  # labels
HOSTILE = ("a,b", "<script>", 'pixels:x "y"\n')


def add_counts(folder: Path, *confusions: Any, by_size: Any = None, subset: str = "test") -> Path:
    """Write the counts of images of which only the confusion ([truth, prediction]) is set; no pixel is ignored."""
    stacked = [np.vstack([one, np.zeros_like(one[:1])]) for one in map(np.array, confusions)]
    ids = [f"image{place}" for place in range(len(stacked))]
    sized = None if by_size is None else np.array(by_size)
    save_counts(folder / f"counts_{subset}.npz", put_together(ids, stacked, sized))
    return folder


def write_table(file: Path, columns: Mapping[str, Sequence[float]]) -> None:
    """A CSV table by columns, as training writes it: nothing for NaN."""
    with file.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if value != value else repr(value) for value in row])


def one_pair(root: Path, plain: Any, weighted: Any, **more: Any) -> Evidence:
    """A run of the baseline and one of the weighted loss on one image, their confusions given."""
    add_counts(make_run(root / "plain1", **more), plain)
    add_counts(make_run(root / "weighted1", **WEIGHTED, **more), weighted)
    return evidence(root)
