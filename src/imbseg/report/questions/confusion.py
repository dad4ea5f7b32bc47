"""Which classes are confused with which, against the baseline."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from imbseg.canvas import Canvas
from imbseg.report.evidence import Evidence
from imbseg.report.figures import confusion as drawn
from imbseg.report.frames import Frames, Record, farthest
from imbseg.report.page.content import STRATEGY, Chart, Column, Section, Table
from imbseg.report.questions import answer, classes
from imbseg.report.questions.pixels import NO_PAIR, counted
from imbseg.report.say import name
from imbseg.runs.counts import against_baseline
from imbseg.statistics.pixels import confusion_shares, shown_together

FILE, TITLE = "confusion_change.csv", "What is confused with what"
COLUMNS = ("strategy", "truth", "prediction", "baseline_share", "strategy_share", "change", "baseline_came_from",
           "strategy_came_from", "shown_together")  # fmt: skip
MOST = 20  # confusions of a strategy that are listed at once
LONGEST = 300  # rows of a folded table; the file has all
READ = "Blue: fewer of a class's pixels (row) are predicted as another (column) than in the baseline; orange: more."


def table(evidence: Evidence) -> pd.DataFrame:
    """Every confusion of one class with another, pooled over the seeds that a strategy and the baseline share.

    Returns:
        A row a strategy, class of the truth and class that it is predicted as, where either run has such pixels:
        strategy, truth, prediction; baseline_share and strategy_share (of the truth class's pixels), change (the second
        minus the first); baseline_came_from and strategy_came_from (share of all pixels predicted as `prediction` that
        are `truth`'s; NaN where none is); shown_together (share of the images whose truth shows the one that also show
        the other: a confusion of classes that no image shows together isn't one of borders). Empty where no counts can
        be paired.
    """
    rows, names = [], evidence.group.classes
    for label, found in against_baseline(evidence.once(counted)):
        ours, theirs = (np.sum([pair[place].confusion for pair in found], axis=0) for place in (0, 1))
        together, before, now = (
            shown_together([pair[1] for pair in found]),
            confusion_shares(theirs),
            confusion_shares(ours),
        )
        values = (before[0], now[0], now[0] - before[0], before[1], now[1], together)  # as COLUMNS has them
        for at in itertools.product(range(len(names)), repeat=2):
            if at[0] != at[1] and theirs[at] + ours[at] > 0:
                row = {"strategy": label, "truth": names[at[0]], "prediction": names[at[1]]}
                rows.append(row | dict(zip(COLUMNS[3:], (float(one[at]) for one in values), strict=True)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def section(evidence: Evidence, frames: Frames) -> Section:
    """The square of confusions of the answer's strategy, and the largest changes of all."""
    frame = frames[FILE]
    if not len(frame):
        return Section("confusion", TITLE)
    best = answer.answer(evidence, frames).best
    canvas = _drawn(evidence, frames, best)
    charts = () if canvas is None else (Chart(canvas.svg(), best, FILE),)
    columns = (
        STRATEGY, Column("truth", "truth"), Column("prediction", "predicted as"),
        Column("baseline_share", "share of truth, baseline", 1, percent=True),
        Column("strategy_share", "now", 1, percent=True), Column("change", "change", 1, percent=True, signed=True),
        Column("strategy_came_from", "share of the prediction", 1, percent=True, minor=True),
        Column("shown_together", "images with both", 0, percent=True, minor=True),
    )  # fmt: skip
    ordered = frame.loc[frame["change"].abs().sort_values(ascending=False, kind="stable").index]
    own = ordered[ordered["strategy"] == best]
    tables = (
        Table(f"{best}: the confusions that changed most", FILE, own.head(MOST), columns[1:]),
        Table("Every strategy's, the largest changes first", FILE, ordered.head(LONGEST), columns, by="strategy",
              folded=True),
    )  # fmt: skip
    file = evidence.draw("confusion", "Change of the confusion", figure(evidence, frames))
    return Section("confusion", TITLE, (*sentences(own), *[READ] * len(charts)), charts, tables, drawings=file)


def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """The square that stands alone, with its title."""
    best = answer.answer(evidence, frames).best
    return _drawn(evidence, frames, best, f"{best}, test pixels, against {evidence.group.baseline.label}")


def _drawn(evidence: Evidence, frames: Frames, best: str, title: str = "") -> Canvas | None:
    names = [evidence.group.classes[place] for place in evidence.once(classes.order).places]
    return drawn.confusion(frames[FILE], best, names, title=title)


def sentences(found: pd.DataFrame) -> list[str]:
    """The confusion that shrank most, and the one that grew most."""
    if found.empty:
        return [f"{NO_PAIR}, or none confuses classes: confusions can't be compared."]
    rows = ((farthest(found, "change", sign), amount) for sign, amount in ((-1, "fewer"), (1, "more")))
    lines = [_words(row, amount) for row, amount in rows if row]
    return lines or ["No class is confused with another more or less often than in the baseline."]


def _words(row: Record, amount: str) -> str:
    strategy, truth, other = (name(row[column]) for column in COLUMNS[:3])
    shares = f"{100 * row['baseline_share']:.1f} -> {100 * row['strategy_share']:.1f} % of its pixels"
    together = f"{100 * row['shown_together']:.0f} % of the images with {truth} also show {other}"
    return f"{strategy}: {amount} pixels of {truth} are predicted as {other}: {shares}; {together}."
