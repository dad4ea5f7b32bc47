"""Run folders -> what a report's questions are asked of: evidence, tables, sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imbseg.page.content import Section
from imbseg.report.evidence import Evidence, Given, evidence_of
from imbseg.report.frames import Frames, rows_of
from imbseg.report.write import all_frames, page
from imbseg.runs.collect import collect
from imbseg.runs.strategies import Results, arrange


def evidence(root: Path, baseline: str | None = None, **given: Any) -> Evidence:
    """Of the first group of the runs below a folder."""
    return of_results(arrange(collect(root), root, baseline), **given)


def of_results(results: Results, **given: Any) -> Evidence:
    return evidence_of(results, Given(**given))[0]


def frames_of(asked: Evidence) -> Frames:
    """Every table of the group."""
    return rows_of(all_frames([asked]), asked.group)


def sections(asked: Evidence, folder: Path) -> dict[str, Section]:
    """Every part of the group's page by its key; figures are written to the folder."""
    made = page([asked], all_frames([asked]), folder)
    return {part.key: part for part in made.parts}


def said(asked: Evidence, folder: Path) -> str:
    """All that the page says in sentences, the answer first."""
    made = page([asked], all_frames([asked]), folder)
    return "\n".join([*made.chapters[0].answer, *(line for part in made.parts for line in (*part.said, *part.notes))])
