"""What each strategy did to each class, and how many of these differences chance alone would mark."""

import itertools
from collections.abc import Sequence

import pandas as pd

from imbseg.canvas import Canvas
from imbseg.page.columns import columns
from imbseg.page.content import Chart, Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, with_score
from imbseg.report.gains import MOST, Singles, gains
from imbseg.report.questions import strategies
from imbseg.runs.class_order import ClassOrder, class_order
from imbseg.runs.collect import SCORES, SUBSETS, score_names
from imbseg.runs.strategies import Group, differences
from imbseg.statistics.difference import SIGNIFICANT

FILE = "comparisons.csv"
BESIDE = 5  # strategies beside each other in a table of classes
CLASSES = 200  # of a figure


def order(evidence: Evidence) -> ClassOrder:
    """The order of the classes in figures and tables."""
    return class_order(evidence.group)


def figure(evidence: Evidence, frames: Frames) -> Canvas | None:
    """The gain of every strategy on every class; of many strategies those with the largest."""
    ranked, group = _ranked(frames[FILE]), evidence.group
    shown = [one.label for one in group.others if one.label in ranked[:MOST]]
    lines = [group.name, f"test IoU minus that of {group.baseline.label}; large: mean and 95 % interval, small: seeds"]
    lines += ["filled: significant after Holm correction; ring: its interval alone excludes 0; grey: neither"]
    lines += [f"classes {evidence.once(order).words}"]
    lines += [f"{MOST} of {len(ranked)} strategies: the largest gains"] * (len(ranked) > MOST)
    lines += [_fewer(group)] * (len(group.classes) > CLASSES)
    return _drawn(evidence, frames, shown, "\n".join(lines))


def panels(evidence: Evidence, frames: Frames) -> list[tuple[str, Canvas]]:
    """(strategy, its part of the figure), the largest gain first."""
    drawn = [(label, _drawn(evidence, frames, [label])) for label in _ranked(frames[FILE])]
    return [(label, canvas) for label, canvas in drawn if canvas is not None]


def _ranked(compared: pd.DataFrame) -> list[str]:
    """Strategies by their gain on the tail (mIoU where there is none), the largest first."""
    rows = with_score(compared, "tail") or with_score(compared, "mIoU")
    return [str(row["strategy"]) for row in sorted(rows, key=lambda row: -row["mean"])]


def _drawn(evidence: Evidence, frames: Frames, shown: Sequence[str], title: str = "") -> Canvas | None:
    group, classes = evidence.group, evidence.once(order)
    names = {score: score for score in SCORES if any(one.values("test", score) for one in group.strategies)}
    for index in _largest(evidence, frames[FILE], shown):
        share = "" if classes.shares is None else f" ({100 * classes.shares[index]:.2g} %)"
        names[f"IoU/{group.classes[index]}"] = " ".join(group.classes[index].split()) + share
    return gains(frames[FILE], names, evidence.once(_singles), strategies=shown, title=title)


def _singles(evidence: Evidence) -> Singles:
    """The gain of each seed: every panel takes them all, since all share one axis."""
    group = evidence.group
    keys = itertools.product(group.others, score_names(group.classes))
    return {(one.label, score): list(differences(one, group.baseline, "test", score).values()) for one, score in keys}


def _largest(evidence: Evidence, compared: pd.DataFrame, shown: Sequence[str]) -> list[int]:
    """The classes of a figure, in their order: all, or those with the largest differences either way."""
    places, names = evidence.once(order).places, evidence.group.classes
    if len(places) <= CLASSES or compared.empty:
        return places
    own = compared[compared["strategy"].isin(list(shown))]
    size = own.assign(size=own["mean"].abs()).groupby("score")["size"].max()
    kept = set(sorted(places, key=lambda place: -float(size.get(f"IoU/{names[place]}", 0.0)))[:CLASSES])
    return [place for place in places if place in kept]


def _fewer(group: Group) -> str:
    return f"{CLASSES} of {len(group.classes):,} classes: the largest differences either way"


def section(evidence: Evidence, frames: Frames) -> Section:
    """A panel a strategy, every difference, and the levels of every class."""
    compared = frames[FILE]
    own = compared[compared["score"].str.startswith("IoU/")] if len(compared) else compared
    charts = [Chart(canvas.svg(), label, FILE, label) for label, canvas in panels(evidence, frames)]
    shown = columns("strategy", "score.class", "after", "mean", "seeds", "p_t", "p_t_holm", "detectable")
    tables = [Table("Difference of every class", FILE, own, shown, folded=True), *_levels(evidence, frames)]
    drawn = evidence.draw("gains", "Gain a class", figure(evidence, frames))
    said = _said(evidence, own) if charts else ()
    return Section("classes", "What each strategy did to each class", said, charts, tables, drawings=drawn)


def _said(evidence: Evidence, own: pd.DataFrame) -> tuple[str, ...]:
    """How the dots are to be read, and how many of them chance alone would mark."""
    first = f"Test IoU minus that of {evidence.group.baseline.label}; classes {evidence.once(order).words}."
    if len(evidence.group.classes) > CLASSES:
        first += f" The figure has {_fewer(evidence.group)} of each strategy."
    tested = own[own["low"].notna()]
    if tested.empty:
        return (f"{first} One seed a strategy: no interval, so no dot is marked.",)
    alone = int(((tested["low"] > 0) | (tested["high"] < 0)).sum())
    significant = int((tested["p_t_holm"] < SIGNIFICANT).sum())
    return (
        f"{first} Filled: significant after Holm correction over the classes of its strategy. Ring: the interval alone "
        f"excludes 0. Grey: the interval includes 0.",
        f"{alone} of {len(tested)} intervals exclude 0, where {expected(len(tested))} by chance; "
        f"{significant} {'is' if significant == 1 else 'are'} significant after Holm correction.",
    )


def expected(intervals: int) -> str:
    """How many of some intervals exclude 0 where nothing has an effect: one in twenty.

    >>> expected(7), expected(20), expected(150)
    ('about 0.35 are expected', 'about 1 is expected', 'about 7.5 are expected')
    """
    number = f"{SIGNIFICANT * intervals:.2g}"
    return f"about {number} {'is' if number == '1' else 'are'} expected"


def _levels(evidence: Evidence, frames: Frames) -> list[Table]:
    """IoU of every class, a column a strategy; of many strategies a table each few."""
    frame, tables = frames[strategies.FILE], []
    classes = [evidence.group.classes[place] for place in evidence.once(order).places]
    names = {f"IoU/{name}": name for name in classes}
    for subset in SUBSETS:
        scores = tuple(score for score in names if frame[f"{subset}/{score} mean"].ne("").any())
        shown = (*columns("label.class"), *strategies.levels(scores, subset, names))
        for start in range(0, len(frame) if scores else 0, BESIDE):
            more = f", strategies from {start + 1}" if len(frame) > BESIDE else ""
            what = f"IoU of every class, {strategies.WORDS[subset]} images, mean ± standard deviation{more}"
            part = frame.iloc[start : start + BESIDE]
            tables.append(Table(what, strategies.FILE, part, shown, by="label", folded=True, turned=True))
    return tables
