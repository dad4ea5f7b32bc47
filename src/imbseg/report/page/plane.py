"""The head-tail plane: each strategy a point at its mean, its seeds a cloud round it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
from markupsafe import Markup

from imbseg.report.frames import records
from imbseg.report.page.content import Chart, as_number
from imbseg.report.page.svg import Scale, drawing, level_grid, mark, points, scale, shorten, tag, upright_grid
from imbseg.report.say import seeds

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 520.0, 420.0, 52.0, 44.0, 12.0
ROOM, LETTER, LINE, LONGEST, TOLD = 210.0, 6.1, 13, 34, 16  # for the names: pixels, letters, and how many
X, Y = "test/head", "test/tail"


class Point(NamedTuple):
    """Where a seed or a mean stands, and its row in the file."""

    row: int
    head: float
    tail: float


def chart(trials: pd.DataFrame, strategies: pd.DataFrame, labels: Sequence[str]) -> list[Chart]:
    """The plane of one group; nothing where head or tail is not declared.

    Args:
        trials: the group's rows of results.csv, with a column `label`.
        strategies: the group's rows of strategies.csv.
        labels: of the strategies, in the order of their colours.
    """
    single = [(str(row["label"]), place, x, y) for place, row in records(trials)
             if (x := as_number(row.get(X))) is not None and (y := as_number(row.get(Y))) is not None]  # fmt: skip
    if not single:
        return []
    across = scale([x for _, _, x, _ in single], LEFT, WIDTH - EDGE)
    up = scale([y for _, _, _, y in single], HEIGHT - BOTTOM, EDGE)
    parts, tags = _axes(across, up), []
    for number, label in enumerate(labels):
        cloud = [Point(place, x, y) for name, place, x, y in single if name == label]
        for place, row in records(strategies[strategies["label"] == label]) if cloud else []:
            mean = Point(place, float(row[f"{X} mean"]), float(row[f"{Y} mean"]))
            parts.append(_strategy(number, label, cloud, mean, across, up))
            tags.append((number, label, across(mean.head), up(mean.tail)))
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
    parts = upright_grid(across, EDGE, HEIGHT - BOTTOM, 16) + level_grid(up, LEFT, WIDTH - EDGE, 8)
    parts.append(tag("text", "head, mean IoU", x=WIDTH - EDGE, y=HEIGHT - 8, text_anchor="end", class_="axis"))
    turned = f"rotate(-90 14 {EDGE})"
    parts.append(tag("text", "tail, mean IoU", x=14.0, y=EDGE, text_anchor="end", transform=turned, class_="axis"))
    return parts


def _strategy(number: int, label: str, cloud: Sequence[Point], mean: Point, across: Scale, up: Scale) -> Markup:
    shape = number + number // 8  # no two of 32 look alike
    parts = []
    for seed in cloud:
        corners = points([(across(mean.head), up(mean.tail)), (across(seed.head), up(seed.tail))])
        parts.append(tag("polyline", points=corners, class_="thread"))
        parts.append(_mark(shape, seed, 2.6, across, up, class_="seed", data_file="results.csv"))
    words = f"{label}: head {mean.head:.3f}, tail {mean.tail:.3f}, {seeds(len(cloud))}"
    parts.append(_mark(shape, mean, 6.5, across, up, tag("title", words), class_="mean", tabindex=0, data_tip=words,
                       data_file="strategies.csv"))  # fmt: skip
    return tag("g", *parts, class_=f"series c{number % 8}", data_s=number)


def _mark(
    shape: int, at: Point, size: float, across: Scale, up: Scale, *inside: Markup, **attributes: object
) -> Markup:
    return mark(shape, across(at.head), up(at.tail), size, *inside, **attributes, data_row=at.row,
                data_head=repr(at.head), data_tail=repr(at.tail))  # fmt: skip
