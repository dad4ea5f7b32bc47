"""The menu of questions, in the order of the page: each module makes its tables, its sentences and its figures.

A question is a module with `section(evidence, frames)`, which gives its part of the page from the group's rows of every
table, and a line in QUESTIONS; a table that it needs is a line in TABLES, by the name of its CSV file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.page.content import Section
from imbseg.report.questions import (
    ceiling,
    classes,
    confusion,
    correlations,
    curves,
    examples,
    exposure,
    forgotten,
    image_intervals,
    one_change,
    pixels,
    plane,
    prior,
    run,
    sizes,
    statistics,
    strategies,
)

TABLES: Mapping[str, Callable[[Evidence], pd.DataFrame]] = {
    run.TRIALS: run.trials,
    "strategies.csv": strategies.table,
    curves.FILE: curves.table,
    run.SETTINGS: run.settings,
    statistics.FILE: statistics.table,
    one_change.FILE: one_change.table,
    prior.FILE: prior.table,
    statistics.RANKS: statistics.rank_sums,
    pixels.PROFILED: pixels.profiles,
    pixels.EFFECT: pixels.effects,
    confusion.FILE: confusion.table,
    ceiling.FILE: ceiling.table,
    sizes.FILE: sizes.table,
    exposure.FILE: exposure.exposure,
    exposure.PAYS: exposure.pays,
    forgotten.FILE: forgotten.table,
    image_intervals.FILE: image_intervals.table,
    correlations.FILE: correlations.table,
}
QUESTIONS: tuple[Callable[[Evidence, Frames], Section], ...] = (
    strategies.section,
    prior.section,
    classes.section,
    plane.section,
    curves.section,
    one_change.section,
    confusion.section,
    pixels.section,
    ceiling.section,
    sizes.section,
    exposure.section,
    forgotten.section,
    examples.section,
    correlations.section,
    statistics.section,
    run.section,
)
