"""Forgotten classes: which a run had learned and then lost again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.page.columns import columns
from imbseg.report.page.content import Section, Table
from imbseg.report.say import name, seed_name
from imbseg.runs.csv_table import columns_of

FILE = "forgotten_classes.csv"
LEARNED = 0.01  # IoU from which a class counts as learned: less is a few pixels by chance
COLUMNS = ["strategy", "seed", "class", "learned", "forgotten", "back", "peak_before"]


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a run and class whose IoU on the validation images reached .01 and fell back to 0; see `course`."""
    rows = []
    for strategy in evidence.group.strategies:
        for run in strategy.runs:
            epochs = columns_of(run.folder / "epochs.csv")
            if epochs is None or "epoch" not in epochs:
                continue
            for one in evidence.group.classes:
                if f"IoU/{one}" in epochs and (found := course(epochs["epoch"], epochs[f"IoU/{one}"])):
                    rows.append([strategy.label, seed_name(run.seed), one, *found])
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[3:6], "Int64"))


def course(epochs: Iterable[float], scores: Iterable[float]) -> tuple[int, int, int | None, float] | None:
    """How a class was learned and lost; None where it never was. Epochs without an IoU (NaN) tell nothing.

    Returns:
        First epoch with an IoU of .01, first after it with 0, first after that above 0 (None: it never came back), and
        the highest IoU before it was lost.

    >>> course([1, 2, 3, 4, 5], [0.0, 0.2, 0.1, 0.0, 0.3])
    (2, 4, 5, 0.2)
    """
    known = [
        (int(epoch), score) for epoch, score in zip(epochs, scores, strict=True) if epoch == epoch and score == score
    ]
    learned = next((place for place, (_, score) in enumerate(known) if score >= LEARNED), len(known))
    lost = next((place for place, (_, score) in enumerate(known) if place > learned and score == 0), None)
    if lost is None:
        return None
    back = next((epoch for epoch, score in known[lost:] if score > 0), None)
    return known[learned][0], known[lost][0], back, max(float(score) for _, score in known[learned:lost])


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every class that a run lost."""
    shown = columns(*COLUMNS)
    table = Table("Validation IoU of .01 or more, and later 0", FILE, frames[FILE], shown)
    return Section("forgotten", "Forgotten classes", sentences(frames[FILE]), tables=(table,))


def sentences(found: pd.DataFrame) -> list[str]:
    """Which class was forgotten most often, for good, and at the highest price."""
    if found.empty:
        return []
    often, forever = found["class"].value_counts(), int(found["back"].isna().sum())
    runs = len(found[["strategy", "seed"]].drop_duplicates())
    count = f"{len(found)} time{'s' if len(found) > 1 else ''} in {runs} run{'s' if runs > 1 else ''}"
    most = f"{name(often.index[0])} ({often.iloc[0]})"
    worst = found.iloc[int(found["peak_before"].to_numpy(np.float64).argmax())]
    run = f"{name(worst['strategy'])}, seed {worst['seed']}"
    return [
        f"{count} a class was forgotten (validation IoU back to 0), {forever} of them for good; most often {most}.",
        f"{name(worst['class'])} lost most: IoU {worst['peak_before']:.2g} before epoch {worst['forgotten']} in {run}.",
    ]
