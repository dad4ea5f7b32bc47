"""Forgotten classes: which a run had learned and then lost again."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pandas as pd

from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.page.content import CLASS, STRATEGY, Column, Section, Table
from imbseg.report.questions.pixels import MOST
from imbseg.report.say import name, seed_name
from imbseg.runs.csv_table import columns_of

FILE, TITLE = "lost_classes.csv", "Forgotten classes"
LEARNED = 0.01  # IoU from which a class counts as learned: less is a few pixels by chance
COLUMNS = ("strategy", "seed", "class", "learned", "lost", "back", "best_before")


def table(evidence: Evidence) -> pd.DataFrame:
    """The classes whose IoU on the validation images reached .01 and fell back to 0, run by run.

    Returns:
        A row a run and class that was lost: strategy, seed, class, learned (first epoch with an IoU of .01), lost
        (first epoch after it with an IoU of 0), back (first epoch after that with an IoU above 0; empty where it
        never came back), best_before (the highest IoU before it was lost). Epochs without an IoU of the class (neither
        shown nor predicted) tell nothing.
    """
    rows = []
    for strategy in evidence.group.strategies:
        for run in strategy.runs:
            epochs = columns_of(run.folder / "epochs.csv")
            if epochs is None or "epoch" not in epochs:
                continue
            for one in evidence.group.classes:
                if f"IoU/{one}" in epochs and (found := course(epochs["epoch"], epochs[f"IoU/{one}"])):
                    rows.append({"strategy": strategy.label, "seed": seed_name(run.seed), "class": one, **found})
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(("learned", "lost", "back"), "Int64"))


def course(epochs: Iterable[float], scores: Iterable[float]) -> dict[str, float | None] | None:
    """How a class was learned and lost; None where it never was.

    Args:
        epochs: their numbers, in order.
        scores: IoU in each; NaN where there is none.

    >>> course([1, 2, 3, 4, 5], [0.0, 0.2, 0.1, 0.0, 0.3])
    {'learned': 2, 'lost': 4, 'back': 5, 'best_before': 0.2}
    """
    learned = lost = back = None
    best = 0.0
    for epoch, score in zip(epochs, scores, strict=True):
        if math.isnan(epoch) or math.isnan(score):
            continue
        if lost is not None and score > 0:
            back = int(epoch)
            break
        if lost is None and learned is not None and score == 0:
            lost = int(epoch)
        elif lost is None and (score >= LEARNED or learned is not None):
            learned = int(epoch) if learned is None else learned
            best = max(best, float(score))
    return None if lost is None else {"learned": learned, "lost": lost, "back": back, "best_before": best}


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every class that a run lost."""
    frame = frames[FILE]
    if not len(frame):
        return Section("forgotten", TITLE)
    columns = (STRATEGY, Column("seed", "seed"), CLASS, Column("learned", "learned in epoch", 0),
               Column("lost", "lost in", 0), Column("back", "back in", 0),
               Column("best_before", "best IoU before", 3))  # fmt: skip
    shown = Table("Validation IoU of .01 or more, and later 0", FILE, frame, columns, by="strategy",
                  folded=len(frame) > MOST)  # fmt: skip
    return Section("forgotten", TITLE, tuple(sentences(frame)), tables=(shown,))


def sentences(found: pd.DataFrame) -> list[str]:
    """Which class was forgotten most often, for good, and at the highest price."""
    if found.empty:
        return ["No epochs.csv tells of a forgotten class."]
    often, forever = found["class"].value_counts(), int(found["back"].isna().sum())
    runs = len(found[["strategy", "seed"]].drop_duplicates())
    count = f"{len(found)} time{'s' if len(found) > 1 else ''} in {runs} run{'s' if runs > 1 else ''}"
    worst = found.iloc[int(found["best_before"].to_numpy(np.float64).argmax())]
    return [
        f"{count} a class was forgotten (validation IoU back to 0), {forever} of them for good; most often "
        f"{name(often.index[0])} ({often.iloc[0]}).",
        f"{name(worst['class'])} lost most: IoU {worst['best_before']:.2g} before epoch {worst['lost']} in "
        f"{name(worst['strategy'])}, seed {worst['seed']}.",
    ]  # fmt: skip
