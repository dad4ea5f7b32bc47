"""Which classes are confused with which, against the baseline."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from imbseg.canvas import Canvas
from imbseg.report.evidence import Evidence
from imbseg.report.figures import confusion as drawn
from imbseg.report.frames import Frames, Record, extremes
from imbseg.report.page.columns import columns
from imbseg.report.page.content import MOST, Chart, Section, Table
from imbseg.report.questions import answer, classes
from imbseg.report.questions.pixels import counted
from imbseg.report.say import name
from imbseg.runs.counts import against_baseline
from imbseg.statistics.pixels import confusion_shares, shown_together

FILE, TITLE = "confusion_change.csv", "What is confused with what"
COLUMNS = ["strategy", "truth", "prediction", "baseline_share", "strategy_share", "change", "baseline_of_prediction"]
COLUMNS += ["strategy_of_prediction", "shown_together"]
LONGEST = 300  # rows of a folded table; the file has all
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


def figure(evidence: Evidence, frames: Frames, *, titled: bool = True) -> Canvas | None:
    """The square of confusions of the answer's strategy; with a title where it stands alone."""
    best = answer.answer(evidence, frames).best
    title = f"{best}, test pixels, against {evidence.group.baseline.label}" if titled else ""
    names = [evidence.group.classes[place] for place in evidence.once(classes.order).places]
    return drawn.confusion(frames[FILE], best, names, title=title)


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
    what = f"{best}: the confusions that changed most"
    tables = (
        Table(what, FILE, own.head(MOST), shown[1:], by=""),
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
