"""What samplers do, in one figure: how often the drawn half of an epoch shows each class, beside drawing all alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MARKS = (("o", "#0072B2"), ("s", "#E69F00"), ("^", "#009E73"), ("D", "#CC79A7"), ("v", "#D55E00"), ("P", "#000000"),
         ("X", "#56B4E9"), ("*", "#999999"))  # fmt: skip


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


def sampling_figure(
    presence: NDArray[np.bool_], weights: Mapping[str, NDArray[np.float64]], class_names: Sequence[str]
) -> Figure:
    """A row a class, the rarest on top, a mark a sampler: right of 1 it is drawn more often than with `x2`.

    Args:
        presence: (images, classes) whether an image of the train fold shows a class.
        weights: name of a sampler -> draw weights as `drawn_ratio` takes them.
        class_names: in index order.
    """
    images = presence.sum(axis=0)
    order = np.argsort(-images, kind="stable")  # the rarest gets the highest place
    place = np.arange(len(order))
    figure = Figure((9, 1.8 + 0.35 * len(order)), layout="constrained")
    axis = figure.subplots()
    for number, (name, values) in enumerate(weights.items()):
        mark, color = MARKS[number % len(MARKS)]
        shift = 0.12 * (number % len(MARKS) - (min(len(weights), len(MARKS)) - 1) / 2)
        axis.plot(drawn_ratio(presence, values)[order], place + shift, mark, color=color, label=name, markersize=6)
    axis.axvline(1, color="#999999", linewidth=1, zorder=0)
    axis.set_yticks(place, [f"{class_names[index]} ({images[index]} images)" for index in order.tolist()])
    axis.set_xlabel("times as often as when all images are drawn alike (x2)", loc="left")
    axis.grid(axis="x", alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper left", ncols=6, frameon=False)
    return figure
