"""Every image as often as any other."""

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
