"""report.md: what a pull request shows, the answer first."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from imbseg.report import comparisons, tables
from imbseg.report.answer import answer_of
from imbseg.report.apart import doubts, groups_apart
from imbseg.report.examples import Examples
from imbseg.report.figures.of_group import WHAT
from imbseg.report.frames import Frames, Notes, of_group
from imbseg.report.words import METHOD, sentences
from imbseg.runs.strategies import Group, Results


def document(
    results: Results,
    frames: Frames,
    figures: Mapping[str, Mapping[str, str]],
    shown: Mapping[str, Examples],
    notes: Notes,
) -> str:
    """report.md: the answer first, then the tables.

    Args:
        results: what is told.
        frames: of `all_frames`.
        figures: group -> what is drawn (see WHAT) -> file name.
        shown: group -> its example images.
        notes: of `image_frames`.
    """
    parts = [f"# Results of {tables.escape(results.root.resolve().name)}\n"]
    if (apart := groups_apart(results.groups)) is not None:
        parts.append(f"{tables.escape(apart)}.\n")
    for group in results.groups:
        parts += _group_parts(group, frames, figures.get(group.name, {}))
        parts += [f"{tables.escape(line)}\n" for line in notes[group.name].values() if line]
        parts += _examples(shown.get(group.name))
    counted = frames["results.csv"]
    parts += ["## Every trial\n", tables.markdown(counted[counted["reason"] == ""].drop(columns=["reason"]))]
    if results.left_out:
        parts += ["## Left out of every average\n", tables.markdown(left_out(results))]
    return "\n".join(parts)


def _group_parts(group: Group, frames: Frames, figures: Mapping[str, str]) -> list[str]:
    said = [tables.escape(line) if not line.startswith("- ") else f"- {tables.escape(line[2:])}" for line in
            sentences(group)]  # fmt: skip
    told = answer_of(group, frames)
    first = [f"**{tables.escape(told.lines[0])}**\n", *(f"{tables.escape(line)}\n" for line in told.lines[1:])]
    parts = [
        f"## {tables.escape(group.name)}\n",
        *first,
        *(line if line.startswith("- ") else f"{line}\n" for line in said),
    ]
    parts += [f"\n{tables.escape(doubt)}\n" for doubt in doubts(group)]
    parts += [
        f"\n{METHOD}\n" if group.others else "",
        *(f"![{WHAT[what]}]({name})\n" for what, name in figures.items()),
    ]
    parts += ["Mean ± standard deviation over the seeds.\n", tables.markdown(tables.overview(group))]
    if group.others:
        compared = comparisons.headlines(of_group(frames, "comparisons.csv", group))
        parts += ["Against the baseline, test images:\n", tables.markdown(compared)]
        ranks = comparisons.rank_sum_square(group.strategies, of_group(frames, "rank_sums.csv", group))
        parts += [f"{comparisons.METHOD}\n", "Wilcoxon's rank-sum of mIoU between strategies, two-sided p:\n"]
        parts += [tables.markdown(comparisons.as_text(ranks))]
    for subset in tables.SUBSETS:
        parts += [f"IoU a class, {tables.WORDS[subset]} images:\n", tables.markdown(tables.class_table(group, subset))]
    return parts


def _examples(shown: Examples | None) -> list[str]:
    if shown is None:
        return []
    if not shown.rows:
        return [f"{tables.escape(shown.said)}\n"]
    doubts = [f"{tables.escape(line)}\n" for line in shown.doubts]
    return [f"{tables.escape(shown.title)}\n", *doubts, f"![Images that gained and lost most]({shown.file})\n"]


def left_out(results: Results) -> pd.DataFrame:
    """Runs that stand in no average, each with its reason."""
    return pd.DataFrame([{"trial": run.name, "status": run.status, "reason": run.reason} for run in results.left_out])
