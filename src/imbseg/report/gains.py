"""The gain over the baseline, class by class: a panel a strategy, its mean, interval and seeds on one axis."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import DOWN, FAINT, GROUND, LINE, SOFT, UP, Canvas, drawing, limits, shorten, wrapped
from imbseg.report.frames import Record, records
from imbseg.report.say import seeds
from imbseg.statistics.difference import SIGNIFICANT

COLUMNS, MOST = 4, 12  # panels in a row, and in a file
LONGEST, WIDE = 24, 29  # letters beside a row, and in a line of a panel's title
PLOT, ROW, LETTER, EDGE, FOOT = 1.9, 0.18, 0.068, 0.12, 0.45  # inches
LEAST = 0.005  # of IoU that the axis has on either side
Rows = list[tuple[int, Record]]
Singles = Mapping[tuple[str, str], Sequence[float]]


@drawing()
def gains(
    compared: pd.DataFrame, names: Mapping[str, str], singles: Singles, *, strategies: Sequence[str], title: str = ""
) -> Canvas | None:
    """Rows are scores and classes; all calls with the same `compared` (of comparisons.csv) share one axis.

    `names` has what stands beside each score's row, from the top, `singles` the gain of each seed by strategy and
    score; a figure with a title stands alone, and has a title a panel. None where no strategy has a difference.
    """
    known = compared[compared["score"].isin(list(names))] if len(compared) else compared
    panels = [one for one in strategies if len(known) and (known["strategy"] == one).any()]
    if not panels:
        return None
    lines = math.ceil(len(panels) / COLUMNS)
    columns = math.ceil(len(panels) / lines)
    texts = {score: shorten(name, LONGEST) for score, name in names.items()}
    left = EDGE + LETTER * max(map(len, texts.values())) + 0.1
    top = (_high(title) + 0.1, max(_high(wrapped(label, WIDE)) for label in panels) + 0.25) if title else (0.05, 0.0)
    high = ROW * len(names)
    wide = max(left + columns * (PLOT + EDGE), LETTER * max(map(len, title.split("\n"))))
    size = wide, top[0] + lines * (top[1] + high + FOOT)
    words = f"Gain of {', '.join(map(str, panels))} over the baseline, class by class"
    canvas = Canvas(*size, words)
    if title:
        canvas.text(0.08 / size[0], 1 - 0.08 / size[1], title, va="top")
    across = _extent(known, singles)
    for number, label in enumerate(panels):
        line, column = divmod(number, columns)
        axis = canvas.place(left + column * (PLOT + EDGE), top[0] + top[1] + line * (top[1] + high + FOOT), PLOT, high)
        axis.set_xlim(*across)
        _rows(canvas, axis, names, texts if column == 0 else {})
        _panel(canvas, axis, known[known["strategy"] == label], list(names), names, singles)
        if title:
            count = int(known.loc[known["strategy"] == label, "seeds"].max())
            axis.set_title(f"{wrapped(label, WIDE)}\n{seeds(count)}{'' if count > 1 else ', no interval'}", fontsize=8)
    return canvas


def _high(text: str) -> float:
    return 0.16 * (text.count("\n") + 1)


def _extent(known: pd.DataFrame, singles: Singles) -> tuple[float, float]:
    """Both ends, for all strategies: all seeds, and intervals to three times the largest gain."""
    most = 3 * max(known["mean"].abs().max(), 0.02)
    ends = known[["mean", "low", "high"]].to_numpy(float)
    seen = zip(known["strategy"], known["score"], strict=True)
    points = [gain for key in seen for gain in singles.get(key, ())]
    return limits([-LEAST, LEAST, *points, *np.clip(ends[~np.isnan(ends)], -most, most).tolist()])


def _rows(canvas: Canvas, axis: Axes, names: Mapping[str, str], texts: Mapping[str, str]) -> None:
    headline = sum(not score.startswith("IoU/") for score in names)
    axis.axvline(0, color=SOFT, linewidth=0.8)
    axis.axhline(headline - 0.5, color=LINE, linewidth=0.8)
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.set_yticks(range(len(names)), [texts.get(score, "") for score in names])
    axis.set_ylim(len(names) - 0.5, -0.5)  # the first on top
    axis.tick_params(length=0, labelsize=8)
    axis.tick_params(axis="y", labelsize=9)
    axis.locator_params(axis="x", nbins=5)
    axis.grid(axis="x", color=FAINT)
    axis.set_xlabel("gain in IoU", loc="right", fontsize=8)
    for label, (score, name) in zip(axis.get_yticklabels(), names.items(), strict=True):
        label.set_fontweight("normal" if score.startswith("IoU/") else "bold")
        if texts and texts[score] != name:
            canvas.tell(label, title=name)


def _panel(
    canvas: Canvas, axis: Axes, rows: pd.DataFrame, order: list[str], names: Mapping[str, str], singles: Singles
) -> None:
    several = [(row["strategy"], row["score"]) for _, row in records(rows) if row["seeds"] > 1]
    drawn = [(gain, order.index(key[1])) for key in several for gain in singles.get(key, ())]
    ticks = [(gain, place + end) for gain, place in drawn for end in (0.24, 0.46, math.nan)]
    if ticks:
        canvas.tell(axis.plot(*zip(*ticks, strict=True), color=SOFT, linewidth=1)[0], class_="seeds")
    toned: dict[str, Rows] = {}
    for place, row in records(rows):
        toned.setdefault(tone(row), []).append((place, row))
    for kind, own in toned.items():
        color = {"up": UP, "down": DOWN}.get(kind.split()[0], SOFT)
        _intervals(canvas, axis, [one for one in own if not math.isnan(one[1]["low"])], order, color)
        points = [(row["mean"], order.index(row["score"])) for _, row in own]
        look: dict[str, Any] = {"markerfacecolor": color if kind in ("up", "down") else GROUND}
        look |= {"markeredgewidth": 2 if "alone" in kind else 1.2, "markersize": 6.3}
        dots = axis.plot(*zip(*points, strict=True), "o", color=color, clip_on=False, **look)
        told = [{"title": _words(row, names), "data_row": place, "data_mean": repr(row["mean"])} for place, row in own]
        canvas.tell(dots[0], *({"class_": f"dot {kind}"} | one for one in told))


def _intervals(canvas: Canvas, axis: Axes, rows: Rows, order: list[str], color: str) -> None:
    if rows:
        ends = np.clip([(row["low"], row["high"]) for _, row in rows], *axis.get_xlim()).T
        heights = [order.index(row["score"]) for _, row in rows]
        told = [
            {"data_row": place, "data_low": repr(row["low"]), "data_high": repr(row["high"])} for place, row in rows
        ]
        lines = axis.hlines(heights, *ends, color=color, linewidth=1.4, alpha=0.65)
        canvas.tell(lines, *({"class_": "interval"} | one for one in told))


def tone(row: Record) -> str:
    """Filled where it is significant after Holm correction, ringed where its interval alone excludes 0, else grey."""
    if not (row["low"] > 0 or row["high"] < 0):
        return "unsure"
    return ("up" if row["mean"] > 0 else "down") + ("" if row["p_t_holm"] < SIGNIFICANT else " alone")


def _words(row: Record, names: Mapping[str, str]) -> str:
    interval = "" if math.isnan(row["low"]) else f" [{row['low']:+.3f}, {row['high']:+.3f}]"
    return f"{names[row['score']]}: {row['mean']:+.3f}{interval}, {seeds(int(row['seeds']))}".replace("-", "−")
