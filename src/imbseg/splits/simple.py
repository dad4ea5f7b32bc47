"""Splits that look at no class."""

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError


def enough_images(n_images: int, folds: int) -> None:
    """Refuse to cut fewer images than folds.

    Raises:
        InputError: there are fewer images than folds, or fewer than two folds.
    """
    if folds < 2:
        raise InputError(f"folds: expected at least 2, found {folds}")
    if n_images < folds:
        raise InputError(f"{folds} folds need at least {folds} train images, found {n_images}; add images")


def random(*, n_images: int, folds: int, seed: int) -> NDArray[np.int64]:
    """Shuffle the images and cut them into folds whose sizes differ by one at most.

    Returns:
        (images,) int64: the fold in which an image is validation.

    >>> np.bincount(random(n_images=11, folds=5, seed=1))
    array([3, 2, 2, 2, 2])
    """
    from sklearn.model_selection import KFold

    enough_images(n_images, folds)
    fold = np.zeros(n_images, np.int64)
    cuts = KFold(folds, shuffle=True, random_state=seed).split(np.zeros(n_images))
    for number, (_, validation) in enumerate(cuts):
        fold[validation] = number
    return fold


def given(*, subset: NDArray[np.str_]) -> NDArray[np.int64]:
    """The data set's own validation subset: what to take where neighbouring video frames would leak between folds.

    Returns:
        (images,) int64: 0 for validation images, 1 for train images.

    Raises:
        InputError: one of the two has no image.

    >>> given(subset=np.array(["train", "val", "train"]))
    array([1, 0, 1])
    """
    fold = np.where(np.asarray(subset) == "val", 0, 1).astype(np.int64)
    if len(np.unique(fold)) < 2:
        raise InputError("split 'given' needs train and val images, found only one of the two; see 'subsets'")
    return fold
