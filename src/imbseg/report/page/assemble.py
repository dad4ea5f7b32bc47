"""A report's tables -> the content of its page: the answer, then what a person asks next, in that order."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from imbseg.report.answer import Answer, answer_of
from imbseg.report.apart import doubts, groups_apart
from imbseg.report.class_answer import tail_classes
from imbseg.report.class_order import ClassOrder, class_order
from imbseg.report.examples import Examples
from imbseg.report.figures import of_group as drawn
from imbseg.report.figures.overview import plane
from imbseg.report.frames import Frames, Notes, of_group, records, trials_of
from imbseg.report.page import gallery
from imbseg.report.page.content import Chapter, Chart, Column, Page, Section, Table, Tile
from imbseg.report.page.full import DIFFERENCE, P, correlated, run, statistics
from imbseg.report.page.reasons import why
from imbseg.report.say import signed, span
from imbseg.report.settings import hours
from imbseg.report.tables import WORDS
from imbseg.runs.collect import CORRECTED, SCORES
from imbseg.runs.strategies import Group, Results
from imbseg.statistics.difference import SIGNIFICANT


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
    told, order = answer_of(group, frames), class_order(group)
    sections = [
        _strategies(group, frames),
        _moved_prior(group, frames),
        _classes(group, frames, order),
        _plane(group, frames),
        _curves(group, frames),
        _one_change(group, frames),
        *why(group, frames, told.best, order),
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
    for score in dict.fromkeys((told.score, "head", "mIoU") if told.best else ()):
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
    named = (Column("label", "strategy"), Column("seeds", "seeds"))
    tables = []
    for scores, subsets, what, folded in (
        (SCORES, ("test",), "IoU on the test images, mean ± standard deviation over the seeds", False),
        (SCORES, ("val",), "The same on the validation images", True),
        (CORRECTED, ("test", "val"), "Decoded anew after training: by the prior moved back, and by expected IoU", True),
    ):
        columns = tuple(
            Column(name, f"{WORDS[subset]} {score}", 3, spread=f"{subset}/{score} std")
            for subset in subsets for score in scores if _told(frame, name := f"{subset}/{score} mean")
        )  # fmt: skip
        if columns:
            tables.append(Table(what, "strategies.csv", frame, (*named, *columns), by="label", folded=folded))
    tail = tail_classes(group)
    said = (f"The tail: {', '.join(tail)}.",) if tail else ()
    return Section("strategies", "Strategies", said, tables=tuple(tables))


def _told(frame: pd.DataFrame, name: str) -> bool:
    return name in frame and bool(frame[name].astype(str).ne("").any())


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
    said = ("A network learns how frequent each class is, and leans toward the frequent ones: its prior. Taking that "
            "back when it predicts (logits - beta log(prior), beta chosen on validation images) costs no training, and "
            "gives the baseline what stands under 'the prior alone'. The last column compares both networks after that "
            "correction: what is left there needed the training.",)  # fmt: skip
    table = Table("Every gain as trained, and with each side's best prior",
                  "moved_prior.csv", frame, columns, by="strategy")  # fmt: skip
    return Section("prior", "How much of it is a moved prior", said, tables=(table,))


def _classes(group: Group, frames: Frames, order: ClassOrder) -> Section:
    compared = of_group(frames, "comparisons.csv", group)
    charts = [Chart(canvas.svg(), label, "comparisons.csv", label)
              for label, canvas in drawn.gain_panels(group, frames, order)]  # fmt: skip
    of_classes = compared[compared["score"].str.startswith("IoU/")] if len(compared) else compared
    columns = (Column("strategy", "strategy"), Column("score", "class"), DIFFERENCE, Column("seeds", "seeds", 0),
               Column("p_t", "p (t)", P), Column("p_t_holm", "p, Holm over the classes", P),
               Column("detectable", "could have shown", 3))  # fmt: skip
    table = Table("Gain of every class", "comparisons.csv", of_classes, columns, by="strategy", folded=True)
    said = _told_of_classes(group, of_classes, order) if charts else ()
    return Section("classes", "What each strategy did to each class", said,
                   tuple(charts), (table,) if len(of_classes) else ())  # fmt: skip


def _told_of_classes(group: Group, of_classes: pd.DataFrame, order: ClassOrder) -> tuple[str, ...]:
    """How the dots are to be read, and how many of them chance alone would mark."""
    first = f"Test IoU minus that of {group.baseline.label}; classes {order.words}."
    tested = of_classes[of_classes["low"].notna()]
    if tested.empty:
        return (f"{first} One seed a strategy: no interval, so no dot is marked as more than chance.",)
    alone = int(((tested["low"] > 0) | (tested["high"] < 0)).sum())
    stand = int((tested["p_t_holm"] < SIGNIFICANT).sum())
    return (
        f"{first} Filled: stands after correction over the classes of its strategy (Holm); ring: its interval alone "
        f"leaves 0 out; grey: within noise.",
        f"Of {len(tested)} intervals about {max(1, round(0.05 * len(tested)))} leave 0 out by chance; {alone} do, "
        f"{stand} stand after correction.",
    )


def _plane(group: Group, frames: Frames) -> Section:
    trials = trials_of(frames, group)
    labels = [one.label for one in group.strategies]
    canvas = plane(trials, of_group(frames, "strategies.csv", group), labels)
    charts = [] if canvas is None else [Chart(canvas.svg(), "Head against tail", "results.csv")]
    said = (
        "Up is good for the rare classes, right is good for the others. Large: mean of a strategy; small: its seeds.",
    )
    return Section("plane", "Head against tail", said if charts else (), tuple(charts))


def _curves(group: Group, frames: Frames) -> Section:
    charts = [Chart(canvas.svg(), f"Validation {score}", "learning_curves.csv")
              for score, canvas in drawn.curve_panels(group, frames)]  # fmt: skip
    said = ("Validation scores epoch by epoch: bold the mean of the seeds, thin each trial.",)
    return Section("curves", "Learning curves", said if charts else (), tuple(charts))


def _one_change(group: Group, frames: Frames) -> Section:
    frame = of_group(frames, "one_change.csv", group)
    if not len(frame):
        return Section("changes", "One change at a time")
    columns = (Column("axis", "what changes"), Column("from", "from"), Column("to", "to"),
               Column("instead_of", "all else as in"), Column("score", "score"), DIFFERENCE,
               Column("seeds", "seeds", 0), Column("p_t_holm", "p (t), Holm", P),
               Column("detectable", "could have shown", 3))  # fmt: skip
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
