"""The head-tail plane: each strategy a point at its mean, its seeds a cloud round it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from imbseg.results.frames import records
from imbseg.results.page.content import Chart, as_number
from imbseg.results.page.svg import Scale, drawing, mark, points, scale, shorten, tag, tick_text

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 520.0, 420.0, 52.0, 44.0, 12.0
ROOM, LETTER, LINE, LONGEST, TOLD = 210.0, 6.1, 13, 34, 16  # for the names: pixels, letters, and how many
X, Y = "test/head", "test/tail"


def chart(trials: pd.DataFrame, strategies: pd.DataFrame, labels: Sequence[str]) -> list[Chart]:
    """The plane of one group; nothing where head or tail is not declared.

    Args:
        trials: the group's rows of results.csv, with a column `label`.
        strategies: the group's rows of strategies.csv.
        labels: of the strategies, in the order of their colours.
    """
    seeds = [(str(row["label"]), place, x, y) for place, row in records(trials)
             if (x := as_number(row.get(X))) is not None and (y := as_number(row.get(Y))) is not None]  # fmt: skip
    if not seeds:
        return []
    across = scale([x for _, _, x, _ in seeds], LEFT, WIDTH - EDGE)
    up = scale([y for _, _, _, y in seeds], HEIGHT - BOTTOM, EDGE)
    parts, tags = _axes(across, up), []
    for number, label in enumerate(labels):
        cloud = [(place, x, y) for name, place, x, y in seeds if name == label]
        means = strategies[strategies["label"] == label]
        if cloud and len(means):
            parts.append(_strategy(number, label, cloud, means, across, up))
            x, y = (float(means.iloc[0][f"{name} mean"]) for name in (X, Y))
            tags.append((number, label, across(x), up(y)))
    parts += _labels(tags)
    words = "Test IoU of the head across, of the tail upward; large marks are means, small ones single seeds"
    return [Chart(drawing(WIDTH + ROOM, HEIGHT, words, *parts), "Head against tail", "results.csv")]


def _labels(tags: Sequence[tuple[int, str, float, float]]) -> list[Markup]:
    """Names beside the means, moved apart where they would cover each other, with a thread to their point."""
    placed: list[tuple[float, float, float]] = []  # left, right, middle
    parts = []
    for number, label, x, y in sorted(tags, key=lambda one: one[3])[:TOLD]:
        text = shorten(label, LONGEST)
        left, right, middle = x + 12, x + 12 + LETTER * len(text), y
        while any(left < other[1] and other[0] < right and abs(middle - other[2]) < LINE for other in placed):
            middle += 2
        placed.append((left, right, middle))
        thread = tag("line", x1=x, y1=y, x2=left - 2, y2=middle, class_="thread", stroke="currentColor")
        name = tag("text", text, x=left, y=middle + 4, class_="told")
        parts.append(tag("g", thread, name, class_=f"series c{number % 8}", data_s=number))
    return parts


def _axes(across: Scale, up: Scale) -> list[Markup]:
    floor, ceiling = HEIGHT - BOTTOM, EDGE
    parts = [tag("line", x1=across(one), x2=across(one), y1=ceiling, y2=floor, class_="grid") for one in across.ticks()]
    parts += [tag("line", x1=LEFT, x2=WIDTH - EDGE, y1=up(one), y2=up(one), class_="grid") for one in up.ticks()]
    parts += [
        tag("text", tick_text(one), x=across(one), y=floor + 16, text_anchor="middle", class_="tick")
        for one in across.ticks()
    ]
    parts += [
        tag("text", tick_text(one), x=LEFT - 8, y=up(one) + 4, text_anchor="end", class_="tick") for one in up.ticks()
    ]
    parts.append(tag("text", "head, mean IoU", x=WIDTH - EDGE, y=HEIGHT - 8, text_anchor="end", class_="axis"))
    turned = f"rotate(-90 14 {EDGE})"
    parts.append(tag("text", "tail, mean IoU", x=14.0, y=EDGE, text_anchor="end", transform=turned, class_="axis"))
    return parts


def _strategy(
    number: int, label: str, cloud: Sequence[tuple[int, float, float]], means: pd.DataFrame, across: Scale, up: Scale
) -> Markup:
    place, shape = int(means.index[0]), number + number // 8  # no two of 32 look alike
    x, y = (float(means.iloc[0][f"{name} mean"]) for name in (X, Y))
    parts = []
    for row, one, other in cloud:
        corners = points([(across(x), up(y)), (across(one), up(other))])
        parts.append(tag("polyline", points=corners, class_="thread"))
        parts.append(mark(shape, across(one), up(other), 2.6, class_="seed", data_file="results.csv", data_row=row,
                          data_head=repr(one), data_tail=repr(other)))  # fmt: skip
    words = f"{label}: head {x:.3f}, tail {y:.3f}, {len(cloud)} seed{'s' if len(cloud) > 1 else ''}"
    parts.append(
        mark(shape, across(x), up(y), 6.5, tag("title", words), class_="mean", tabindex=0, data_tip=words,
             data_file="strategies.csv", data_row=place, data_head=repr(x), data_tail=repr(y))
    )  # fmt: skip
    return tag("g", *parts, class_=f"series c{number % 8}", data_s=number)
