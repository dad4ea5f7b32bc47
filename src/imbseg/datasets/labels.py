"""Class indices as arrays: up to 255 classes uint8, where 255 is an ignored pixel; above, int16, where it is -1."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.key_types import IGNORE as IGNORE

Labels = NDArray[Any]  # of uint8 or int16


def label_type(classes: int) -> np.dtype[Any]:
    """What masks, targets and predicted labels of so many classes are made of.

    >>> str(label_type(255)), str(label_type(256))
    ('uint8', 'int16')
    """
    return np.dtype(np.uint8 if classes <= IGNORE else np.int16)


def ignored_label(classes: int) -> int:
    """The value of an ignored pixel, of that many classes."""
    return IGNORE if classes <= IGNORE else -1


def ignored_in(mask: NDArray[Any]) -> int:
    """The value of an ignored pixel in a mask."""
    return -1 if mask.dtype == np.int16 else IGNORE


def label_counts(labels: NDArray[Any], classes: int) -> NDArray[np.int64]:
    """(classes + 1,) pixels of each class; the last are ignored.

    >>> label_counts(np.array([0, 1, 1, 255], np.uint8), 2).tolist()
    [1, 2, 1]
    >>> label_counts(np.array([0, 299, -1, -1], np.int16), 300)[[0, 299, 300]].tolist()
    [1, 1, 2]
    """
    ignored = ignored_label(classes)
    if ignored < 0:
        return np.roll(np.bincount(labels.ravel().astype(np.int64) + 1, minlength=classes + 1), -1).astype(np.int64)
    counts = np.bincount(labels.ravel(), minlength=IGNORE + 1).astype(np.int64)
    return np.append(counts[:classes], counts[IGNORE])
