"""The menu of questions, in the order of the page: each module makes its tables, its sentences and its figures.

A question is a function of the evidence and the group's rows of every table that gives its part of the page: `section`
of a module named in QUESTIONS, or another, behind a point. A module's table is `table(evidence)`, written as FILE;
further ones stand in its TABLES.
"""

import importlib
from collections.abc import Callable

import pandas as pd

from imbseg.page.content import Section
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames

QUESTIONS = ["strategies", "prior", "parts", "classes", "plane", "curves", "statistics.changes_section", "confusion"]
QUESTIONS += ["pixels", "ceiling", "sizes", "sizes.detections_section", "exposure", "curves.forgotten_section"]
QUESTIONS += ["calibration", "examples", "settings", "correlations", "statistics", "image_intervals", "run"]


def sections() -> list[Callable[[Evidence, Frames], Section]]:
    """What makes each part of the page."""
    places = [name.partition(".") for name in QUESTIONS]
    return [getattr(importlib.import_module(f"{__name__}.{module}"), name or "section") for module, _, name in places]


def tables() -> dict[str, Callable[[Evidence], pd.DataFrame]]:
    """How every CSV of a report is made."""
    names = dict.fromkeys(name.partition(".")[0] for name in QUESTIONS)
    modules = [importlib.import_module(f"{__name__}.{name}") for name in names]
    found = {module.FILE: module.table for module in modules if hasattr(module, "table")}
    return found | {file: make for module in modules for file, make in getattr(module, "TABLES", {}).items()}
