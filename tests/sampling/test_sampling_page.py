"""The table in docs/sampling.md is what the samplers do to VOC 2012's real counts (1,464 train images, 21 classes)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from published_tables import PIXEL_COUNTS

from imbseg.sampling import SAMPLING

PAGE = Path(__file__).resolve().parents[2] / "docs/sampling.md"
SHOWN = ("bicycle", "bottle", "cow", "bus", "cat", "person")
ROWS: list[tuple[str, dict[str, float]]] = [
    ("label", {}),
    ("pixels", {}),
    ("proportion", {}),
    ("repeat_factor", {}),
    ("repeat_factor", {"repeat_threshold": 1.0, "repeat_exponent": 0.5}),
    ("repeat_factor", {"repeat_threshold": 1.0, "repeat_exponent": 1.0}),
    ("rare_class", {}),
    ("rare_class", {"rare_temperature": 0.1}),
    ("rare_class", {"rare_temperature": 1.0}),
]


def table(pixels: np.ndarray, names: list[str]) -> list[str]:
    """A row a sampler: how often the drawn half of an epoch shows a class, relative to `x2`."""
    columns: dict[str, Any] = {
        "pixel_counts": pixels,
        "major_class": np.array(names)[1 + pixels[:, 1:].argmax(axis=1)],
        "background": 0,
        **{name: field.default for name, (_, field) in SAMPLING.declares().items()},
    }
    lines = []
    for sampler, changed in ROWS:
        weights = SAMPLING.call(sampler, columns | changed)
        weights = weights.sum(axis=0) if weights.ndim == 2 else weights  # (images,)
        drawn = (pixels > 0).T @ (weights / weights.sum()) / (pixels > 0).mean(axis=0)  # (classes,)
        own = "".join(f", {name.split('_')[1]} {value:g}" for name, value in changed.items())
        cells = [f"{drawn[names.index(name)]:.2f}" for name in SHOWN]
        lines.append(f"| `{sampler}`{own} | {weights.max() / weights.min():.2f} | {' | '.join(cells)} |")
    return lines


def test_the_page_tells_what_the_samplers_do() -> None:
    counts = pd.read_csv(PIXEL_COUNTS)
    train = counts[counts["subset"] == "train"].loc[:, "background":"tvmonitor"]
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in table(train.to_numpy(), list(train.columns)) if line not in page] == []
