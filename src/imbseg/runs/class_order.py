"""The order of the classes in tables and figures: from the most pixels to the fewest."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.runs.counts import counts_of
from imbseg.runs.strategies import Group


class ClassOrder(NamedTuple):
    """Classes as figures list them.

    Attributes:
        places: their indices.
        shares: (classes,) of the test pixels, by index; None where no counts tell.
    """

    places: list[int]
    shares: NDArray[np.float64] | None

    @property
    def words(self) -> str:
        """What they are ordered by."""
        if self.shares is not None:
            return "by their test pixels, the most first"
        kept = self.places == sorted(self.places)
        return "in the data set's order" if kept else "the rarer in training, the lower"


def class_order(group: Group) -> ClassOrder:
    """Class indices from the most pixels to the fewest, with each class's share of the test pixels.

    The counts of a run tell the test images' true pixels; where they can't be read, class weights tell the order of
    the train fold (the heavier, the rarer), and where all weigh the same the classes keep their order.
    """
    runs = [run for strategy in group.strategies for run in strategy.runs]
    for run in runs:
        try:
            counts = counts_of(run, "counts_test.npz")
        except InputError:
            continue
        pixels = (counts.tp + counts.fn).sum(axis=0)  # (classes,)
        if pixels.sum():
            return ClassOrder(np.argsort(-pixels, kind="stable").tolist(), pixels / pixels.sum())
    weights = [list(run.about["weights_of_classes"].values()) for run in runs]
    telling = next((one for one in weights if len(set(one)) > 1), [0.0] * len(group.classes))
    return ClassOrder(np.argsort(np.array(telling, np.float64), kind="stable").tolist(), None)
