"""The table in docs/splits.md is what the splits do to VOC 2012's real counts (1,464 train images, 21 classes)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from published_tables import PIXEL_COUNTS

from imbseg.meta.quality import deviation
from imbseg.splits.balanced import mskf_pixels, mskf_proportion
from imbseg.splits.simple import random
from imbseg.splits.stratified import mskf

PAGE = Path(__file__).resolve().parents[2] / "docs/splits.md"


def table(pixels: np.ndarray) -> list[str]:
    """A row a split: means over classes, folds and five seeds; then the class and seed that is off most."""
    labelled, one = pixels.sum(axis=1), np.ones(len(pixels))
    shares, presence = pixels / np.maximum(labelled, 1)[:, None], pixels > 0
    lines = []
    for name, cut in {
        "random": lambda seed: random(n_images=len(pixels), folds=5, seed=seed),
        "mskf": lambda seed: mskf(presence=presence, folds=5, seed=seed),
        "mskf_pixels": lambda seed: mskf_pixels(pixel_counts=pixels, folds=5, seed=seed),
        "mskf_proportion": lambda seed: mskf_proportion(pixel_counts=pixels, folds=5, seed=seed),
    }.items():
        folds = [cut(seed) for seed in range(1, 6)]
        sizes = [np.bincount(fold) for fold in folds]
        cells = [f"{np.min(sizes)} to {np.max(sizes)}"]
        for counts, base in ((presence.astype(int), one), (pixels, labelled), (shares, one)):
            off = np.array([deviation(counts, base, fold, folds=5) for fold in folds])  # (seeds, classes)
            cells.append(f"{off.mean():.2%} (worst {off.max():.1%})")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return lines


def test_the_page_tells_what_the_splits_do() -> None:
    counts = pd.read_csv(PIXEL_COUNTS)
    pixels = counts[counts["subset"] == "train"].loc[:, "background":"tvmonitor"].to_numpy()
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in table(pixels) if line not in page] == []
