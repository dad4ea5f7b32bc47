"""Class first, then an image that shows it: what is drawn is a class as much as an image."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

Temperature = Annotated[
    float,
    Field(
        0.01,
        ge=0.0001,
        description="rare_class: shares of the pixels that differ by it are drawn 1 to 2.7; large: all classes alike",
    ),
]


def rare_class(pixel_counts: NDArray[np.int64], *, rare_temperature: Temperature) -> NDArray[np.float64]:
    """Draw a class, the likelier the fewer pixels it has, then one of the images that show it, all alike.

    A class with a share f of the labelled pixels is drawn with a probability p proportional to
    exp((1 - f) / rare_temperature), and each of the n images that show it then gets p / n of it. An image is never
    drawn again because it shows little of the class, which would favour images full of classes.

    Args:
        rare_temperature: > 0; shares that differ by it are drawn in a ratio of 1 to e (2.7). DAFormer took 0.01 for
            19 classes of street scenes; far above 1 all classes are drawn alike.

    Returns:
        (classes, images) float64, sum 1: probability of a class and an image; the crop is placed on an
        object of that class. 0 for a class that the fold lacks and for an image without labelled pixels; where no
        image has any, all are equal.

    Source: Hoyer et al., DAFormer, arXiv:2111.14887, section 3.3 (rare class sampling; without its threshold of
        pixels an image must show).

    >>> pixel_counts = np.array([[3, 0], [2, 1], [2, 0]])
    >>> rare_class(pixel_counts, rare_temperature=0.75 / np.log(3)).round(3)  # 7 and 1 of 8 pixels: 1 to 3
    array([[0.083, 0.083, 0.083],
           [0.   , 0.75 , 0.   ]])
    """
    shown = (pixel_counts > 0).T  # (classes, images)
    total = pixel_counts.sum(axis=0)  # (classes,)
    if not total.any():
        return np.full(shown.shape, 1 / shown.size)
    share = total / total.sum()
    # From the rarest class that is there: exp of a large number would be infinite
    chance = np.where(total > 0, np.exp((share[total > 0].min() - share).clip(max=0) / rare_temperature), 0.0)
    chance /= chance.sum()
    return np.asarray(shown * (chance / np.maximum(shown.sum(axis=1), 1))[:, None])
