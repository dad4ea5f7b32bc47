"""Whether probabilities mean what they say, class by class: both post-hoc corrections rest on them."""

import math
from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from imbseg.canvas import DASHES, FAINT, SERIES, SOFT, Canvas, drawing, shorten, wrapped
from imbseg.errors import listed
from imbseg.metrics.calibration import BINS
from imbseg.page.columns import columns
from imbseg.page.content import Chart, Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records
from imbseg.report.questions.strategies import of_tail
from imbseg.report.say import name, seeds
from imbseg.runs.tables import calibration_errors, reliability

FILE, RELIABILITY, TITLE = "calibration.csv", "reliability.csv", "Calibration by class"
PANELS, LINES = 6, 8  # classes and strategies of a figure
LEAST = 30  # pixels of a bin that is drawn
ECE = (
    f"Class-wise ECE (Nixon et al., arXiv:1904.01685): each class against the rest, in {BINS} bins. Most pixels give a "
    f"rare class nearly nothing, so over all it is small; the second is over those that give it at least 1/{BINS}."
)


def table(evidence: Evidence) -> pd.DataFrame:
    """Calibration errors of every class; see imbseg.runs.tables."""
    return calibration_errors(evidence.group)


def section(evidence: Evidence, frames: Frames) -> Section:
    """Errors and reliability curves of the tail's classes."""
    found, canvas = of_tail(evidence, frames[FILE]), figure(evidence, frames)
    shown = columns("strategy", "class", "ece", "ece_likely", "expected", "seeds")
    tables = (Table("Calibration of the tail", FILE, found, shown),)
    title = "Reliability: share of the pixels that are of the class, over their probability"
    charts = () if canvas is None else (Chart(canvas.svg(), title, RELIABILITY),)
    drawings = evidence.draw("reliability", title, canvas)
    return Section("calibration", TITLE, sentences(found), charts, tables, notes=(ECE,), drawings=drawings)


def sentences(found: pd.DataFrame) -> list[str]:
    """The classes' calibration error, of the baseline and of the strategies with the least and the largest."""
    if found.empty:
        return []
    means = found.groupby("strategy", sort=False)[["ece_likely", "expected", "seeds"]].mean().reset_index()
    errors = means["ece_likely"].dropna()
    places = dict.fromkeys([0, *([errors.idxmin(), errors.idxmax()] if len(errors) else [])])
    return [_words(row, listed([*map(name, found["class"].unique())])) for _, row in records(means.loc[[*places]])]


def _words(row: Record, classes: str) -> str:
    of = f"{name(row['strategy'])}; {classes}; {seeds(round(row['seeds']))}"
    if math.isnan(row["ece_likely"]):
        return f"0 pixels have a probability of 1/{BINS} or more ({of})."
    shown = f"; all probabilities add up to {row['expected']:.2f} x the true pixels" if row["expected"] >= 0 else ""
    return f"{row['ece_likely']:.3f} calibration error where the probability is 1/{BINS} or more{shown} ({of})."


@drawing()
def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """A panel a class of the tail, a line a strategy; the diagonal is perfect. None where nothing was counted."""
    found = of_tail(evidence, frames[RELIABILITY])
    found = found[found["pixels"] >= LEAST] if len(found) else found
    if found.empty:
        return None
    classes = [one for one in evidence.group.classes if one in set(found["class"])][:PANELS]
    labels = [one.label for one in evidence.group.strategies if one.label in set(found["strategy"])][:LINES]
    legend = 0.4 + 0.062 * max(len(line) for label in labels for line in wrapped(label).split("\n"))
    wide = 0.4 + 2.2 * len(classes)
    canvas = Canvas(wide + legend, 2.5, f"Reliability of {', '.join(map(name, classes))}")
    for number, one in enumerate(classes):
        axis = canvas.place(0.4 + 2.2 * number, 0.3, 1.8, 1.8)
        axis.set_title(shorten(name(one), 24))
        _curves(canvas, axis, found[found["class"] == one], labels)
    lines, beside = {line.get_label(): line for line in canvas.axes[0].lines}, (wide / (wide + legend), 0.95)
    marks, texts = [lines[label] for label in labels], [*map(wrapped, labels)]
    canvas.legend(marks, texts, loc="upper left", fontsize=8, bbox_to_anchor=beside)
    return canvas


def _curves(canvas: Canvas, axis: Axes, found: pd.DataFrame, labels: Sequence[str]) -> None:
    axis.set(xlim=(0, 1), ylim=(0, 1))
    axis.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8)
    axis.grid(color=FAINT)
    axis.tick_params(length=0, labelsize=8, labelcolor=SOFT)
    axis.set_xlabel("probability", loc="right", fontsize=8)
    for number, label in enumerate(labels):
        own = found[found["strategy"] == label]
        color, dashes = SERIES[number % len(SERIES)], DASHES[number // len(SERIES) % len(DASHES)]
        line = axis.plot(own["probability"], own["share"], f".{dashes}", color=color, label=label, linewidth=1.4)
        places = " ".join(map(str, own.index))
        canvas.tell(line[0], class_="line", title=label, data_s=number, data_rows=places, data_column="share")


TABLES = {RELIABILITY: lambda evidence: reliability(evidence.group)}
