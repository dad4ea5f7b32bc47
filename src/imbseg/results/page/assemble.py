"""A report's tables -> the content of its page: the answer, then what a person asks next, in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from imbseg.results.answer import Answer, answer_of, signed, span
from imbseg.results.apart import doubts, groups_apart
from imbseg.results.collect import CORRECTED, SCORES
from imbseg.results.examples import Examples
from imbseg.results.figures import class_order
from imbseg.results.frames import Frames, Notes, of_group, records
from imbseg.results.page import dots, gallery, lines, plane
from imbseg.results.page.content import Chapter, Column, Page, Section, Table, Tile
from imbseg.results.page.full import DIFFERENCE, P, correlated, run, statistics
from imbseg.results.page.reasons import why
from imbseg.results.settings import hours
from imbseg.results.strategies import Group, Results


def page(results: Results, frames: Frames, shown: Mapping[str, Examples], notes: Notes) -> Page:
    """Put the page together.

    Args:
        results: what is told.
        frames: of `all_frames`.
        notes: of `image_frames`.
        shown: group's name -> its examples; none of a group that nobody asked pictures of.
    """
    title = f"What fixed which class: {results.root.resolve().name}"
    apart = groups_apart(results.groups)
    doubtful = [line for group in results.groups for line in doubts(group)]
    chapters = [_chapter(group, frames, shown.get(group.name), notes[group.name]) for group in results.groups]
    warnings = tuple(f"{line}." if line is apart else line for line in (apart, *doubtful) if line)
    return Page(title, warnings, tuple(chapters), _of_all(results, frames))


def _chapter(group: Group, frames: Frames, shown: Examples | None, notes: Mapping[str, str]) -> Chapter:
    told = answer_of(group, frames)
    sections = [
        _strategies(group, frames),
        _moved_prior(group, frames),
        _classes(group, frames),
        _plane(group, frames),
        _curves(group, frames),
        _one_change(group, frames),
        *why(group, frames, told.best),
        gallery.section(shown),
        correlated(group, frames, notes["correlations.csv"]),
        statistics(group, frames, notes["image_intervals.csv"]),
        run(group, frames),
    ]  # fmt: skip
    labels = tuple(one.label for one in group.strategies)
    return Chapter(group.name, told.lines, _tiles(group, frames, told), labels, tuple(sections))


def _tiles(group: Group, frames: Frames, told: Answer) -> tuple[Tile, ...]:
    """The answer's numbers, large."""
    compared = of_group(frames, "comparisons.csv", group)
    tiles = []
    for score in dict.fromkeys((told.score, "head", "mIoU")):
        if not told.best:
            break
        found = compared[(compared["strategy"] == told.best) & (compared["score"] == score)]
        for _, row in records(found)[:1]:
            sure = row["low"] > 0 or row["high"] < 0
            tone = ("up" if row["mean"] > 0 else "down") if sure else ""
            extent = span(row).partition(" ")[2]
            tiles.append(Tile(signed(row["mean"]), f"{score}, {told.best} {extent}".strip(), tone))
    trials = sum(len(one.runs) for one in group.strategies)
    several = max(len(one.runs) for one in group.strategies)
    tiles.append(Tile(str(trials), f"trials of {len(group.strategies)} strategies, up to {several} "
                                   f"seed{'s' if several > 1 else ''} each"))  # fmt: skip
    spent, telling = hours(group)
    if telling:
        which = "all trials" if telling == trials else f"{telling} of {trials} trials"
        tiles.append(Tile(f"{spent:.1f} h", f"of training and validation, {which} together"))
    return tuple(tiles)


def _strategies(group: Group, frames: Frames) -> Section:
    frame = of_group(frames, "strategies.csv", group)
    columns = [Column("label", "strategy"), Column("seeds", "seeds")]
    for subset, word in (("test", "test"), ("val", "validation")):
        for score in (*SCORES, *CORRECTED):
            name = f"{subset}/{score} mean"
            if name in frame and frame[name].astype(str).ne("").any():
                columns.append(Column(name, f"{word} {score}", 3, spread=f"{subset}/{score} std"))
    table = Table("IoU, mean ± standard deviation over the seeds; a click on a heading sorts", "strategies.csv",
                  frame, tuple(columns), by="label")  # fmt: skip
    note = ("prior/ and rank/: the same networks decoded anew after training, with the prior moved back (its strength "
            "chosen on validation images) and by expected IoU.")  # fmt: skip
    corrected = any("/" in column.title for column in columns)
    return Section("strategies", "Strategies", tables=(table,), notes=(note,) if corrected else ())


def _moved_prior(group: Group, frames: Frames) -> Section:
    frame = of_group(frames, "moved_prior.csv", group)
    if not len(frame):
        return Section("prior", "How much of it is a moved prior")
    columns = (
        Column("strategy", "strategy"), Column("score", "score"),
        Column("gain", "gain as trained", 3, low="low", high="high", signed=True),
        Column("prior_alone", "the prior alone", 3, signed=True), Column("share", "its part", 0, percent=True),
        Column("both", "gain, both with their best prior", 3, low="both_low", high="both_high", signed=True),
        Column("seeds", "seeds", 0),
    )  # fmt: skip
    said = ("A remedy that only moves the prior gives what the baseline gets for nothing, by decoding its own logits "
            "minus beta log(prior); what is left with both sides so decoded is more than that.",)  # fmt: skip
    table = Table("Every gain as trained, and with each side's best prior (beta chosen on validation images)",
                  "moved_prior.csv", frame, columns, by="strategy")  # fmt: skip
    return Section("prior", "How much of it is a moved prior", said, tables=(table,))


def _classes(group: Group, frames: Frames) -> Section:
    compared = of_group(frames, "comparisons.csv", group)
    order, shares = class_order(group)
    there = [score for score in SCORES if len(compared) and (compared["score"] == score).any()]
    names = [group.classes[index] for index in order]
    titles = {f"IoU/{name}": name for name in names}
    charts = dots.panels(compared, [*there, *titles], titles) if len(compared) else []
    of_classes = compared[compared["score"].str.startswith("IoU/")] if len(compared) else compared
    columns = (Column("strategy", "strategy"), Column("score", "class"), DIFFERENCE, Column("seeds", "seeds", 0),
               Column("p_t", "p (t)", P), Column("p_t_holm", "p, Holm over the classes", P),
               Column("detectable", "could have shown", 3))  # fmt: skip
    table = Table("Gain of every class", "comparisons.csv", of_classes, columns, by="strategy", folded=True)
    known = "classes from the most test pixels to the fewest" if shares is not None else "the rarest classes below"
    said = (f"Test IoU minus that of {group.baseline.label}; {known}. A filled dot: the interval over seeds leaves 0 "
            f"out; hollow: within noise.",)  # fmt: skip
    return Section("classes", "What each strategy did to each class", said if charts else (), tuple(charts),
                   (table,) if len(of_classes) else ())  # fmt: skip


def _plane(group: Group, frames: Frames) -> Section:
    key = {strategy.key: strategy.label for strategy in group.strategies}
    trials = of_group(frames, "results.csv", group)
    trials = trials.assign(label=trials["key"].map(key))
    labels = [one.label for one in group.strategies]
    charts = plane.chart(trials, of_group(frames, "strategies.csv", group), labels)
    said = (
        "Up is good for the rare classes, right is good for the others. Large: mean of a strategy; small: its seeds.",
    )
    return Section("plane", "Head against tail", said if charts else (), tuple(charts))


def _curves(group: Group, frames: Frames) -> Section:
    labels = [one.label for one in group.strategies]
    charts = lines.charts(of_group(frames, "learning_curves.csv", group), labels)
    said = ("Validation scores epoch by epoch: bold the mean of the seeds, thin each trial.",)
    return Section("curves", "Learning curves", said if charts else (), tuple(charts))


def _one_change(group: Group, frames: Frames) -> Section:
    frame = of_group(frames, "one_change.csv", group)
    if not len(frame):
        return Section("changes", "One change at a time")
    columns = (Column("axis", "what changes"), Column("from", "from"), Column("to", "to"),
               Column("instead_of", "in"), Column("score", "score"), DIFFERENCE, Column("seeds", "seeds", 0),
               Column("p_t_holm", "p (t), Holm", P), Column("detectable", "could have shown", 3))  # fmt: skip
    table = Table("Pairs of strategies that differ in one thing", "one_change.csv", frame, columns, by="strategy",
                  folded=len(frame) > 24)  # fmt: skip
    said = ("What a remedy adds to the others: every pair of strategies that differ in one setting, seed by seed.",)
    return Section("changes", "One change at a time", said, tables=(table,))


def _of_all(results: Results, frames: Frames) -> tuple[Section, ...]:
    if not results.left_out:
        return ()
    trials = frames["results.csv"]
    left_out: pd.DataFrame = trials[trials["group"] == ""]
    columns = (Column("trial", "trial"), Column("status", "status"), Column("reason", "reason"))
    table = Table("Unfinished, failed, broken and repeated trials, each with its reason", "results.csv", left_out,
                  columns)  # fmt: skip
    return (Section("left-out", "Left out of every average", tables=(table,)),)


def write_page(content: Page, folder: Path) -> Sequence[str]:
    """Write report.html; the names of what was written."""
    from imbseg.results.page.render import write

    write(content, folder / "report.html")
    return ["report.html"]
