"""Classes that a run had learned and then lost again."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from imbseg.report.say import seed_name
from imbseg.runs.counted import frame, name, numbers
from imbseg.runs.strategies import Group

LEARNED = 0.01  # IoU from which a class counts as learned: less is a few pixels by chance
COLUMNS = ("strategy", "seed", "class", "learned", "lost", "back", "best_before")


def lost_classes(group: Group) -> pd.DataFrame:
    """The classes whose IoU on the validation images reached .01 and fell back to 0, run by run.

    Args:
        group: strategies, the baseline included.

    Returns:
        A row a run and class that was lost: strategy, seed, class, learned (first epoch with an IoU of .01), lost
        (first epoch after it with an IoU of 0), back (first epoch after that with an IoU above 0; empty where it
        never came back), best_before (the highest IoU before it was lost). Epochs without an IoU of the class (neither
        shown nor predicted) tell nothing.
    """
    rows = []
    for strategy in group.strategies:
        for run in strategy.runs:
            table = numbers(run.folder / "epochs.csv")
            if table is None or "epoch" not in table:
                continue
            for one in group.classes:
                if f"IoU/{one}" in table and (found := course(table["epoch"], table[f"IoU/{one}"])):
                    rows.append({"strategy": strategy.label, "seed": seed_name(run.seed), "class": one, **found})
    return frame(rows, COLUMNS).astype(dict.fromkeys(("learned", "lost", "back"), "Int64"))


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
        if np.isnan(epoch) or np.isnan(score):
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


def sentences(found: pd.DataFrame) -> list[str]:
    """Which class was lost most often, for good, and at the highest price.

    Args:
        found: what `lost_classes` gave.
    """
    if found.empty:
        return ["No epochs.csv tells of a class that was learned and lost again."]
    often = found["class"].value_counts()
    forever = int(found["back"].isna().sum())
    runs = len(found[["strategy", "seed"]].drop_duplicates())
    count = f"{len(found)} time{'s' if len(found) > 1 else ''} in {runs} run{'s' if runs > 1 else ''}"
    worst = found.iloc[int(found["best_before"].to_numpy(np.float64).argmax())]
    return [
        f"{count} a class was learned and lost again (IoU back to 0 on the validation images), {forever} of them for "
        f"good; most often {name(often.index[0])} ({often.iloc[0]}).",
        f"The most was lost by {name(worst['class'])} in {name(worst['strategy'])}, seed {worst['seed']}: IoU "
        f"{worst['best_before']:.2g} before epoch {worst['lost']}.",
    ]  # fmt: skip
