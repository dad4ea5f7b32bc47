"""A class's objects as detections: connected components of prediction and truth, matched one to one by IoU."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from imbseg.augment.object_area import LARGE, numbered_components
from imbseg.datasets.labels import Labels, ignored_in
from imbseg.metrics.scores import ratio

Integers = NDArray[np.int64]
Whole = NDArray[np.integer]
THRESHOLDS = (0.1, 0.5)  # least IoU of a match: found at all, and found with its shape
OUTCOMES = ("tp", "fp", "fn")


def component_counts(prediction: Labels, mask: Labels, classes: int, background: int | None) -> NDArray[np.int64]:
    """Count one image's components: matched ones, predicted ones without a match, and true ones without.

    A component is 8-connected and of one class. Ignored pixels belong to no component of either side. Of the pairs
    whose IoU is at least a threshold as many are matched as can be, each component in at most one: unlike greedy
    matching, no order of the components counts.

    Args:
        prediction: (height, width) class indices, of the mask's type.
        mask: (height, width) class indices, see read_mask.
        classes: number of classes.
        background: index of the class that has no objects, or None.

    Returns:
        (classes, 2, 3) int64: TP, FP and FN of each class at each of THRESHOLDS.

    Source: maximum bipartite matching, Hopcroft and Karp, 1973.

    >>> truth, found = np.array([[1, 1, 0, 1]], np.uint8), np.array([[1, 0, 0, 0]], np.uint8)
    >>> component_counts(found, truth, classes=2, background=0)[1].tolist()
    [[1, 0, 1], [1, 0, 1]]
    """
    labelled = np.where(mask == ignored_in(mask), mask, prediction)
    (found, kinds), (true, true_kinds) = (numbered_components(side, background) for side in (labelled, mask))
    ours, theirs, shared = shared_pixels(found, true, len(true_kinds))
    sizes, true_sizes = (np.bincount(side, shared).astype(np.int64) for side in (ours, theirs))
    alike = kinds[ours] == true_kinds[theirs]
    alike &= (ours > 0) & (theirs > 0)
    pairs = ours[alike], theirs[alike], shared[alike]
    return matched_counts(pairs, (kinds, sizes), (true_kinds, true_sizes), classes)


def matched_counts(
    pairs: tuple[Whole, Whole, Whole], found: tuple[Whole, Whole], true: tuple[Whole, Whole], classes: int
) -> NDArray[np.int64]:
    """(classes, 2, 3) of components of which it is known what they share.

    Args:
        pairs: numbers from 1 of predicted and of true components of one class that share pixels, and how many.
        found: class and pixels of each predicted component, of 0 they say nothing; (components + 1,) each.
        true: of the true ones likewise.
    """
    (ours, theirs, shared), (kinds, sizes), (true_kinds, true_sizes) = pairs, found, true
    iou = shared / (sizes[ours] + true_sizes[theirs] - shared)
    matched = [kinds[_matched(*(side[iou >= least] for side in (ours, theirs)))] for least in THRESHOLDS]
    tp = np.stack([np.bincount(one, minlength=classes) for one in matched], axis=1)  # (classes, thresholds)
    totals = [np.bincount(side[1:], minlength=classes)[:, None] for side in (kinds, true_kinds)]
    return np.stack([tp, totals[0] - tp, totals[1] - tp], axis=-1)


def shared_pixels(
    found: NDArray[np.integer], true: NDArray[np.integer], number: int
) -> tuple[Integers, Integers, Integers]:
    """Each two numbers that stand at one pixel, 0 among them, and at how many they do.

    Args:
        found: (height, width) numbers.
        true: (height, width) numbers below `number`.
    """
    if (int(found.max()) + 1) * number > LARGE:
        places, shared = np.unique(found.astype(np.int64) * number + true, return_counts=True)
    else:
        counted = np.bincount((found.astype(np.uint32) * np.uint32(number) + true).ravel())
        places = np.flatnonzero(counted)
        shared = counted[places]
    return *np.divmod(places, number), shared


def _matched(ours: Whole, theirs: Whole) -> Whole:
    """The first side of as many pairs as can be taken without taking a number of either side twice."""
    if len(np.unique(ours)) == len(np.unique(theirs)) == len(ours):
        return ours
    graph = coo_array((np.ones(len(ours), np.int8), (ours, theirs))).tocsr()
    return np.flatnonzero(maximum_bipartite_matching(graph, perm_type="column") >= 0)


def precision_recall_f1(counted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Scores of components: TP / (TP + FP), TP / (TP + FN), 2 TP / (2 TP + FP + FN).

    Args:
        counted: (..., 3) TP, FP, FN.

    Returns:
        (..., 3), NaN where the divisor is 0.
    """
    tp, fp, fn = np.moveaxis(np.asarray(counted, np.int64), -1, 0)
    return np.stack([ratio(tp, tp + fp), ratio(tp, tp + fn), ratio(2 * tp, 2 * tp + fp + fn)], axis=-1)
