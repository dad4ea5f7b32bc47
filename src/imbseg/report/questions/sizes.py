"""Whether small, medium or large objects are found, and objects as detections: matched one to one by their IoU."""

import itertools

import numpy as np
import pandas as pd

from imbseg.errors import listed
from imbseg.metrics.object_size import SIZES
from imbseg.metrics.scores import mean
from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, extremes, records
from imbseg.report.questions.pixels import counted
from imbseg.report.questions.strategies import of_tail
from imbseg.report.say import amount, levels, name, seeds, signed
from imbseg.runs.counts import Counted, pairs
from imbseg.runs.tables import detections
from imbseg.statistics.pixels import size_pixels, size_recall, sized

FILE, DETECTIONS = "recall_by_size.csv", "detections.csv"
COLUMNS = ["strategy", "class", "size", "seeds", "objects", "pixels", "recall", "gain"]
NOTE = "Small: below 32² pixels at the mask's own size; large: from 96². A false positive belongs to no object."
MATCHING = (
    "An object is an 8-connected component of a class, in truth and prediction; at each IoU as many pairs as possible "
    "are matched, each object once. Ignored pixels belong to no object."
)


def table(evidence: Evidence) -> pd.DataFrame:
    """Recall of the pixels of small, medium and large objects (see imbseg.metrics.object_size), class by class.

    A row a strategy, class and size that the truth holds, as means over the seeds that counted by size; gain is over
    the baseline, of shared seeds: NaN for the baseline itself. Empty where no run counted by size.
    """
    of_size = [_sized(one) for one in evidence.once(counted)]
    rows, names = [], evidence.group.classes
    for one in (one for one in of_size if one.by_seed):
        held = list(one.by_seed.values())
        recalls = np.array([size_recall(found) for found in held])  # (seeds, classes, 3)
        both = [] if one is of_size[0] else pairs(one, of_size[0])
        gains = [size_recall(ours) - size_recall(theirs) for ours, theirs in both]
        gain = mean(np.array(gains or [np.full(recalls.shape[1:], np.nan)]), axis=0)
        objects, pixels = (np.mean(list(map(of, held)), axis=0) for of in (lambda found: found.objects, size_pixels))
        for at in itertools.product(range(len(names)), range(len(SIZES))):
            if pixels[at] > 0:
                own = recalls[:, *at]
                values = (float(objects[at]), float(pixels[at]), float(mean(own)), float(gain[at]))
                rows.append([one.label, names[at[0]], SIZES[at[1]], int((~np.isnan(own)).sum()), *values])
    return pd.DataFrame(rows, columns=COLUMNS)


def _sized(one: Counted) -> Counted:
    """Without the runs that didn't count by size."""
    return Counted(one.label, {seed: found for seed, found in one.by_seed.items() if sized(found)})


def section(evidence: Evidence, frames: Frames) -> Section:
    """Recall of every class by size."""
    shown = columns("strategy", "class", "size", "recall", "gain.baseline", "objects", "pixels", "seeds")
    table = Table("Recall of small, medium and large objects", FILE, frames[FILE], shown)
    return Section("sizes", "Small and large objects", sentences(frames[FILE]), tables=(table,), notes=(NOTE,))


def sentences(found: pd.DataFrame) -> list[str]:
    """The baseline's recall by size, and the largest gain and loss of a strategy."""
    if found.empty:
        return []
    first = found["strategy"].iloc[0]
    by_size = found[found["strategy"] == first].pivot_table("recall", "class", "size")
    parts = [_beside(by_size, *pair) for pair in itertools.pairwise(size for size in SIZES if size in by_size)]
    told = "; ".join(filter(None, parts))
    lines = [f"{name(first)}: recall by object size, mean over the classes that have both: {told}."] if told else []
    return lines + [_words(row) for row in extremes(found, "gain")]


def _beside(by_size: pd.DataFrame, small: str, large: str) -> str:
    """Recall at two sizes, over the same classes; empty where no class has both."""
    both = by_size[[small, large]].dropna()
    classes = f"{len(both)} class{'' if len(both) == 1 else 'es'}"
    means = both.mean()
    return f"{small} {means[small]:.3f}, {large} {means[large]:.3f} ({classes})" if len(both) else ""


def _words(row: Record) -> str:
    which = "gain" if row["gain"] > 0 else "loss"
    counts = f"{amount(round(row['objects']), 'object')}, {seeds(row['seeds'])}"
    of = f"{row['size']} objects of {name(row['class'])} ({counts})"
    return f"{name(row['strategy'])}: recall {signed(row['gain'])} on {of}, the largest {which}."


def detections_section(evidence: Evidence, frames: Frames) -> Section:
    """The objects of the tail."""
    found = of_tail(evidence, frames[DETECTIONS])
    shown = ("strategy", "class", "least_iou", "precision.objects", "recall.objects", "f1", "gain.f1", "objects")
    table = Table("Objects of the tail", DETECTIONS, found, columns(*shown, "predicted", "seeds"))
    return Section("detections", "Objects as detections", detected(found), tables=(table,), notes=(MATCHING,))


def detected(found: pd.DataFrame) -> list[str]:
    """What the baseline finds and how much of its prediction is right, and the largest gain and loss in F1."""
    if found.empty:
        return []
    first = found[found["strategy"] == found["strategy"].iloc[0]]
    sums = first.groupby("least_iou")[["objects", "predicted", "found"]].sum().reset_index()
    at = "; ".join(f"{row['found']:.0f} at IoU {row['least_iou']:g}" for _, row in records(sums))
    objects, predicted = (round(sums[one].iloc[0]) for one in ("objects", "predicted"))
    strategy, classes = name(first["strategy"].iloc[0]), listed([*map(name, first["class"].unique())])
    which = f"{strategy}; {classes}; mean of {seeds(first['seeds'].iloc[0])}"
    told = f"{at}: so many of {amount(objects, 'object')} are found, with {predicted} predicted ({which})."
    return [told, *(_f1(row) for row in extremes(found, "gain"))]


def _f1(row: Record) -> str:
    which = "gain" if row["gain"] > 0 else "loss"
    of = f"{name(row['class'])} at IoU {row['least_iou']:g} ({amount(round(row['objects']), 'object')})"
    return f"F1 {levels(row)} ({signed(row['gain'])}) on {of}: {name(row['strategy'])}, the largest {which}."


TABLES = {DETECTIONS: lambda evidence: detections(evidence.group)}
