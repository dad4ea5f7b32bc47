"""How training went: the validation scores of every finished run epoch by epoch, as epochs.csv has them."""

from __future__ import annotations

import math

import pandas as pd

from imbseg.canvas import Canvas
from imbseg.report.evidence import Evidence
from imbseg.report.figures import overview
from imbseg.report.frames import Frames
from imbseg.report.page.content import Chart, Section
from imbseg.runs.collect import SCORES
from imbseg.runs.csv_table import columns_of

FILE, TITLE = "learning_curves.csv", "Learning curves"
COLUMNS = ("strategy", "trial", "seed", "epoch", "loss", *SCORES)


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a run and epoch, NaN where a run has no such score; a run whose epochs.csv can't be read has none."""
    rows = []
    for strategy in evidence.group.strategies:
        for run in strategy.runs:
            epochs = columns_of(run.folder / "epochs.csv") if run.epochs else None
            told = {"strategy": strategy.label, "trial": run.name, "seed": run.seed[0]}
            for row in [] if epochs is None else epochs.to_dict("records"):
                rows.append(told | {name: row.get(name, math.nan) for name in COLUMNS[3:]})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def figure(evidence: Evidence, frames: Frames, *scores: str) -> Canvas | None:
    """The curves of every score with a title and a legend, or of some without; None where there are no epochs."""
    labels = [one.label for one in evidence.group.strategies]
    return overview.curves(frames[FILE], labels, scores=scores or overview.SCORES, titled=not scores)


def section(evidence: Evidence, frames: Frames) -> Section:
    """A chart a score."""
    drawn = {score: figure(evidence, frames, score) for score in overview.SCORES}
    charts = [Chart(canvas.svg(), f"Validation {score}", FILE) for score, canvas in drawn.items() if canvas is not None]
    said = ("Validation scores epoch by epoch: bold the mean of the seeds, thin each trial.",) if charts else ()
    return Section("curves", TITLE, said, charts, drawings=evidence.draw("curves", TITLE, figure(evidence, frames)))
