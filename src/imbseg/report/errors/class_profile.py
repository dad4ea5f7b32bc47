"""What kind of mistakes each class has, and how rare it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.metrics.counts import Counts
from imbseg.metrics.scores import iou, mean, precision, ratio, recall
from imbseg.runs.counted import Counted, counted, frame, name
from imbseg.runs.strategies import Group

SCORES = ("IoU", "precision", "recall", "share", "images_showing", "images")
COLUMNS = ("strategy", "class", "seeds", *SCORES)


def class_profile(group: Group, subset: str = "test", read: Sequence[Counted] | None = None) -> pd.DataFrame:
    """Precision, recall and rarity of every class.

    Args:
        group: strategies, the baseline included and first.
        subset: test or val.
        read: what `counted` gave of it; None: the counts are read here.

    Returns:
        A row a strategy and class: strategy, class, seeds (runs whose counts can be read), and as means over those that
        have the score: IoU, precision, recall (NaN where there is none), share (of the truth's labelled pixels),
        images_showing (whose truth shows the class), images. Empty where no counts can be read.
    """
    rows = []
    for one in read or counted(group, subset):
        if not one.by_seed:
            continue
        values = mean(np.array([_profile(counts) for counts in one.by_seed.values()]), axis=0)  # (scores, classes)
        for place, label in enumerate(group.classes):
            row = {"strategy": one.label, "class": label, "seeds": len(one.by_seed)}
            rows.append(row | dict(zip(SCORES, values[:, place].tolist(), strict=True)))
    return frame(rows, COLUMNS)


def sentences(found: pd.DataFrame) -> list[str]:
    """The baseline's weakest class: whether it is missed or made up, and how rare it is.

    Args:
        found: what `class_profile` gave; its first strategy is spoken of.
    """
    if found.empty or found["IoU"].isna().all():
        return ["No run has counts of pixels that can be read: the classes' precision and recall can't be told."]
    strategy = found["strategy"].iloc[0]
    own = found[(found["strategy"] == strategy) & (found["images_showing"] > 0)].dropna(subset="IoU")
    if own.empty:
        return [f"{name(strategy)}: the images show no class."]
    row = own.sort_values("IoU", kind="stable").iloc[0]
    rarity = f"{100 * row['share']:.2g} % of the pixels, in {row['images_showing']:.0f} of {row['images']:.0f} images"
    return [f"{name(strategy)}: the weakest class is {name(row['class'])} (IoU {row['IoU']:.3f}; {rarity}): "
            f"{_words(row['precision'], row['recall'])}."]  # fmt: skip


def _words(precise: float, found: float) -> str:
    """What the mistakes are.

    >>> _words(0.9, 0.2)
    'its pixels are missed (recall 0.200) more than made up (precision 0.900)'
    """
    if found == 0:
        return (
            f"none of its pixels is found, {'and no others' if np.isnan(precise) else 'only others'} are taken for it"
        )
    if found == precise:
        return f"its pixels are missed as much as made up (precision and recall {found:.3f})"
    if found < precise:
        return f"its pixels are missed (recall {found:.3f}) more than made up (precision {precise:.3f})"
    return f"its pixels are made up (precision {precise:.3f}) more than missed (recall {found:.3f})"


def _profile(counts: Counts) -> NDArray[np.float64]:
    """(scores, classes), by SCORES."""
    truth = counts.tp + counts.fn  # (images, classes)
    pixels = truth.sum(axis=0)
    share = ratio(pixels, np.full_like(pixels, pixels.sum()))
    images = np.full(len(pixels), len(truth))
    return np.array([iou(counts), precision(counts), recall(counts), share, (truth > 0).sum(axis=0), images])
