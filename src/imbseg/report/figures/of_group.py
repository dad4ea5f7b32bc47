"""A group and its tables -> the figures that need more than one table, for the page and for files beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from imbseg.canvas import Canvas
from imbseg.report.class_order import ClassOrder
from imbseg.report.figures.gains import MOST, Singles, gains
from imbseg.report.figures.overview import SCORES as OF_CURVES
from imbseg.report.figures.overview import curves
from imbseg.report.frames import Frames, of_group, records
from imbseg.runs.collect import SCORES
from imbseg.runs.strategies import Group, differences


def gain_figure(group: Group, frames: Frames, order: ClassOrder) -> Canvas | None:
    """The gains of all strategies as one figure; None where there is none to show."""
    compared = of_group(frames, "comparisons.csv", group)
    return gains(compared, row_names(group, order), seed_gains(group), strategies=_best(compared),
                 title=_title(group, compared, order))  # fmt: skip


def gain_panels(group: Group, frames: Frames, order: ClassOrder) -> list[tuple[str, Canvas]]:
    """(strategy, its panel) of the gains, the largest on the tail (mIoU where there is none) first."""
    compared, names, singles = of_group(frames, "comparisons.csv", group), row_names(group, order), seed_gains(group)
    panels = [(label, gains(compared, names, singles, strategies=[label])) for label in _ranked(compared)]
    return [(label, canvas) for label, canvas in panels if canvas is not None]


def curve_panels(group: Group, frames: Frames) -> list[tuple[str, Canvas]]:
    """(score, its learning curves)."""
    epochs, labels = of_group(frames, "learning_curves.csv", group), [one.label for one in group.strategies]
    panels = [(score, curves(epochs, labels, scores=[score], titled=False)) for score in OF_CURVES]
    return [(score, canvas) for score, canvas in panels if canvas is not None]


def row_names(group: Group, order: ClassOrder) -> dict[str, str]:
    """Score -> what stands beside its row: the headline scores, then the classes with their share of the pixels."""
    heads = [score for score in SCORES if any(one.values("test", score) for one in group.strategies)]
    names = {score: score for score in heads}
    for index in order.places:
        share = "" if order.shares is None else f" ({100 * order.shares[index]:.2g} %)"
        names[f"IoU/{group.classes[index]}"] = " ".join(group.classes[index].split()) + share
    return names


def seed_gains(group: Group) -> Singles:
    """(strategy, score) -> the gain of each seed that the baseline has too."""
    scores = [*SCORES, *(f"IoU/{name}" for name in group.classes)]
    return {(one.label, score): list(differences(one, group.baseline, "test", score).values())
            for one in group.others for score in scores}  # fmt: skip


def _ranked(compared: pd.DataFrame) -> list[str]:
    if not len(compared):
        return []
    score = "tail" if (compared["score"] == "tail").any() else "mIoU"
    rows = {row["strategy"]: row["mean"] for _, row in records(compared[compared["score"] == score])}
    labels = dict.fromkeys(compared["strategy"])
    return sorted(labels, key=lambda label: -rows.get(label, -math.inf))


def _best(compared: pd.DataFrame) -> Sequence[str]:
    """Of many strategies those with the largest gain, in the order of the table."""
    kept = _ranked(compared)[:MOST]
    return [label for label in dict.fromkeys(compared["strategy"]) if label in kept] if kept else []


def _title(group: Group, compared: pd.DataFrame, order: ClassOrder) -> str:
    count = len(_ranked(compared))
    lines = [group.name, f"test IoU minus that of {group.baseline.label}; large: mean and 95 % interval, small: "
             "seeds", "filled: significant after Holm correction; ring: its interval alone excludes 0; grey: neither",
             f"classes {order.words}"]  # fmt: skip
    return "\n".join([*lines, *([f"{MOST} of {count} strategies: the largest gains"] if count > MOST else [])])
