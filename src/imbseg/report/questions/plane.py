"""Whether the tail's gain costs the head: both scores of every strategy and seed in one plane."""

from __future__ import annotations

from imbseg.canvas import Canvas
from imbseg.report.evidence import Evidence
from imbseg.report.figures import overview
from imbseg.report.frames import Frames, trials_of
from imbseg.report.page.content import Chart, Section

TITLE = "Head against tail"
SAID = ("Up is good for the rare classes, right is good for the others. Large: mean of a strategy; small: its seeds.",)


def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """The plane; None where no run has both scores."""
    labels = [one.label for one in evidence.group.strategies]
    return overview.plane(trials_of(frames, evidence.group), frames["strategies.csv"], labels)


def section(evidence: Evidence, frames: Frames) -> Section:
    """The plane, or nothing."""
    if (canvas := figure(evidence, frames)) is None:
        return Section("plane", TITLE)
    charts = (Chart(canvas.svg(), TITLE, "results.csv"),)
    return Section("plane", TITLE, SAID, charts, drawings=evidence.draw("plane", TITLE, canvas))
