"""The menu of questions, in the order of the page: each module makes its tables, its sentences and its figures.

A question is a module with `section(evidence, frames)`, which gives its part of the page from the group's rows of every
table, and a name in QUESTIONS. Its table is `table(evidence)`, written as FILE; further ones stand in its TABLES.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pandas as pd

from imbseg.report.evidence import Evidence

QUESTIONS = ["strategies", "prior", "classes", "plane", "curves", "one_change", "confusion", "pixels", "ceiling"]
QUESTIONS += ["sizes", "exposure", "forgotten", "examples", "correlations", "statistics", "image_intervals", "run"]


def modules() -> list[ModuleType]:
    """The questions' modules."""
    return [importlib.import_module(f"{__name__}.{name}") for name in QUESTIONS]


def tables() -> dict[str, Callable[[Evidence], pd.DataFrame]]:
    """How every CSV of a report is made."""
    found = {module.FILE: module.table for module in modules() if hasattr(module, "table")}
    return found | {file: make for module in modules() for file, make in getattr(module, "TABLES", {}).items()}
