"""Everything a report consists of, written to one folder and said on the screen."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from imbseg.files import write_text
from imbseg.report.assemble import page
from imbseg.report.evidence import Evidence, Given, evidence_of
from imbseg.report.example_store import Predict
from imbseg.report.frames import Frames, write_csv
from imbseg.report.page.content import Page
from imbseg.report.page.html import html
from imbseg.report.page.latex import latex, tabular
from imbseg.report.page.markdown import markdown
from imbseg.report.page.terminal import show_page
from imbseg.report.publish import draft
from imbseg.report.questions import TABLES, run
from imbseg.runs.collect import Run
from imbseg.runs.strategies import Results, arrange

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
) -> Results:
    """Write tables (CSV), the page and the figures, and print the page.

    Args:
        runs: what `collect` or `read_trials` gave.
        root: where they lie.
        out: the folder that is written; made where it is missing.
        baseline: see `arrange`.
        predict: predicts images of a run again, for the examples; None: no pictures.
        counts: pixels of each train image, whose classes' statistics IoU is correlated with; None: the runs' meta.
        background: the class that correlations leave out; None: what the data set declares.

    Raises:
        InputError: no runs, none finished, an unknown baseline, runs that counted different images, `counts` can't be
            used, or `out` can't be written.
    """
    results = arrange(runs, root, baseline)
    evidence = evidence_of(results, Given(predict, counts, background))
    frames = all_frames(evidence)
    with draft(out) as folder:
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


def all_frames(evidence: Sequence[Evidence]) -> Frames:
    """Make every table; one that has no row is left out. A column `group` names each row's group."""
    frames: dict[str, pd.DataFrame] = {}
    for name, make in TABLES.items():
        rows: list[Mapping[Hashable, Any]] = []
        for one in evidence:
            rows += make(one).assign(group=one.group.name).to_dict("records")
        frames[name] = pd.DataFrame(rows)
    left_out = run.left_out(evidence[0].results, evidence[0].scores)
    frames[run.TRIALS] = (
        pd.concat([frames[run.TRIALS], left_out], ignore_index=True) if len(left_out) else frames[run.TRIALS]
    )
    return {name: frame for name, frame in frames.items() if len(frame)}


def _latex(evidence: Sequence[Evidence], made: Page, folder: Path) -> list[str]:
    """The headline table of each group, for a paper."""
    names = []
    for one, chapter in zip(evidence, made.chapters, strict=True):
        names.append(f"strategies{one.ending}.tex")
        tables = next(part.tables for part in chapter.sections if part.key == "strategies")
        write_text(folder / names[-1], "".join(f"{tabular(table, best=True)}\n" for table in tables[:1]))
    return names
