"""Where a class's pixels went: what the strategy changed in the confusion, as a square of classes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from markupsafe import Markup

from imbseg.report.frames import Record, records
from imbseg.report.page.content import Chart
from imbseg.report.page.svg import drawing, shorten, tag

FILE = "confusion_change.csv"
MOST = 30  # classes that a square has room for
LEFT, TOP, CELL, EDGE, LONGEST = 128.0, 106.0, 22.0, 76.0, 16


def chart(changed: pd.DataFrame, label: str, classes: Sequence[str]) -> list[Chart]:
    """The square of one strategy; nothing where there are more classes than a person can read.

    Args:
        changed: the group's rows of confusion_change.csv.
        label: of the strategy.
        classes: names in the order of the rows.
    """
    own = changed[changed["strategy"] == label] if len(changed) else changed
    if not len(own) or len(classes) > MOST:
        return []
    place = {name: number for number, name in enumerate(classes)}
    most = max(float(own["change"].abs().max()), 0.01)
    parts = _names(classes)
    for row, record in records(own):
        x, y = place.get(str(record["prediction"])), place.get(str(record["truth"]))
        if x is not None and y is not None:
            parts.append(_cell(row, record, x, y, most))
    size = CELL * len(classes)
    parts.append(tag("rect", x=LEFT, y=TOP, width=size, height=size, class_="frame"))
    words = f"Change of the confusion by {label}: truth by row, prediction by column"
    return [Chart(drawing(LEFT + size + EDGE, TOP + size + 8, words, *parts), label, FILE)]


def _names(classes: Sequence[str]) -> list[Markup]:
    parts = [tag("text", "truth ↓  taken for →", x=LEFT - 8, y=TOP - 10, text_anchor="end", class_="tick")]
    for number, name in enumerate(classes):
        middle = CELL * (number + 0.5)
        told = tag("title", name)
        parts.append(tag("text", shorten(name, LONGEST), told, x=LEFT - 8, y=TOP + middle + 4, text_anchor="end",
                         class_="name"))  # fmt: skip
        turned = f"rotate(-50 {LEFT + middle:.1f} {TOP - 8:.1f})"
        parts.append(tag("text", shorten(name, LONGEST), told, x=LEFT + middle, y=TOP - 8, transform=turned,
                         class_="name"))  # fmt: skip
    return parts


def _cell(row: int, record: Record, x: int, y: int, most: float) -> Markup:
    change = float(record["change"])
    before, after = (100 * float(record[name]) for name in ("baseline_share", "strategy_share"))
    words = f"{record['truth']} taken for {record['prediction']}: {before:.1f} % of its pixels, now {after:.1f} %"
    strength = min(1.0, abs(change) / most) ** 0.6
    return tag(
        "rect", tag("title", words), x=LEFT + CELL * x, y=TOP + CELL * y, width=CELL, height=CELL,
        class_="cell more" if change > 0 else "cell less", fill_opacity=f"{strength:.2f}", data_row=row,
        data_change=repr(change),
    )  # fmt: skip
