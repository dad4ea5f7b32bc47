"""Everything a report consists of, written to one folder and said on the screen."""

import dataclasses
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imbseg.errors import InputError
from imbseg.files import draft, write_text
from imbseg.page.columns import glossary
from imbseg.page.content import Chapter, Page, Section
from imbseg.page.html import html
from imbseg.page.latex import latex, tabular
from imbseg.page.markdown import markdown
from imbseg.page.terminal import show_page
from imbseg.predict.kept import Predict
from imbseg.report.evidence import Evidence, Given, evidence_of
from imbseg.report.frames import Frames, rows_of, write_csv
from imbseg.report.questions import answer, run, sections, tables
from imbseg.runs.apart import doubts, groups_apart
from imbseg.runs.collect import MARKERS, Run
from imbseg.runs.strategies import Results, arrange
from imbseg.statistics.claims import MARGIN

RENDERED: Mapping[str, Callable[[Page], str]] = {"report.html": html, "report.md": markdown, "report.tex": latex}


def report(
    runs: Sequence[Run],
    root: Path,
    out: Path,
    baseline: str | None,
    *,
    predict: Predict | None = None,
    counts: Path | None = None,
    background: str | None = None,
    margin: float = MARGIN,
) -> Results:
    """Write tables (CSV), the page and the figures into a folder, made where it is missing, and print the page.

    Args:
        runs: what `collect` or `read_trials` gave of `root`.
        baseline: see `arrange`.
        predict, counts, background, margin: see `Given`.

    Raises:
        InputError: no runs, none finished, an unknown baseline, runs that counted different images, `counts` can't be
            used, or `out` can't be written.
    """
    results = arrange(runs, root, baseline)
    evidence = evidence_of(results, Given(predict, counts, background, margin))
    frames = all_frames(evidence)
    if held := sorted(name for name in MARKERS if (out / name).exists()):
        raise InputError(f"--out {out}: is a run folder (it holds {held[0]}); name another folder for the report")
    with draft(out, "examples") as folder:
        for name, table in frames.items():
            write_csv(folder / name, table)
        made = page(evidence, frames, folder)
        for name, render in RENDERED.items():
            write_text(folder / name, render(made))
        files = [*RENDERED, *frames, *_latex(evidence, made, folder)]
        files += [one.file for part in made.parts for one in part.drawings]
    show_page(made)
    print(f"written to {out}: {', '.join(files)}; figures as SVG too\nread it: {out / 'report.html'}")
    return results


def page(evidence: Sequence[Evidence], frames: Frames, folder: Path) -> Page:
    """Put the page together of every group's evidence and every table, and write its figures into a folder."""
    results = evidence[0].results
    warnings = [*filter(None, [groups_apart(results.groups)])]
    warnings += [line for group in results.groups for line in doubts(group)]
    trials = frames[run.TRIALS]
    last = (run.of_left_out(trials[trials["group"] == ""]), Section("glossary", "Glossary", terms=glossary()))
    placed = [dataclasses.replace(one, folder=folder) for one in evidence]
    chapters = tuple(_chapter(one, rows_of(frames, one.group)) for one in placed)
    return Page(f"What improved which class: {results.root.resolve().name}", warnings, chapters, last)


def _chapter(evidence: Evidence, frames: Frames) -> Chapter:
    parts = [section(evidence, frames) for section in sections()]
    told, labels = answer.answer(evidence, frames), tuple(one.label for one in evidence.group.strategies)
    return Chapter(evidence.group.name, told.lines, answer.tiles(evidence, frames), labels, parts)


def all_frames(evidence: Sequence[Evidence]) -> Frames:
    """Make every table; one that has no row is left out. A column `group` names each row's group."""
    frames: dict[str, pd.DataFrame] = {}
    for name, make in tables().items():
        rows: list[Mapping[Hashable, Any]] = []
        for one in evidence:
            rows += make(one).assign(group=one.group.name).to_dict("records")
        frames[name] = pd.DataFrame(rows)
    left_out = run.left_out(evidence[0].results, evidence[0].scores)
    frames[run.TRIALS] = pd.concat([frames[run.TRIALS], left_out], ignore_index=True)
    return {name: frame for name, frame in frames.items() if len(frame)}


def _latex(evidence: Sequence[Evidence], made: Page, folder: Path) -> list[str]:
    """The headline table of each group, for a paper."""
    names = []
    for one, chapter in zip(evidence, made.chapters, strict=True):
        names.append(f"strategies{one.ending}.tex")
        tables = chapter.sections[0].shown
        write_text(folder / names[-1], "".join(f"{tabular(table, best=True)}\n" for table in tables[:1]))
    return names
