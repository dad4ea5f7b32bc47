"""Which classes are pasted: none, the rare ones, those that scored worst earlier, those that score worst now."""

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imbseg.copy_paste import WORST

Fewer = Annotated[
    Annotated[int, Field(ge=1)] | Literal["median"],
    Field(
        60, description="rare: classes with fewer objects in the train fold are pasted; median: than the median class"
    ),
]


def none(object_counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Paste no object of any class.

    Returns:
        (classes,) float64, the chance with which a pasted object is of a class: all 0.

    >>> none(np.array([3, 1]))
    array([0., 0.])
    """
    return np.zeros(len(object_counts))


def rare(object_counts: NDArray[np.int64], *, rare_objects: Fewer) -> NDArray[np.float64]:
    """Paste classes with few objects, likelier the fewer.

    Returns:
        (classes,) float64: 1 / objects for a rare class, else 0.

    Source: the published experiment (its copy-paste by count: fewer than 60 objects).

    >>> rare(np.array([0, 100, 50, 20]), rare_objects=60)
    array([0.  , 0.  , 0.02, 0.05])
    """
    there = object_counts > 0
    if rare_objects == "median":
        limit = float(np.median(object_counts[there])) if there.any() else 0.0
    else:
        limit = float(rare_objects)
    return np.where(there & (object_counts < limit), 1.0, 0.0) / np.maximum(object_counts, 1)


def weak(object_counts: NDArray[np.int64], weak_classes: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Paste the classes that scored worst in earlier work, each as often as the others.

    Returns:
        (classes,) float64: 1 for a weak class with an object, else 0.

    Source: the published experiment (its copy-paste by performance).

    >>> weak(np.array([0, 9, 5]), np.array([True, False, True]))
    array([0., 0., 1.])
    """
    return ((object_counts > 0) & weak_classes).astype(np.float64)


def adaptive(object_counts: NDArray[np.int64], class_iou: NDArray[np.float64]) -> NDArray[np.float64]:
    """Paste the classes that scored worst in this trial's last validation, likelier the fewer objects they have.

    The worst third (at least one) of the classes that have objects and a score; between equal scores the class with
    fewer objects. Before the first validation, all classes with objects.

    Returns:
        (classes,) float64: 1 / objects for a class among the worst, else 0.

    >>> adaptive(np.array([0, 100, 50, 20]), np.array([0.1, 0.2, 0.9, 0.8]))
    array([0.  , 0.01, 0.  , 0.  ])
    """
    there = object_counts > 0
    scored = np.flatnonzero(there & ~np.isnan(class_iou))
    order = scored[np.lexsort([object_counts[scored], class_iou[scored]])]
    worst = order[: max(1, round(len(order) / WORST))] if len(order) else np.flatnonzero(there)
    chosen = np.isin(np.arange(len(object_counts)), worst)
    return np.where(chosen, 1.0, 0.0) / np.maximum(object_counts, 1)
