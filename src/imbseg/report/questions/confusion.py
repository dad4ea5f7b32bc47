"""Which classes are confused with which, against the baseline."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from imbseg.canvas import DOWN, GROUND, INK, LINE, SOFT, UP, Canvas, drawing, shorten
from imbseg.page.columns import columns
from imbseg.page.content import MOST, Chart, Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, extremes, records
from imbseg.report.questions import answer, classes
from imbseg.report.questions.pixels import counted
from imbseg.report.say import name
from imbseg.runs.counts import against_baseline
from imbseg.statistics.pixels import confusion_shares, shown_together

FILE, TITLE = "confusion_change.csv", "What is confused with what"
COLUMNS = ["strategy", "truth", "prediction", "baseline_share", "strategy_share", "change", "baseline_of_prediction"]
COLUMNS += ["strategy_of_prediction", "shown_together"]
LONGEST = 300  # rows of a folded table; the file has all
ROOM, LETTERS = 30, 18  # classes that a square has room for; letters of a name
CELL, LETTER = 0.23, 0.068  # inches
READ = "Blue: fewer of a class's pixels (row) are predicted as another (column) than in the baseline; orange: more."


def table(evidence: Evidence) -> pd.DataFrame:
    """Every confusion of one class with another, pooled over the seeds that a strategy and the baseline share.

    A row a strategy, truth and prediction where either run has such pixels: shares of the truth's pixels and their
    change; shares of all pixels predicted so (NaN where none is); shown_together: of the images whose truth shows the
    one, those that also show the other (else the confusion isn't one of borders).
    """
    rows, names = [], evidence.group.classes
    for label, found in against_baseline(evidence.once(counted)):
        ours, theirs = (np.sum([pair[place].confusion for pair in found], axis=0) for place in (0, 1))
        before, now = confusion_shares(theirs), confusion_shares(ours)
        together = shown_together([pair[1] for pair in found])
        values = (before[0], now[0], now[0] - before[0], before[1], now[1], together)  # as COLUMNS has them
        for at in itertools.product(range(len(names)), repeat=2):
            if at[0] != at[1] and theirs[at] + ours[at] > 0:
                rows.append([label, names[at[0]], names[at[1]], *(float(one[at]) for one in values)])
    return pd.DataFrame(rows, columns=COLUMNS)


def section(evidence: Evidence, frames: Frames) -> Section:
    """The square of confusions of the answer's strategy, and the largest changes of all."""
    frame = frames[FILE]
    if not len(frame):
        return Section("confusion", TITLE)
    best, canvas = answer.answer(evidence, frames).best, figure(evidence, frames, titled=False)
    charts = () if canvas is None else (Chart(canvas.svg(), best, FILE),)
    shown = columns("strategy", "truth", "prediction", *COLUMNS[3:6], *COLUMNS[7:])
    ordered = frame.loc[frame["change"].abs().sort_values(ascending=False, kind="stable").index]
    own = ordered[ordered["strategy"] == best]
    tables = (
        Table(f"{best}: the confusions that changed most", FILE, own.head(MOST), shown[1:], by=""),
        Table("Every strategy's, the largest changes first", FILE, ordered.head(LONGEST), shown, folded=True),
    )
    file = evidence.draw("confusion", "Change of the confusion", figure(evidence, frames))
    return Section("confusion", TITLE, (*sentences(own), *[READ] * len(charts)), charts, tables, drawings=file)


def sentences(found: pd.DataFrame) -> list[str]:
    """The confusion that shrank most, and the one that grew most."""
    lines = [_words(row) for row in reversed(extremes(found, "change"))]
    return lines or ["No class is confused with another more or less often than in the baseline."]


def _words(row: Record) -> str:
    strategy, truth, other = (name(row[column]) for column in COLUMNS[:3])
    amount = "fewer" if row["change"] < 0 else "more"
    shares = f"{100 * row['baseline_share']:.1f} -> {100 * row['strategy_share']:.1f} % of its pixels"
    together = f"{100 * row['shown_together']:.0f} % of the images with {truth} also show {other}"
    return f"{strategy}: {amount} pixels of {truth} are predicted as {other}: {shares}; {together}."


@drawing()
def figure(evidence: Evidence, frames: Frames, *, titled: bool = True) -> Canvas | None:
    """The answer's strategy as a square, truth by row: blue where fewer pixels go than in the baseline, orange more.

    None where there are no rows, or more classes than a person can read; with a title where it stands alone.
    """
    names, found = [evidence.group.classes[place] for place in evidence.once(classes.order).places], frames[FILE]
    best = answer.answer(evidence, frames).best
    cells = records(found[found["strategy"] == best]) if len(found) else []
    if not cells or len(names) > ROOM:
        return None
    title = f"{best}, test pixels, against {evidence.group.baseline.label}" if titled else ""
    texts, side = [shorten(one, LETTERS) for one in names], CELL * len(names)
    room = 0.25 + LETTER * max(14, *map(len, texts))
    top = 0.8 * room + (0.3 if title else 0)
    size = max(1.75 * room + side, LETTER * len(title)), top + side + 0.1
    canvas = Canvas(*size, f"Change of the confusion by {best}: truth by row, prediction by column")
    canvas.text(0.08 / size[0], 1 - 0.08 / size[1], title, va="top")
    axis = canvas.place(room, top, side, side)
    _name(canvas, axis, texts, names)
    most = max(max(abs(row["change"]) for _, row in cells), 0.01)
    squares = PatchCollection(
        [Rectangle((names.index(row["prediction"]), names.index(row["truth"])), 1, 1) for _, row in cells],
        facecolors=[to_rgba(DOWN if row["change"] > 0 else UP, abs(row["change"] / most) ** 0.6) for _, row in cells],
        edgecolors=GROUND,
        linewidths=0.8,
    )
    axis.add_collection(squares)
    told = [{"title": _pointed(row), "data_row": place, "data_change": repr(row["change"])} for place, row in cells]
    canvas.tell(squares, *({"class_": "cell"} | one for one in told))
    return canvas


def _name(canvas: Canvas, axis: Axes, texts: Sequence[str], names: Sequence[str]) -> None:
    axis.set(xlim=(0, len(names)), ylim=(len(names), 0))
    axis.spines[:].set(visible=True, color=LINE)
    axis.tick_params(length=0, labelcolor=INK, labelbottom=False, labeltop=True)
    middles = [number + 0.5 for number in range(len(names))]
    axis.set_yticks(middles, texts)
    axis.set_xticks(middles, texts, rotation=50, ha="left", rotation_mode="anchor")
    for written in (axis.get_xticklabels(), axis.get_yticklabels()):
        for text, whole in zip(written, names, strict=True):
            canvas.tell(text, title=whole if text.get_text() != whole else "", class_="name")
    axis.text(-0.2, -0.35, "truth ↓  predicted as →", ha="right", fontsize=8, color=SOFT)


def _pointed(row: Record) -> str:
    before, after = (100 * row[name] for name in ("baseline_share", "strategy_share"))
    return f"{row['truth']} predicted as {row['prediction']}: {before:.1f} % of its pixels, now {after:.1f} %"
