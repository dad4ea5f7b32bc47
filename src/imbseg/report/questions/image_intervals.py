"""Whether it holds on other images: differences with intervals for new seeds and new test images."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.metrics.scores import mean
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.report.page.columns import columns
from imbseg.report.page.content import Section, Table
from imbseg.runs.collect import PRIOR, Run, Seed
from imbseg.runs.counts import Stacked, stacked
from imbseg.runs.strategies import Strategy
from imbseg.statistics.bootstrap import DRAWS, draw_images, image_intervals
from imbseg.statistics.difference import pairing

FILE = "image_intervals.csv"
# Counts in a run folder -> what stands before the names of their scores, and the scores: all, where none are named
COUNTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "counts_test.npz": ("", ()),
    "counts_test_prior.npz": (PRIOR, ("mIoU",)),
    "counts_test_prior_tail.npz": (PRIOR, ("tail",)),
}
COLUMNS = ["group", "baseline", "strategy", "score", "paired", "seeds", "units", "unit"]
ENDS = ["mean", "low", "high", "images_low", "images_high"]
INDEPENDENT = (
    "Test images are drawn one by one in these intervals, since no scene, patient or video is recorded for them: "
    "frames of one video or scene are taken as independent, which makes intervals too narrow where they aren't."
)
NOTHING = (
    "No run has counts of single test images, so every interval tells the chance of seeds, not of the test images."
)
ONE_SEED = "Where seeds is 1 the interval for new seeds is left empty; images_low and images_high stand."
Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Score:
    """A score of every run as it is, and (draws,) in every draw of the test images, by the run's name."""

    name: str
    runs: Mapping[str, tuple[float, Floats]]
    units: int
    unit: str


def intervals(evidence: Evidence, *, draws: int = DRAWS) -> tuple[pd.DataFrame, str]:
    """A row a strategy and score: the difference, its interval for new seeds and new images, and for new images alone.

    units is how many images, or groups of them (unit), were drawn from; low and high are NaN with one seed. And
    sentences: why there is no interval, what was left out, what is assumed.

    Raises:
        InputError: runs of the group were counted on different image sets.
    """
    group, rows = evidence.group, []
    notes: list[str] = []
    for file, (prefix, wanted) in COUNTS.items() if group.others else ():
        runs = [run for one in group.strategies for run in one.runs if not wanted or (run.folder / file).is_file()]
        counts, said = stacked(runs, file, prefix, wanted)
        notes += (
            [NOTHING]
            if not wanted and said and all(line.startswith("Without") for line in said) and not counts
            else said
        )
        if counts is None:
            continue
        try:
            scores = _scores(counts, prefix, draws)
        except InputError as error:  # too few images to draw from
            notes.append(f"{str(error)[0].upper()}{str(error)[1:]}.")
            continue
        notes += [INDEPENDENT] * (counts.groups is None)
        for one, score in itertools.product(group.others, scores):
            if row := _row(one, group.baseline, score):
                told = {"group": group.name, "baseline": group.baseline.label, "strategy": one.label}
                rows.append(told | {"score": score.name} | row)
    notes += [ONE_SEED] * any(row["seeds"] == 1 for row in rows)
    return pd.DataFrame(rows, columns=COLUMNS + ENDS), " ".join(dict.fromkeys(notes))


def table(evidence: Evidence) -> pd.DataFrame:
    """The intervals alone."""
    return evidence.once(intervals)[0]


def section(evidence: Evidence, frames: Frames) -> Section:
    """The intervals, and what is left out of them, what they assume, or why there are none."""
    own = columns("strategy", "score", "mean.images", "mean.alone", "seeds", "units")
    what = "Crossed bootstrap: chance of the seeds and of the test images together"
    table = Table(what, FILE, frames[FILE], own, folded=True)
    said = [line for line in [evidence.once(intervals)[1]] if line]
    return Section("images", "Other test images", said, tables=[table] * bool(len(frames[FILE])))


def _scores(counts: Stacked, prefix: str, draws: int) -> list[Score]:
    """Every score of the runs, as it is and in every draw."""
    drawn = draw_images(counts.tp, counts.fp, counts.fn, draws=draws, groups=counts.groups)
    unit = "images" if counts.groups is None else "groups of images"
    found = []
    for name, places in counts.parts.items():
        observed, moved = (mean(iou[..., places], axis=-1) for iou in (drawn.observed, drawn.iou))
        runs = {run.name: (float(observed[place]), moved[place]) for place, run in enumerate(counts.runs)}
        found.append(Score(prefix + name, runs, drawn.units, unit))
    return found


def _row(strategy: Strategy, baseline: Strategy, score: Score) -> dict[str, Any]:
    """Nothing where a side has no run with the score."""
    ours, theirs = _of(strategy.runs, score), _of(baseline.runs, score)
    if not ours or not theirs:
        return {}
    shared = pairing(ours, theirs)
    sides = [[side[seed] for seed in shared] if shared else [*side.values()] for side in (ours, theirs)]
    arrays = [(np.array([value for value, _ in side]), np.stack([drawn for _, drawn in side])) for side in sides]
    found = image_intervals(arrays[0], arrays[1], score.units, paired=bool(shared))
    told = {"paired": bool(shared), "seeds": min(map(len, sides)), "units": score.units, "unit": score.unit}
    return told | dict(zip(ENDS, found, strict=True))


def _of(runs: tuple[Run, ...], score: Score) -> dict[Seed, tuple[float, Floats]]:
    """Seed -> score, of the runs that have it."""
    return {
        run.seed: score.runs[run.name]
        for run in runs
        if run.name in score.runs and not np.isnan(score.runs[run.name][0])
    }
