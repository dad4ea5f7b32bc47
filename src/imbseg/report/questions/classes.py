"""What each strategy did to each class, and how many of these differences chance alone would mark."""

from __future__ import annotations

import pandas as pd

from imbseg.canvas import Canvas
from imbseg.report.class_order import ClassOrder, class_order
from imbseg.report.evidence import Evidence
from imbseg.report.figures.of_group import gain_figure, gain_panels
from imbseg.report.frames import Frames
from imbseg.report.page.content import DIFFERENCE, SEEDS, STRATEGY, Chart, Column, P, Section, Table
from imbseg.report.questions.strategies import WORDS, levels, told
from imbseg.runs.collect import SUBSETS
from imbseg.statistics.difference import SIGNIFICANT

TITLE = "What each strategy did to each class"
BESIDE = 5  # strategies beside each other in a table of classes


def order(evidence: Evidence) -> ClassOrder:
    """The order of the classes in figures and tables."""
    return class_order(evidence.group)


def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """The gain of every strategy on every class."""
    return gain_figure(evidence.group, frames, evidence.once(order))


def section(evidence: Evidence, frames: Frames) -> Section:
    """A panel a strategy, every difference, and the levels of every class."""
    compared = frames["comparisons.csv"]
    of_classes = compared[compared["score"].str.startswith("IoU/")] if len(compared) else compared
    columns = (STRATEGY, Column("score", "class"), DIFFERENCE, SEEDS, Column("p_t", "p (t)", P),
               Column("p_t_holm", "p, Holm over the classes", P),
               Column("detectable", "minimum detectable effect", 3, minor=True))  # fmt: skip
    shown = [Table("Difference of every class", "comparisons.csv", of_classes, columns, by="strategy", folded=True)]
    panels = gain_panels(evidence.group, frames, evidence.once(order))
    charts = [Chart(canvas.svg(), label, "comparisons.csv", label) for label, canvas in panels]
    said = _said(evidence, of_classes) if charts else ()
    drawn = evidence.draw("gains", "Gain a class", figure(evidence, frames))
    tables = (*shown[: len(of_classes)], *_levels(evidence, frames))
    return Section("classes", TITLE, said, tuple(charts), tables, drawings=drawn)


def _said(evidence: Evidence, of_classes: pd.DataFrame) -> tuple[str, ...]:
    """How the dots are to be read, and how many of them chance alone would mark."""
    first = f"Test IoU minus that of {evidence.group.baseline.label}; classes {evidence.once(order).words}."
    tested = of_classes[of_classes["low"].notna()]
    if tested.empty:
        return (f"{first} One seed a strategy: no interval, so no dot is marked as more than chance.",)
    alone = int(((tested["low"] > 0) | (tested["high"] < 0)).sum())
    stand = int((tested["p_t_holm"] < SIGNIFICANT).sum())
    return (
        f"{first} Filled: significant after Holm correction over the classes of its strategy. Ring: the interval alone "
        f"excludes 0. Grey: the interval includes 0.",
        f"{alone} of {len(tested)} intervals exclude 0, where {expected(len(tested))} by chance; {stand} are "
        f"significant after Holm correction.",
    )


def expected(intervals: int) -> str:
    """How many of some intervals exclude 0 where nothing has an effect: one in twenty.

    >>> expected(7), expected(20), expected(150)
    ('about 0.35 are expected', 'about 1 is expected', 'about 7.5 are expected')
    """
    number = f"{SIGNIFICANT * intervals:.2g}"
    return f"about {number} {'is' if number == '1' else 'are'} expected"


def _levels(evidence: Evidence, frames: Frames) -> list[Table]:
    """IoU of every class, a column a strategy; of many strategies a table each few."""
    frame, tables = frames["strategies.csv"], []
    for subset in SUBSETS:
        scores = {f"{subset}/IoU/{evidence.group.classes[place]}": place for place in evidence.once(order).places}
        columns = [levels(score, evidence.group.classes[place]) for score, place in scores.items()
                   if told(frame, f"{score} mean")]  # fmt: skip
        for start in range(0, len(frame) if columns else 0, BESIDE):
            more = f", strategies {start + 1} to {min(start + BESIDE, len(frame))}" if len(frame) > BESIDE else ""
            what = f"IoU of every class, {WORDS[subset]} images, mean ± standard deviation over the seeds{more}"
            shown = frame.iloc[start : start + BESIDE], (Column("label", "class"), *columns)
            tables.append(Table(what, "strategies.csv", *shown, by="label", folded=True, turned=True))
    return tables
