"""A report's questions -> its page: the answer, then what a person asks next, in that order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, rows_of
from imbseg.report.glossary import GLOSSARY
from imbseg.report.page.content import Chapter, Page, Section
from imbseg.report.questions import QUESTIONS, answer, run
from imbseg.runs.apart import doubts, groups_apart


def page(evidence: Sequence[Evidence], frames: Frames, folder: Path) -> Page:
    """Put the page together, and write its figures.

    Args:
        evidence: of every group.
        frames: every table.
        folder: where figures and pictures are written.
    """
    results = evidence[0].results
    apart = groups_apart(results.groups)
    warnings = [apart] if apart else []
    warnings += [line for group in results.groups for line in doubts(group)]
    trials = frames[run.TRIALS]
    last = (run.of_left_out(trials[trials["group"] == ""]), Section("glossary", "Glossary", terms=GLOSSARY))
    placed = [dataclasses.replace(one, folder=folder) for one in evidence]
    chapters = tuple(_chapter(one, rows_of(frames, one.group)) for one in placed)
    return Page(f"What fixed which class: {results.root.resolve().name}", tuple(warnings), chapters, last)


def _chapter(evidence: Evidence, frames: Frames) -> Chapter:
    sections = tuple(question(evidence, frames) for question in QUESTIONS)
    told, labels = answer.answer(evidence, frames), tuple(one.label for one in evidence.group.strategies)
    return Chapter(evidence.group.name, told.lines, answer.tiles(evidence, frames), labels, sections)
