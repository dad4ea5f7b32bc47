"""Every image alike, or weights from how many share a label: the published experiment's 1 / log frequency."""

import numpy as np
from numpy.typing import NDArray


def uniform(major_class: NDArray[np.str_]) -> NDArray[np.float64]:
    """Give every image the weight 1.

    `none` sees the train fold once an epoch; `x2` twice, which is the baseline of every other sampler since they
    spend the same number of steps.

    >>> uniform(np.array(["cat", "dog"]))
    array([1., 1.])
    """
    return np.ones(len(major_class))


def label(major_class: NDArray[np.str_]) -> NDArray[np.float64]:
    """Draw an image the more, the fewer images of the train fold have its major class.

    Args:
        major_class: (images,) text: the class, background aside, with most pixels in the image; the images without
            any labelled pixel (empty text) count as one class of their own.

    Returns:
        (images,) float64: 1 / log(1 + n), n the images of that major class.

    Source: the published experiment (its `cnt` sampling) took 1 / log(n), which is infinite at n = 1 and without
        sign below; 1 + n keeps the order and the scale for large n, and gives 1.44 at n = 1. A class with n = 0
        has no image that could be drawn.

    >>> label(np.array(["cat", "dog", "dog", "dog"])).round(3)
    array([1.443, 0.721, 0.721, 0.721])
    """
    return _inverse_log_frequency(major_class)


def cluster(cluster: NDArray[np.int64]) -> NDArray[np.float64]:
    """Draw an image the more, the fewer images of the train fold share its k-means cluster of class proportions.

    Returns:
        (images,) float64: 1 / log(1 + n), n the images of that cluster; see `label`.

    Source: the published experiment.
    """
    return _inverse_log_frequency(cluster)


def _inverse_log_frequency(key: NDArray[np.generic]) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(key, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = 1.0 / np.log1p(counts[inverse])
    return weights
