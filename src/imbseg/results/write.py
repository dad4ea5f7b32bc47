"""Everything a report consists of, written to one folder and said on the screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from imbseg.files import writable_folder, write_text
from imbseg.results import comparisons, tables
from imbseg.results.apart import groups_apart, mixed_versions
from imbseg.results.collect import Run
from imbseg.results.figures import draw
from imbseg.results.frames import all_frames
from imbseg.results.page.assemble import page, write_page
from imbseg.results.strategies import Group, Results, arrange
from imbseg.results.words import METHOD, sentences

SAID = 14  # sentences of one group on the screen; report.md has all


def report(runs: Sequence[Run], root: Path, out: Path, baseline: str | None) -> Results:
    """Write tables (CSV), report.md and the figures, and print the answer.

    Args:
        runs: what `collect` or `read_trials` gave.
        root: where they lie.
        out: the folder that is written; made where it is missing.
        baseline: see `arrange`.

    Raises:
        InputError: no runs, none finished, an unknown baseline, or `out` can't be written.
    """
    results = arrange(runs, root, baseline)
    folder = writable_folder(out)
    written = all_frames(results)
    for name, table in written.items():
        tables.write_csv(folder / name, table)
    write_page(page(results, written, {}), folder)
    figures = _figures(results, folder)
    write_text(folder / "report.md", document(results, figures))
    _say(results)
    files = ["report.html", "report.md", *written, *figures.values()]
    print(f"written to {folder}: {', '.join(files)}\nread it: {folder / 'report.html'}")
    return results


def document(results: Results, figures: dict[str, str]) -> str:
    """report.md: the answer first, then the tables.

    Args:
        results: what is told.
        figures: group -> file name of its figure.
    """
    parts = [f"# Results of {tables.escape(results.root.resolve().name)}\n"]
    if (apart := groups_apart(results.groups)) is not None:
        parts.append(f"{tables.escape(apart)}.\n")
    for group in results.groups:
        parts += _group_parts(group, figures.get(group.name))
    counted = tables.trials_table(results)
    parts += ["## Every trial\n", tables.markdown(counted[counted["reason"] == ""].drop(columns=["reason"]))]
    if results.left_out:
        parts += ["## Left out of every average\n", tables.markdown(_left_out(results))]
    return "\n".join(parts)


def _group_parts(group: Group, figure: str | None) -> list[str]:
    said = [tables.escape(line) if not line.startswith("- ") else f"- {tables.escape(line[2:])}" for line in
            sentences(group)]  # fmt: skip
    parts = [f"## {tables.escape(group.name)}\n", *(line if line.startswith("- ") else f"{line}\n" for line in said)]
    if (doubt := mixed_versions(group)) is not None:
        parts.append(f"\n{tables.escape(doubt)}\n")
    parts += [f"\n{METHOD}\n" if group.others else "", f"![Gain a class]({figure})\n" if figure else ""]
    parts += ["Mean ± standard deviation over the seeds.\n", tables.markdown(tables.overview(group))]
    if group.others:
        parts += ["Against the baseline, test images:\n", tables.markdown(comparisons.headlines(group))]
        parts += [f"{comparisons.METHOD}\n", "Wilcoxon's rank-sum of mIoU between strategies, two-sided p:\n"]
        parts += [tables.markdown(comparisons.as_text(comparisons.rank_sums(group.strategies)))]
    for subset in tables.SUBSETS:
        parts += [f"IoU a class, {tables.WORDS[subset]} images:\n", tables.markdown(tables.class_table(group, subset))]
    return parts


def _figures(results: Results, folder: Path) -> dict[str, str]:
    """Draw each group's figure; what an earlier report drew and this one doesn't is gone."""
    for stale in (folder / "gains.png", *folder.glob("gains-[0-9]*.png")):
        stale.unlink(missing_ok=True)
    several = len(results.groups) > 1
    named = {group.name: f"gains-{place}.png" if several else "gains.png" for place, group in
             enumerate(results.groups, 1)}  # fmt: skip
    return {group.name: named[group.name] for group in results.groups if draw(group, folder / named[group.name])}


def _say(results: Results) -> None:
    tables.show(tables.short_trials(results), f"trials in {results.root}")
    if results.left_out:
        tables.show(_left_out(results), "left out of every average")
    if (apart := groups_apart(results.groups)) is not None:
        print(f"{apart}\n")
    for group in results.groups:
        tables.show(tables.overview(group, 3), f"{group.name}: mean ± standard deviation over seeds")
        if group.others:
            tables.show(comparisons.headlines(group), f"{group.name}: against {group.baseline.label}, test images")
    for group in results.groups:
        lines = sentences(group)
        more = [f"... and {len(lines) - SAID} more lines in report.md"] if len(lines) > SAID else []
        print("\n".join([*lines[:SAID], *more, *filter(None, [mixed_versions(group)])]), end="\n\n")
    if any(group.others for group in results.groups):
        print(METHOD)


def _left_out(results: Results) -> pd.DataFrame:
    return pd.DataFrame([{"trial": run.name, "status": run.status, "reason": run.reason} for run in results.left_out])
