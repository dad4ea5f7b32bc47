"""Everything a report consists of, written to one folder and said on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imbseg.files import write_text
from imbseg.report import comparisons, correlations, tables
from imbseg.report.answer import answer_of
from imbseg.report.apart import doubts, groups_apart
from imbseg.report.document import document, left_out
from imbseg.report.example_store import Predict
from imbseg.report.examples import Examples, examples
from imbseg.report.figures import of_group as drawn
from imbseg.report.frames import Frames, Notes, all_frames, image_frames, of_group
from imbseg.report.latex import latex
from imbseg.report.page import render
from imbseg.report.page.assemble import page
from imbseg.report.publish import draft
from imbseg.report.words import METHOD, sentences
from imbseg.runs.collect import Run
from imbseg.runs.strategies import Group, Results, arrange

SAID = 14  # sentences of one group on the screen; report.md has all


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
    """Write tables (CSV), report.md and the figures, and print the answer.

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
    frames = all_frames(results)
    more, notes = image_frames(results, counts, background)
    frames |= more
    with draft(out) as aside:
        files = _write(results, frames, notes, aside, predict)
    _say(results, frames, notes)
    if counts is not None:
        tables.show(correlations.as_text(frames["correlations.csv"]), "a class's statistics and its IoU, correlated")
    print(f"written to {out}: {', '.join(files)}; figures as SVG too\nread it: {out / 'report.html'}")
    return results


def _write(results: Results, frames: Frames, notes: Notes, folder: Path, predict: Predict | None) -> list[str]:
    """Write every file of a report into an empty folder; their names, pictures by their PNG."""
    for name, table in frames.items():
        tables.write_csv(folder / name, table)
    shown = _examples(results, frames, folder, predict)
    render.write(page(results, frames, shown, notes), folder / "report.html")
    figures = _figures(results, frames, folder)
    write_text(folder / "report.md", document(results, frames, figures, shown, notes))
    pictures = [name for names in figures.values() for name in names.values()]
    pictures += [one.file for one in shown.values() if one.file]
    return ["report.html", "report.md", *frames, *_latex(results, folder), *pictures]


def _endings(results: Results) -> list[tuple[Group, str]]:
    """The groups, each with what tells its files apart from the others'; nothing where there is one."""
    several = len(results.groups) > 1
    return [(group, f"-{place}" if several else "") for place, group in enumerate(results.groups, 1)]


def _latex(results: Results, folder: Path) -> list[str]:
    """A table for a paper of each group."""
    names = []
    for group, ending in _endings(results):
        names.append(f"strategies{ending}.tex")
        write_text(folder / names[-1], latex(group))
    return names


def _figures(results: Results, frames: Frames, folder: Path) -> dict[str, dict[str, str]]:
    """Draw each group's figures: group -> what is drawn -> file."""
    found: dict[str, dict[str, str]] = {}
    for group, ending in _endings(results):
        canvases = drawn.figures(group, frames, answer_of(group, frames).best)
        found[group.name] = {what: f"{what}{ending}.png" for what in canvases}
        for what, canvas in canvases.items():
            canvas.write(folder / found[group.name][what])
    return found


def _examples(results: Results, frames: Frames, folder: Path, predict: Predict | None) -> dict[str, Examples]:
    """Each group's example images."""
    return {
        group.name: examples(group, predict, folder, name=f"examples{ending}", strategy=answer_of(group, frames).best)
        for group, ending in _endings(results)
        if predict is not None and group.others
    }


def _say(results: Results, frames: Frames, notes: Notes) -> None:
    tables.show(tables.short_trials(results), f"trials in {results.root}")
    if results.left_out:
        tables.show(left_out(results), "left out of every average")
    if (apart := groups_apart(results.groups)) is not None:
        print(f"{apart}\n")
    for group in results.groups:
        tables.show(tables.overview(group, 3), f"{group.name}: mean ± standard deviation over seeds")
        if group.others:
            compared = comparisons.headlines(of_group(frames, "comparisons.csv", group))
            tables.show(compared, f"{group.name}: against {group.baseline.label}, test images")
    for group in results.groups:
        print("\n".join(answer_of(group, frames).lines), end="\n\n")
        lines = sentences(group)
        more = [f"... and {len(lines) - SAID} more lines in report.md"] if len(lines) > SAID else []
        print("\n".join([*lines[:SAID], *more, *doubts(group)]), end="\n\n")
    for group in results.groups:
        for line in filter(None, notes[group.name].values()):
            print(line)
    if any(group.others for group in results.groups):
        print(METHOD)
