"""A split that keeps the images of one patient, scene or video together."""

import warnings

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.splits.simple import enough_images


def grouped(*, group: NDArray[np.str_], major_class: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """Keep each group on one side of every fold, and stratify by major class as far as that allows.

    Images of one group look alike: with some in train and others in validation the score tells how well they are
    remembered. Shares of classes are as even as the groups let them be. Where that would leave a fold empty (groups of
    very different sizes), sizes are made as even as they let them be, without a seed.

    Args:
        group: (images,) str, the patient, scene or video of an image.

    Raises:
        InputError: fewer images than folds, or fewer groups.

    Source: scikit-learn's StratifiedGroupKFold.

    >>> group = np.array(["a", "a", "b", "b", "c", "c"])
    >>> fold = grouped(group=group, major_class=np.array(["cat"] * 6), folds=3, seed=1)
    >>> bool(fold[0] == fold[1] and fold[2] == fold[3] and fold[4] == fold[5])
    True
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    enough_images(len(group), folds)
    _, number = np.unique(group, return_inverse=True)
    if number.max() + 1 < folds:
        raise InputError(
            f"{folds} folds need at least {folds} groups, found {number.max() + 1}; take another split, or 'given' "
            f"with a val subset made of whole groups"
        )
    label = np.unique(major_class, return_inverse=True)[1]
    if np.bincount(label).max() < folds:
        label = np.zeros_like(label)  # it refuses strata that are all smaller than `folds`
    with warnings.catch_warnings():
        # rare classes miss from some folds, which the diagnosis tells
        warnings.filterwarnings("ignore", message="The least populated class in y has only", category=UserWarning)
        fold = _numbered(StratifiedGroupKFold(folds, shuffle=True, random_state=seed), label, number)
    if len(np.unique(fold)) < folds:
        fold = _numbered(GroupKFold(folds), label, number)
    return fold


def _numbered(splitter: object, label: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    fold = np.zeros(len(label), np.int64)
    for number, (_, validation) in enumerate(splitter.split(label, label, group)):  # type: ignore[attr-defined]
        fold[validation] = number
    return fold
