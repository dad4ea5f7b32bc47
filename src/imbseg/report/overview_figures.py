"""Figures of a whole group for a paper: the head-tail plane and the learning curves, each strategy in its colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from imbseg.report.figures import wrapped
from imbseg.report.tables import spread
from imbseg.runs.collect import SCORES
from imbseg.runs.strategies import Group, Strategy

# The page's colours and marks, in the same order: the baseline grey
COLORS = ("#4d4d4d", "#0072b2", "#d55e00", "#009e73", "#b0579a", "#b58900", "#3f8fc4", "#7a3e9d")
MARKS = ("o", "s", "^", "D")
LINES = ("-", "--", ":")
TOLD = 16  # strategies that a legend has room for


def plane_figure(group: Group) -> Figure | None:
    """Test IoU of the head across, of the tail upward: large marks are means, small ones seeds.

    Returns:
        None where no run has both.
    """
    clouds = [(number, one, _cloud(one)) for number, one in enumerate(group.strategies)]
    if not any(cloud for _, _, cloud in clouds):
        return None
    figure = Figure((7.0, 4.6), layout="constrained")
    axis = figure.subplots()
    for number, strategy, cloud in clouds:
        if not cloud:
            continue
        look: Mapping[str, Any] = {
            "color": COLORS[number % len(COLORS)],
            "marker": MARKS[(number + number // len(COLORS)) % len(MARKS)],
        }
        head, tail = (spread(values)[0] for values in zip(*cloud, strict=True))
        for seed in cloud:
            axis.plot(*zip((head, tail), seed, strict=True), color=look["color"], linewidth=0.7, alpha=0.4)
        across, up = zip(*cloud, strict=True)
        axis.scatter(across, up, s=14, alpha=0.6, linewidths=0, **look)
        axis.scatter([head], [tail], s=70, edgecolors="white", linewidths=0.8, zorder=3, **look,
                     label=wrapped(strategy.label) if number < TOLD else None)  # fmt: skip
    axis.set_xlabel("head, mean test IoU", loc="right")
    axis.set_ylabel("tail, mean test IoU", loc="top")
    axis.grid(alpha=0.3)
    _legend(figure)
    return figure


def curves_figure(group: Group, curves: pd.DataFrame) -> Figure | None:
    """Validation scores epoch by epoch, bold the mean of the seeds.

    Args:
        group: its strategies.
        curves: its rows of learning_curves.csv.

    Returns:
        None where there are no epochs.
    """
    shown = [score for score in ("mIoU", "tail", "head") if len(curves) and curves[score].notna().any()]
    if not shown:
        return None
    figure = Figure((3.2 * len(shown) + 2.4, 3.2), layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, score in zip(axes, shown, strict=True):
        for number, strategy in enumerate(group.strategies):
            own = curves[(curves["strategy"] == strategy.label) & curves[score].notna()]
            look: Mapping[str, Any] = {"color": COLORS[number % len(COLORS)],
                                       "linestyle": LINES[number // len(COLORS) % len(LINES)]}  # fmt: skip
            for _, rows in own.groupby("trial", sort=False):
                axis.plot(rows["epoch"], rows[score], linewidth=0.7, alpha=0.4, **look)
            mean = own.groupby("epoch")[score].mean()
            named = score == shown[0] and number < TOLD and len(mean)
            axis.plot(mean.index, mean, linewidth=1.8, label=wrapped(strategy.label) if named else None, **look)
        axis.set_title(f"validation {score}", loc="left", fontsize=9)
        axis.set_xlabel("epoch", loc="right")
        axis.grid(alpha=0.3)
    _legend(figure)
    return figure


def _cloud(strategy: Strategy) -> list[tuple[float, float]]:
    """(head, tail) of every seed that has both."""
    head, tail = strategy.values("test", SCORES[1]), strategy.values("test", SCORES[-1])
    return [(head[seed], tail[seed]) for seed in head if seed in tail]


def _legend(figure: Figure) -> None:
    legend = figure.legend(loc="outside right upper", frameon=False, fontsize=7)
    for text in legend.get_texts():
        text.set_parse_math(False)
