"""Splits that give every fold its share of each class: by one label an image (skf_*) or by all it shows (mskf)."""

import warnings

import numpy as np
from numpy.typing import NDArray

from imbseg.splits.simple import enough_images


def skf_major(*, major_class: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Stratify by the class with the most pixels in an image, background left out."""
    return _stratify(np.unique(major_class, return_inverse=True)[1], folds, seed)


def skf_cluster(*, cluster: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Stratify by the k-means cluster of an image's class proportions."""
    return _stratify(np.unique(cluster, return_inverse=True)[1], folds, seed)


def mskf(*, presence: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.int64]:
    """Stratify by every class an image shows, rarest class first (iterative stratification).

    A class that most images show, such as background, is stratified by where it lacks. That balances the same, and
    keeps the algorithm from cutting by background while a rarer class is left with as many images: on VOC 2012 train
    that put cats into folds at random (15 % off on average, instead of 3 %). Classes go first, so the sizes of the
    folds may differ by a few per cent.

    Source: Sechidis, Tsoumakas, Vlahavas: On the Stratification of Multi-Label Data, ECML PKDD 2011.

    >>> presence = np.array([[True, image < 5] for image in range(25)])
    >>> np.bincount(mskf(presence=presence, folds=5, seed=1)[:5])
    array([1, 1, 1, 1, 1])
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold

    enough_images(len(presence), folds)
    common = presence.mean(axis=0) > 0.5
    # The package wants two labels at least; one that no image has changes nothing.
    labels = np.column_stack([presence ^ common, np.zeros(len(presence), bool)])  # (images, classes + 1)
    fold = np.zeros(len(presence), np.int64)
    cuts = MultilabelStratifiedKFold(folds, shuffle=True, random_state=seed).split(labels, labels)
    for number, (_, validation) in enumerate(cuts):
        fold[validation] = number
    return fold


def _stratify(label: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """StratifiedKFold; it refuses strata that are all smaller than `folds`: those are dealt out in turn."""
    from sklearn.model_selection import StratifiedKFold

    enough_images(len(label), folds)
    fold = np.zeros(len(label), np.int64)
    if np.bincount(label).max() < folds:
        order = np.lexsort((np.random.default_rng(seed).permutation(len(label)), label))
        fold[order] = np.arange(len(label)) % folds
        return fold
    with warnings.catch_warnings():
        # "The least populated class in y has only 3 members, which is less than n_splits=5": so are rare classes, which
        # then miss from some folds; the diagnosis says which, with the split that keeps them.
        warnings.filterwarnings("ignore", message="The least populated class in y has only", category=UserWarning)
        cuts = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(label, label))
    for number, (_, validation) in enumerate(cuts):
        fold[validation] = number
    return fold
