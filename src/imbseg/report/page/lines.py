"""Learning curves: validation scores epoch by epoch, the mean over seeds as a line, single seeds as thin ones."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from imbseg.report.page.content import Chart
from imbseg.report.page.svg import Scale, drawing, level_grid, points, scale, tag

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 345.0, 250.0, 36.0, 40.0, 10.0
FILE = "learning_curves.csv"
SHOWN = ("mIoU", "tail", "head")


def charts(curves: pd.DataFrame, labels: Sequence[str]) -> list[Chart]:
    """A chart a score that the runs have.

    Args:
        curves: the group's rows of learning_curves.csv.
        labels: of the strategies, in the order of their colours.
    """
    return [_chart(curves, labels, score) for score in SHOWN if len(curves) and curves[score].notna().any()]


def _chart(curves: pd.DataFrame, labels: Sequence[str], score: str) -> Chart:
    known = curves[curves[score].notna()]
    last = float(known["epoch"].max())
    across = Scale(1.0, max(last, 2.0), LEFT, WIDTH - EDGE)
    up = scale(known[score].tolist(), HEIGHT - BOTTOM, EDGE)
    parts = level_grid(up, LEFT, WIDTH - EDGE, 6)
    whole = sorted({round(one) for one in across.ticks(6)})
    parts += [
        tag("text", str(one), x=across(one), y=HEIGHT - BOTTOM + 16, text_anchor="middle", class_="tick")
        for one in whole
    ]
    parts.append(tag("text", "epoch", x=WIDTH - EDGE, y=HEIGHT - 6, text_anchor="end", class_="axis"))
    for number, label in enumerate(labels):
        own = known[known["strategy"] == label]
        if len(own):
            parts.append(_series(number, label, own, score, across, up))
    words = f"Validation {score} epoch by epoch"
    return Chart(drawing(WIDTH, HEIGHT, words, *parts), f"Validation {score}", FILE)


def _series(number: int, label: str, own: pd.DataFrame, score: str, across: Scale, up: Scale) -> Markup:
    parts = []
    several = len(own["trial"].unique()) > 1
    for trial, rows in own.groupby("trial", sort=False):
        drawn = rows.sort_values("epoch")
        corners = [(across(x), up(y)) for x, y in zip(drawn["epoch"], drawn[score], strict=True)]
        parts.append(tag("polyline", tag("title", f"{label}, {trial}"), points=points(corners),
                         class_="thin" if several else "line", data_rows=" ".join(map(str, drawn.index)),
                         data_column=score))  # fmt: skip
    if several:
        mean = own.groupby("epoch")[score].mean()
        corners = [(across(float(x)), up(float(y))) for x, y in mean.items()]  # type: ignore[arg-type]
        parts.append(tag("polyline", tag("title", f"{label}, mean of the seeds"), points=points(corners),
                         class_="line"))  # fmt: skip
    return tag("g", *parts, class_=f"series c{number % 8} d{number // 8 % 3}", data_s=number)
