"""The tables of whole sets that finished runs hold (see imbseg.metrics.tables) -> scores by strategy and class."""

import itertools

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.metrics.calibration import calibration_error
from imbseg.metrics.components import THRESHOLDS, precision_recall_f1
from imbseg.metrics.scores import mean
from imbseg.metrics.tables import load_table
from imbseg.runs.collect import SUBSETS, Seed
from imbseg.runs.strategies import Group

Table = NDArray[np.float64]  # (classes, rows of a class, counts)
DETECTED = ["strategy", "subset", "class", "least_iou", "seeds", "objects", "predicted", "found"]
DETECTED += ["precision", "recall", "f1", "before", "after", "gain"]
CALIBRATED = ["strategy", "subset", "class", "seeds", "ece", "ece_likely", "expected"]
BINNED = ["strategy", "subset", "class", "bin", "seeds", "pixels", "probability", "share"]
LIKELY = 1  # bins from here on: a probability of 1/15 or more


def tables_of(group: Group, name: str, subset: str) -> dict[str, dict[Seed, Table]]:
    """Label -> seed -> counts, the baseline first; runs of an earlier version, or with another table, are left out."""
    return {
        strategy.label: {
            run.seed: found
            for run in strategy.runs
            if (found := load_table(run.folder, name, subset, run.classes)) is not None
        }
        for strategy in group.strategies
    }


def detections(group: Group) -> pd.DataFrame:
    """Precision, recall and F1 of components (see imbseg.metrics.components): a row a strategy, subset, class and IoU.

    objects, predicted and found are means over the seeds that counted them, as are the scores, each over the seeds that
    have it; before, after and gain are F1 over shared seeds. Classes without an object in truth or prediction are left
    out; empty where no run counted components.
    """
    rows = []
    for subset in SUBSETS:
        held = tables_of(group, "components", subset)
        for label, by_seed in ((one, found) for one, found in held.items() if found):
            own = np.array([*by_seed.values()])  # (seeds, classes, thresholds, 3)
            tp, fp, fn = np.moveaxis(own.mean(axis=0), -1, 0)
            scores = mean(precision_recall_f1(own), axis=0)
            before, after = _f1_of_both(by_seed, {} if label == group.baseline.label else held[group.baseline.label])
            for at in itertools.product(range(len(group.classes)), range(len(THRESHOLDS))):
                if tp[at] + fp[at] + fn[at] > 0:
                    told = (label, subset, group.classes[at[0]], THRESHOLDS[at[1]], len(own), tp[at] + fn[at])
                    both = (before[at], after[at], after[at] - before[at]) if len(before) else (np.nan,) * 3
                    rows.append([*told, tp[at] + fp[at], tp[at], *scores[at], *both])
    return pd.DataFrame(rows, columns=DETECTED)


def _f1_of_both(ours: dict[Seed, Table], baseline: dict[Seed, Table]) -> tuple[Table, Table]:
    """(classes, thresholds) of the baseline and of a strategy, over the seeds in which both have one; empty of none."""
    shared = [(baseline[seed], found) for seed, found in ours.items() if seed in baseline]
    if not shared:
        return np.empty(0), np.empty(0)
    f1 = precision_recall_f1(np.array(shared))[..., 2]  # (seeds, 2, classes, thresholds)
    before, after = mean(f1 + 0 * f1[:, ::-1], axis=0)
    return before, after


def calibration_errors(group: Group) -> pd.DataFrame:
    """Calibration errors (see imbseg.metrics.calibration): a row a strategy, subset and class.

    ece over all pixels, ece_likely over those that give the class 1/15 or more, expected the sum of probabilities over
    the number of true pixels: means over the seeds that counted them, NaN where there is no such pixel.
    """
    rows = []
    for subset in SUBSETS:
        for label, by_seed in tables_of(group, "calibration", subset).items():
            for place, one in enumerate(group.classes if by_seed else ()):
                own = np.array([found[place] for found in by_seed.values()])  # (seeds, bins, 3)
                _, hits, sums = np.moveaxis(own.sum(axis=1), -1, 0)
                expected = np.divide(sums, hits, out=np.full(len(own), np.nan), where=hits > 0)
                scores = (calibration_error(own), calibration_error(own[:, LIKELY:]), expected)
                rows.append([label, subset, one, len(own), *(float(mean(score)) for score in scores)])
    return pd.DataFrame(rows, columns=CALIBRATED)


def reliability(group: Group) -> pd.DataFrame:
    """A row a strategy, class and bin of the test images that holds a pixel, the seeds' pixels pooled."""
    rows = []
    for label, by_seed in tables_of(group, "calibration", "test").items():
        pooled = np.sum([*by_seed.values()], axis=0) if by_seed else np.zeros((0, 0, 3))  # (classes, bins, 3)
        for place, number in np.argwhere(pooled[..., 0] > 0):
            pixels, hits, sums = pooled[place, number]
            told = (label, "test", group.classes[place], int(number), len(by_seed))
            rows.append([*told, pixels, sums / pixels, hits / pixels])
    return pd.DataFrame(rows, columns=BINNED)
