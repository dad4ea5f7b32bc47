"""Whether it holds on other images: differences with intervals for new seeds and new test images."""

import itertools
import math
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.metrics.scores import mean
from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames
from imbseg.runs.collect import PRIOR, Seed
from imbseg.runs.counts import Stacked, stacked
from imbseg.runs.strategies import Strategy
from imbseg.statistics.bootstrap import DRAWS, Drawn, draw_images, image_intervals
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
Value = tuple[float, NDArray[np.float64]]  # a run's score as it is, and (draws,) in every draw of the test images


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
        none = not wanted and said and all(line.startswith("Without") for line in said) and not counts
        notes += [NOTHING] if none else said
        if counts is None:
            continue
        try:
            drawn = draw_images(counts.tp, counts.fp, counts.fn, draws=draws, groups=counts.groups)
        except InputError as error:  # too few images to draw from
            notes.append(f"{str(error)[0].upper()}{str(error)[1:]}.")
            continue
        notes += [INDEPENDENT] * (counts.groups is None)
        unit = "images" if counts.groups is None else "groups of images"
        for one, (score, values) in itertools.product(group.others, _scores(counts, drawn)):
            ours, theirs = (_of(side, values) for side in (one, group.baseline))
            if ours and theirs:
                told = (group.name, group.baseline.label, one.label, prefix + score, drawn.units, unit)
                rows.append([*told, *_compared(ours, theirs, drawn.units)])
    table = pd.DataFrame(rows, columns=[*COLUMNS[:4], *COLUMNS[6:], *COLUMNS[4:6], *ENDS])[COLUMNS + ENDS]
    notes += [ONE_SEED] * bool(table["seeds"].eq(1).any())
    return table, " ".join(dict.fromkeys(notes))


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


def _scores(counts: Stacked, drawn: Drawn) -> Iterator[tuple[str, dict[str, Value]]]:
    """Every score by the names of the runs that have it."""
    for name, places in counts.parts.items():
        observed, moved = (mean(iou[..., places], axis=-1) for iou in (drawn.observed, drawn.iou))
        values = {run.name: (float(observed[place]), moved[place]) for place, run in enumerate(counts.runs)}
        yield name, {run: value for run, value in values.items() if not math.isnan(value[0])}


def _of(strategy: Strategy, values: Mapping[str, Value]) -> dict[Seed, Value]:
    return {run.seed: values[run.name] for run in strategy.runs if run.name in values}


def _compared(ours: Mapping[Seed, Value], theirs: Mapping[Seed, Value], units: int) -> tuple[float, ...]:
    """Whether paired, seeds, and ENDS."""
    shared = pairing(ours, theirs)
    sides = [[side[seed] for seed in shared] if shared else [*side.values()] for side in (ours, theirs)]
    arrays = [(np.array([value for value, _ in side]), np.stack([drawn for _, drawn in side])) for side in sides]
    return bool(shared), min(map(len, sides)), *image_intervals(arrays[0], arrays[1], units, paired=bool(shared))
