"""What samplers do, in one figure: how often the drawn half of an epoch shows each class, beside drawing all alike."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.canvas import FAINT, MARKS, SERIES, SOFT, Canvas, drawing, name_rows


def drawn_ratio(presence: NDArray[np.bool_], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often draws by weight show each class, relative to drawing all images alike.

    Args:
        presence: (images, classes) whether an image shows a class.
        weights: (images,) draw weights, not all 0, or (classes, images) of a class and an image together.

    Returns:
        (classes,) float64; NaN for a class that no image shows.

    >>> drawn_ratio(np.array([[True, True], [True, False]]), np.array([3.0, 1.0]))
    array([1. , 1.5])
    """
    alike = presence.mean(axis=0)
    share = weights.sum(axis=0) if weights.ndim == 2 else weights
    drawn = presence.T @ (share / share.sum())
    ratio: NDArray[np.float64] = np.divide(drawn, alike, out=np.full(len(alike), np.nan), where=alike > 0)
    return ratio


@drawing()
def sampling_figure(
    presence: NDArray[np.bool_], weights: Mapping[str, NDArray[np.float64]], class_names: Sequence[str]
) -> Canvas:
    """A row a class, the rarest on top, a mark a sampler: right of 1 it is drawn more often than with `x2`.

    Args:
        presence: (images, classes) whether an image of the train fold shows a class.
        weights: name of a sampler -> draw weights as `drawn_ratio` takes them.
        class_names: in index order.
    """
    images = presence.sum(axis=0)
    order = np.argsort(-images, kind="stable")  # the rarest gets the highest place
    canvas = Canvas(9, 1.8 + 0.35 * len(order), "How often samplers draw each class, relative to x2", "constrained")
    axis = canvas.subplots()
    for number, (name, values) in enumerate(weights.items()):
        mark, color = MARKS[number % len(MARKS)], SERIES[number % len(SERIES)]
        shift = 0.12 * (number % len(MARKS) - (min(len(weights), len(MARKS)) - 1) / 2)
        place = np.arange(len(order)) + shift
        axis.plot(drawn_ratio(presence, values)[order], place, mark, color=color, label=name, markersize=6)
    axis.axvline(1, color=SOFT, linewidth=1, zorder=0)
    name_rows(axis, [f"{class_names[index]} ({images[index]} images)" for index in order.tolist()])
    axis.set_xlabel("times as often as when all images are drawn alike (x2)", loc="left")
    axis.grid(axis="x", color=FAINT)
    canvas.legend(loc="outside upper left", ncols=6)
    return canvas
