"""What each strategy scores: mean and standard deviation over its seeds, and who was trained longer."""

from __future__ import annotations

import pandas as pd

from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.page.content import Column, Section, Table
from imbseg.report.say import number, seed_name
from imbseg.runs.collect import CORRECTED, SCORES, SUBSETS
from imbseg.runs.recorded import class_groups
from imbseg.runs.strategies import Group, Strategy
from imbseg.statistics.difference import spread

NARROW = ("head", "medium")  # scores that a narrow terminal does without
TABLES_OF = (
    (SCORES, ("test",), "IoU on the test images, mean ± standard deviation over the seeds", False),
    (SCORES, ("val",), "The same on the validation images", True),
    (CORRECTED, SUBSETS, "Post-hoc, without training: logit adjustment by the class prior, and expected IoU", True),
)  # fmt: skip


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a strategy: of every score the mean and the standard deviation over seeds, and how many had it."""
    rows = []
    for strategy in evidence.group.strategies:
        row = {"group": evidence.group.name, "strategy": strategy.key, "label": strategy.label}
        row |= {"baseline": "yes" if strategy is evidence.group.baseline else "no", "seeds": seeds_of(strategy)}
        for subset in SUBSETS:
            for score in evidence.scores:
                mean, deviation, count = spread(strategy.values(subset, score).values())
                texts = {"mean": number(mean), "std": number(deviation), "n": str(count)}
                row |= {f"{subset}/{score} {what}": text for what, text in texts.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def section(evidence: Evidence, frames: Frames) -> Section:
    """Headline scores on the test images; folded up those on the validation images and after a correction."""
    frame = frames["strategies.csv"]
    tables = []
    for scores, subsets, what, folded in TABLES_OF:
        columns = [levels(f"{subset}/{score}", f"{WORDS[subset]} {score}", minor=score in NARROW)
                   for subset in subsets for score in scores if told(frame, f"{subset}/{score} mean")]  # fmt: skip
        if columns:
            named = (Column("label", "strategy"), Column("seeds", "seeds"))
            tables.append(Table(what, "strategies.csv", frame, (*named, *columns), by="label", folded=folded))
    tail = tail_classes(evidence.group)
    said = (f"The tail: {', '.join(tail)}.",) if tail else ()
    return Section("strategies", "Strategies", (*said, *steps(evidence.group)), tables=tuple(tables))


WORDS = {"test": "test", "val": "validation"}


def levels(score: str, title: str, *, minor: bool = False) -> Column:
    """A column of a score's mean and standard deviation."""
    return Column(f"{score} mean", title, 3, spread=f"{score} std", minor=minor)


def told(frame: pd.DataFrame, column: str) -> bool:
    """Whether a table has anything in a column."""
    return column in frame and bool(frame[column].astype(str).ne("").any())


def seeds_of(strategy: Strategy) -> str:
    """The seeds of a strategy as a text."""
    return " ".join(seed_name(run.seed) for run in strategy.runs)


def tail_classes(group: Group) -> tuple[str, ...]:
    """The classes that the runs count as their tail; none where nothing tells."""
    return tuple(class_groups(group.baseline.runs[0]).get("tail", ()))


def steps(group: Group) -> list[str]:
    """Samplers show the train fold and as many images again: who was trained longer than the baseline, or shorter."""
    once = {one.label: one.runs[0].parameters.get("sampling", "none") == "none" for one in group.strategies}
    longer = [one.label for one in group.others if once[group.baseline.label] and not once[one.label]]
    shorter = [one.label for one in group.others if once[one.label] and not once[group.baseline.label]]
    return [
        f"{words} the steps an epoch of the baseline: {', '.join(labels)}. Part of the difference may be the length of "
        f"training; `x2` takes the steps of every sampler but `none`, and is the baseline of them all."
        for words, labels in (("Twice", longer), ("Half", shorter))
        if labels
    ]
