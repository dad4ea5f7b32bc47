"""What the questions of one group are answered from: its runs, what else was given, and what is read once of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from imbseg.canvas import Canvas
from imbseg.page.content import Drawing
from imbseg.predict.kept import Predict
from imbseg.runs.collect import score_names
from imbseg.runs.strategies import Group, Results, Strategy
from imbseg.statistics.claims import MARGIN
from imbseg.statistics.difference import Difference, difference

Made = TypeVar("Made")


@dataclasses.dataclass(frozen=True)
class Given:
    """What a report may be given beside the runs.

    `predict` predicts images of a run again (None: no pictures), `counts` are pixels of each train image (see
    `runs.class_counts`; None: the meta of the runs), `background` is the class that correlations leave out,
    `margin` the loss of the head in IoU that counts as none.
    """

    predict: Predict | None = None
    counts: Path | None = None
    background: str | None = None
    margin: float = MARGIN


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """One group of a report.

    Attributes:
        group: strategies that may be compared.
        results: all groups, whose scores are the columns of the tables that they share.
        given: what else there is.
        ending: what tells this group's files apart from the others'; empty where there is one group.
        folder: where figures and pictures are written; None before there is one.
    """

    group: Group
    results: Results
    given: Given
    ending: str = ""
    folder: Path | None = None
    kept: dict[Callable[[Evidence], Any], Any] = dataclasses.field(default_factory=dict, repr=False)

    def once(self, make: Callable[[Evidence], Made]) -> Made:
        """What a function makes of this evidence; the second time what it made the first time."""
        if make not in self.kept:
            self.kept[make] = make(self)
        found: Made = self.kept[make]
        return found

    def draw(self, what: str, alt: str, canvas: Canvas | None) -> tuple[Drawing, ...]:
        """Write a figure's files, and name them; nothing where there is no folder, or nothing to draw."""
        if canvas is None or self.folder is None:
            return ()
        canvas.write(self.folder / f"{what}{self.ending}.png")
        return (Drawing(f"{what}{self.ending}.png", alt),)

    @property
    def scores(self) -> list[str]:
        """Every score of the report: of all classes of all groups."""
        return score_names(tuple(dict.fromkeys(name for group in self.results.groups for name in group.classes)))


def evidence_of(results: Results, given: Given) -> list[Evidence]:
    """The evidence of every group."""
    several = len(results.groups) > 1
    ends = [f"-{place}" if several else "" for place in range(1, len(results.groups) + 1)]
    return [Evidence(group, results, given, end) for group, end in zip(results.groups, ends, strict=True)]


def against(strategy: Strategy, baseline: Strategy, score: str, subset: str = "test") -> Difference | None:
    """A strategy minus the baseline on one score; None where one of them lacks it."""
    ours, theirs = strategy.values(subset, score), baseline.values(subset, score)
    return difference(ours, theirs) if ours and theirs else None
