"""Gains a class as dots with their intervals: one panel a strategy, all on one axis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from markupsafe import Markup

from imbseg.report.frames import Record, records
from imbseg.report.page.content import Chart
from imbseg.report.page.svg import Scale, drawing, scale, shorten, tag, upright_grid
from imbseg.report.say import seeds
from imbseg.statistics.difference import SIGNIFICANT

FILE = "comparisons.csv"
WIDTH, LEFT, RIGHT, TOP, LINE, BOTTOM = 350.0, 126.0, 10.0, 6.0, 17.0, 30.0
LONGEST = 17  # letters of a class beside its row


def panels(compared: pd.DataFrame, scores: Sequence[str], titles: Mapping[str, str]) -> list[Chart]:
    """A panel a strategy.

    Args:
        compared: the rows of one group in comparisons.csv; their index is the row's place in the file.
        scores: rows of each panel from top to bottom: mIoU, head, ..., IoU/<class>.
        titles: score -> what stands beside its row; the others are named by themselves.

    Returns:
        One chart a strategy that has a difference, in the frame's order.
    """
    known = compared[compared["score"].isin(list(scores))]
    ends = [value for name in ("mean", "low", "high") for value in known[name].tolist() if not math.isnan(value)]
    if not ends:
        return []
    axis = scale([_within(value, known["mean"].tolist()) for value in ends], LEFT, WIDTH - RIGHT, zero=True)
    charts = []
    for label, rows in known.groupby("strategy", sort=False):
        by_score = {str(row["score"]): (place, row) for place, row in records(rows)}
        svg = _panel(str(label), by_score, scores, titles, axis)
        charts.append(Chart(svg, str(label), FILE, str(label)))
    return charts


def _within(value: float, means: Sequence[float]) -> float:
    """An end of an interval, no further out than three times the largest gain: two seeds may give it any length."""
    most = 3 * max(max(abs(mean) for mean in means), 0.02)
    return max(-most, min(most, value))


def _panel(
    label: str, rows: Mapping[str, tuple[int, Record]], scores: Sequence[str], titles: Mapping[str, str], axis: Scale
) -> Markup:
    height = TOP + LINE * len(scores) + BOTTOM
    bottom = TOP + LINE * len(scores)
    parts = upright_grid(axis, TOP, bottom, 13)
    parts.append(tag("line", x1=axis(0), x2=axis(0), y1=TOP, y2=bottom, class_="zero"))
    parts.append(tag("text", "gain in IoU", x=WIDTH - RIGHT, y=bottom + 26, text_anchor="end", class_="tick"))
    headline = sum(not score.startswith("IoU/") for score in scores)
    rule = TOP + LINE * headline
    parts.append(tag("line", x1=4.0, x2=WIDTH - RIGHT, y1=rule, y2=rule, class_="rule"))
    for place, score in enumerate(scores):
        y = TOP + LINE * (place + 0.5)
        name = titles.get(score, score)
        parts.append(
            tag("text", shorten(name, LONGEST), tag("title", name), x=LEFT - 8, y=y + 4, text_anchor="end",
                class_="name" if place >= headline else "name strong")
        )  # fmt: skip
        if score in rows:
            parts.append(_dot(*rows[score], y, axis, name))
    return drawing(WIDTH, height, f"Gain of {label} over the baseline, class by class", *parts)


def _dot(place: int, row: Record, y: float, axis: Scale, name: str) -> Markup:
    """The mean as a dot: filled where it stands after correction, ringed where the interval alone leaves 0 out."""
    mean, low, high = (float(row[key]) for key in ("mean", "low", "high"))
    sure = low > 0 or high < 0
    tone = ("up" if mean > 0 else "down") if sure else "unsure"
    tone += "" if not sure or row["p_t_holm"] < SIGNIFICANT else " alone"
    interval = f" [{low:+.3f}, {high:+.3f}]" if not math.isnan(low) else ""
    words = f"{name}: {mean:+.3f}{interval}, {seeds(int(row['seeds']))}"
    parts: list[Markup] = [tag("title", words.replace("-", "−"))]
    if interval:
        left, right = (max(axis.low, min(axis.high, end)) for end in (low, high))
        parts.append(tag("line", x1=axis(left), x2=axis(right), y1=y, y2=y, class_="interval"))
    parts.append(tag("circle", cx=axis(mean), cy=y, r=4.2))
    return tag("g", *parts, class_=f"dot {tone}", data_row=place, data_mean=repr(mean), data_low=_told(low),
               data_high=_told(high))  # fmt: skip


def _told(value: float) -> str | None:
    return None if math.isnan(value) else repr(value)
