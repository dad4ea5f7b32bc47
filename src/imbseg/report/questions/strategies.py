"""What each strategy scores: mean and standard deviation over its seeds, and who was trained longer."""

import pandas as pd

from imbseg.errors import listed
from imbseg.page.columns import Column, columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.say import number, seed_name
from imbseg.runs.collect import CORRECTED, SCORES, SUBSETS
from imbseg.runs.recorded import class_groups
from imbseg.runs.strategies import Group
from imbseg.statistics.difference import spread

FILE = "strategies.csv"
WORDS = {"test": "test", "val": "validation"}
MOST = 40  # classes of the tail that are named
NARROW = ("head", "medium")  # scores that a narrow terminal does without


def table(evidence: Evidence) -> pd.DataFrame:
    """A row a strategy: of every score the mean and the standard deviation over seeds, and how many had it."""
    rows = []
    for one in evidence.group.strategies:
        row = {"group": evidence.group.name, "strategy": one.key, "label": one.label}
        row |= {"baseline": "yes" if one is evidence.group.baseline else "no"}
        row |= {"seeds": " ".join(seed_name(run.seed) for run in one.runs)}
        for subset in SUBSETS:
            for score in evidence.scores:
                mean, deviation, count = spread(one.values(subset, score).values())
                row |= {f"{subset}/{score} mean": number(mean), f"{subset}/{score} std": number(deviation)}
                row[f"{subset}/{score} n"] = str(count)
        rows.append(row)
    return pd.DataFrame(rows)


def section(evidence: Evidence, frames: Frames) -> Section:
    """Headline scores on the test images; folded up those on the validation images and after a correction."""
    frame, over = frames[FILE], "mean ± standard deviation over the seeds"
    tables = [
        _table(f"IoU on the test images, {over}", frame, levels(SCORES, "test"), folded=False),
        _table(f"IoU on the validation images, {over}", frame, levels(SCORES, "val")),
        _table(
            "Post-hoc, without training: logit adjustment by the class prior, and expected IoU",
            frame,
            (*levels(CORRECTED, "test"), *levels(CORRECTED, "val")),
        ),
    ]
    tail = tail_classes(evidence.group)
    said = [f"The tail: {listed(tail, MOST)}."] * bool(tail) + steps(evidence.group)
    return Section("strategies", "Strategies", said, tables=tables)


def _table(caption: str, frame: pd.DataFrame, scores: tuple[Column, ...], *, folded: bool = True) -> Table:
    told = [one for one in scores if one.name in frame and frame[one.name].astype(str).ne("").any()]
    shown = frame if told else frame.head(0)
    return Table(caption, FILE, shown, (*columns("label", "seeds.listed"), *told), by="label", folded=folded)


def levels(scores: tuple[str, ...], subset: str, titles: dict[str, str] | None = None) -> tuple[Column, ...]:
    """Columns of scores' means and standard deviations."""
    named = titles or {score: f"{WORDS[subset]} {score}" for score in scores}
    return tuple(
        Column(f"{subset}/{score} mean", named[score], 3, spread=f"{subset}/{score} std", minor=score in NARROW)
        for score in scores
    )


def tail_classes(group: Group) -> tuple[str, ...]:
    """The classes that the runs count as their tail; none where nothing tells."""
    return tuple(class_groups(group.baseline.runs[0]).get("tail", ()))


def of_tail(evidence: Evidence, found: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table about the test images that are about the tail's classes; all where no tail is declared."""
    if found.empty:
        return found
    classes = tail_classes(evidence.group) or evidence.group.classes
    return found[found["subset"].eq("test") & found["class"].isin(classes)]


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
