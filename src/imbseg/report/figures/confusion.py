"""Where a class's pixels went: what a strategy changed in the confusion, as a square of classes."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from imbseg.canvas import DOWN, GROUND, INK, LINE, SOFT, UP, Canvas, drawing, shorten
from imbseg.report.frames import Record, records

MOST, LONGEST = 30, 18  # classes that a square has room for; letters of a name
CELL, LETTER = 0.23, 0.068  # inches


@drawing()
def confusion(changed: pd.DataFrame, label: str, classes: Sequence[str], *, title: str = "") -> Canvas | None:
    """Truth by row, prediction by column: blue where fewer pixels go there than in the baseline, orange where more.

    Args:
        changed: a group's rows of confusion_change.csv.
        label: of the strategy.
        classes: names in the order of the rows.
        title: of a figure that stands alone.

    Returns:
        None where there are no rows, or more classes than a person can read.
    """
    own = changed[changed["strategy"] == label] if len(changed) else changed
    cells = [(place, row) for place, row in records(own) if row["truth"] in classes and row["prediction"] in classes]
    if not cells or len(classes) > MOST:
        return None
    texts, side = [shorten(name, LONGEST) for name in classes], CELL * len(classes)
    room = 0.25 + LETTER * max(14, *map(len, texts))
    top = 0.8 * room + (0.3 if title else 0)
    size = max(1.75 * room + side, LETTER * len(title)), top + side + 0.1
    canvas = Canvas(*size, f"Change of the confusion by {label}: truth by row, prediction by column")
    canvas.text(0.08 / size[0], 1 - 0.08 / size[1], title, va="top")
    axis = canvas.place(room, top, side, side)
    axis.set(xlim=(0, len(classes)), ylim=(len(classes), 0))
    axis.spines[:].set(visible=True, color=LINE)
    axis.tick_params(length=0, labelcolor=INK, labelbottom=False, labeltop=True)
    middles = [number + 0.5 for number in range(len(classes))]
    axis.set_yticks(middles, texts)
    axis.set_xticks(middles, texts, rotation=50, ha="left", rotation_mode="anchor")
    for names in (axis.get_xticklabels(), axis.get_yticklabels()):
        for text, name in zip(names, classes, strict=True):
            canvas.tell(text, title=name if text.get_text() != name else "", class_="name")
    axis.text(-0.2, -0.35, "truth ↓  predicted as →", ha="right", fontsize=8, color=SOFT)
    most = max(max(abs(row["change"]) for _, row in cells), 0.01)
    squares = PatchCollection(
        [Rectangle((classes.index(row["prediction"]), classes.index(row["truth"])), 1, 1) for _, row in cells],
        facecolors=[to_rgba(DOWN if row["change"] > 0 else UP, abs(row["change"] / most) ** 0.6) for _, row in cells],
        edgecolors=GROUND,
        linewidths=0.8,
    )
    axis.add_collection(squares)
    canvas.tell(
        squares,
        *(
            {"class_": "cell", "title": _words(row), "data_row": place, "data_change": repr(row["change"])}
            for place, row in cells
        ),
    )
    return canvas


def _words(row: Record) -> str:
    before, after = (100 * row[name] for name in ("baseline_share", "strategy_share"))
    return f"{row['truth']} predicted as {row['prediction']}: {before:.1f} % of its pixels, now {after:.1f} %"
