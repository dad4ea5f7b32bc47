"""A picture, its truth and what a network makes of it: what is shown of a run, where counts alone don't tell."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels

Bytes = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Predicted:
    """One image of a data set as a network labels it.

    Attributes:
        picture: (height, width, 3) uint8, red, green, blue, as the file has it.
        truth: (height, width) class indices, see read_mask.
        prediction: (height, width) class indices.
        step: of a large image every second, third ... pixel is there.
    """

    image_id: str
    picture: Bytes
    truth: Labels
    prediction: Labels
    step: int = 1


@dataclasses.dataclass(frozen=True)
class Predictions:
    """Images of one run, predicted again.

    Attributes:
        images: in the order that was asked for.
        doubt: a sentence where they differ from what the run counted when it was tested; else empty.
    """

    images: tuple[Predicted, ...]
    doubt: str = ""
