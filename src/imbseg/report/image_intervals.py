"""Differences from the baseline with intervals for new seeds and new test images, from the counts of single images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.errors import InputError, listed
from imbseg.runs.collect import PRIOR, Run
from imbseg.runs.image_counts import Counted, read_counts
from imbseg.runs.recorded import Groups, class_groups
from imbseg.runs.strategies import Group, Strategy
from imbseg.statistics.bootstrap import DRAWS, crossed_interval, draw_images, mean_of, unpaired_interval

# Counts in a run folder, what stands before the names of their scores, and the scores: all, where none are named
FILES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("counts_test.npz", "", ()), ("counts_test_prior.npz", PRIOR, ("mIoU",)),
    ("counts_test_prior_tail.npz", PRIOR, ("tail",)),
)  # fmt: skip
COLUMNS = ("group", "baseline", "strategy", "score", "paired", "seeds", "units", "unit", "mean", "low", "high",
           "images_low", "images_high")  # fmt: skip
EXACT = 1e-9  # by which a recounted score may differ from the stored one
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
    """A score of every run: as it is, and in every draw of the test images.

    Attributes:
        observed: run's name -> value; NaN where the run has none.
        drawn: run's name -> (draws,).
        units: images, or groups of them, that were drawn from.
        unit: what they are.
    """

    observed: Mapping[str, float]
    drawn: Mapping[str, Floats]
    units: int
    unit: str


def table(group: Group, *, draws: int = DRAWS, seed: int = 0) -> tuple[pd.DataFrame, str]:
    """A row a strategy and score: the difference from the baseline, for new seeds and for new test images.

    Args:
        group: strategies that may be compared; their run folders hold counts_test.npz.
        draws: of the test images.
        seed: of the draws.

    Returns:
        A frame of COLUMNS: strategy; score (mIoU, head, medium, tail, IoU/<class>, prior/mIoU, prior/tail); paired
        (seeds held against themselves); seeds; units (how many images, or groups of them) and unit (which of the two);
        mean difference in IoU; low, high (95 % for new seeds and new images, NaN with one seed); images_low,
        images_high (95 % for new images with these very runs). And sentences, empty where there is nothing to say: why
        there is no interval, what was left out, what is taken for granted.

    Raises:
        InputError: runs of the group were counted on different image sets.
    """
    rows: list[dict[str, object]] = []
    notes: list[str] = []
    if not group.others:
        return pd.DataFrame(columns=list(COLUMNS)), ""
    for file, prefix, wanted in FILES:
        runs = [run for one in group.strategies for run in one.runs if wanted == () or (run.folder / file).is_file()]
        counted, said = read_counts(runs, file)
        if counted is None:
            notes += [NOTHING] if not wanted and all("Without" in line for line in said) else said
            continue
        notes += said
        try:
            scores, wrong = _scores(counted, prefix, wanted, draws, seed)
        except InputError as error:  # too few images to draw from
            notes.append(f"{str(error)[0].upper()}{str(error)[1:]}.")
            continue
        notes += [wrong] * bool(wrong) + [INDEPENDENT] * (counted.groups is None)
        rows += [row for one in group.others for row in _rows(group, one, scores)]
    notes += [ONE_SEED] * any(row["seeds"] == 1 for row in rows)
    return pd.DataFrame(rows, columns=list(COLUMNS)), " ".join(dict.fromkeys(notes))


def _scores(
    counted: Counted, prefix: str, wanted: Sequence[str], draws: int, seed: int
) -> tuple[dict[str, Score], str]:
    """Every score of the runs whose recounted scores are the stored ones, and a sentence about the others."""
    drawn = draw_images(counted.tp, counted.fp, counted.fn, seed=seed, draws=draws, groups=counted.groups)
    parts = _parts(counted.runs[0].classes, class_groups(counted.runs[0]))
    parts = {name: parts[name] for name in wanted or parts if name in parts}
    observed = {name: mean_of(drawn.observed, part) for name, part in parts.items()}  # each (runs,)
    moved = {name: mean_of(drawn.iou, part) for name, part in parts.items()}  # each (runs, draws)
    kept, wrong = [], []
    for place, run in enumerate(counted.runs):
        problem = _disagreement(run, {name: float(found[place]) for name, found in observed.items()}, prefix)
        if problem:
            wrong.append(problem)
        else:
            kept.append((place, run.name))
    unit = "images" if counted.groups is None else "groups of images"
    scores = {
        prefix + name: Score(
            {run: float(observed[name][place]) for place, run in kept},
            {run: moved[name][place] for place, run in kept}, drawn.units, unit,
        )
        for name in parts
    }  # fmt: skip
    said = f"Left out of the intervals over test images, since counts and scores disagree: {listed(wrong)}."
    return scores, said if wrong else ""


def _disagreement(run: Run, recounted: Mapping[str, float], prefix: str) -> str:
    """The first recounted score that isn't the stored one; empty where all are."""
    for name, value in recounted.items():
        stored = run.score("test", prefix + name)
        if not abs(value - stored) <= EXACT and not (math.isnan(value) and math.isnan(stored)):
            return f"{run.name} ({prefix}{name} recounted {value:.5f}, stored {stored:.5f})"
    return ""


def _parts(classes: Sequence[str], groups: Groups) -> dict[str, list[int]]:
    index = {name: number for number, name in enumerate(classes)}
    parts = {"mIoU": list(index.values())} | {name: [index[one] for one in found] for name, found in groups.items()}
    return parts | {f"IoU/{name}": [number] for name, number in index.items()}


def _rows(group: Group, strategy: Strategy, scores: Mapping[str, Score]) -> list[dict[str, object]]:
    rows = []
    for name, score in scores.items():
        ours, theirs = _runs_of(strategy, score), _runs_of(group.baseline, score)
        if not ours or not theirs:
            continue
        shared = sorted(ours.keys() & theirs.keys())
        paired = len(shared) > 1 or (bool(shared) and min(len(ours), len(theirs)) == 1)
        if paired:
            ours, theirs = ({one: side[one] for one in shared} for side in (ours, theirs))
        found = dict(zip(COLUMNS[8:], _intervals(list(ours.values()), list(theirs.values()), score, paired=paired),
                         strict=True))  # fmt: skip
        rows.append({"group": group.name, "baseline": group.baseline.label, "strategy": strategy.label, "score": name,
                     "paired": paired, "seeds": min(len(ours), len(theirs)), "units": score.units, "unit": score.unit,
                     **found})  # fmt: skip
    return rows


def _runs_of(strategy: Strategy, score: Score) -> dict[tuple[int, int], str]:
    """Seed -> run, of those that have the score."""
    return {run.seed: run.name for run in strategy.runs if not math.isnan(score.observed.get(run.name, math.nan))}


def _intervals(ours: Sequence[str], theirs: Sequence[str], score: Score, *, paired: bool) -> tuple[float, ...]:
    """Mean, low, high, images_low, images_high."""
    (one, one_drawn), (other, other_drawn) = (
        (np.array([score.observed[run] for run in side]), np.stack([score.drawn[run] for run in side]))
        for side in (ours, theirs)
    )
    alone = crossed_interval(
        np.array([one.mean() - other.mean()]), (one_drawn.mean(axis=0) - other_drawn.mean(axis=0))[None], score.units
    )
    if min(len(one), len(other)) < 2:
        return alone[0], math.nan, math.nan, alone[1], alone[2]
    both = (
        crossed_interval(one - other, one_drawn - other_drawn, score.units)
        if paired
        else unpaired_interval((one, other), (one_drawn, other_drawn), score.units)
    )
    return *both, alone[1], alone[2]
