"""The rule that pastes nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def none(object_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Paste no object of any class.

    Args:
        object_counts: (classes,) objects of each class in the train fold.

    Returns:
        (classes,) float64, the chance with which a pasted object is of a class: all 0.

    >>> none(np.array([3, 1]))
    array([0., 0.])
    """
    return np.zeros(len(object_counts))
