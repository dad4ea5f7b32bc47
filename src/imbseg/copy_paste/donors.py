"""Source instances of a train fold, and a generator -> those pasted into one sample: which, how large, and where.

They are instances where the data set has instance masks, else connected components.
"""

import dataclasses
import functools

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset

MOST_BOX = 2**25  # pixels of a box that is read to cut an instance; only large images have larger ones
REGION = 0.5  # a class is a region, no objects, where more of its pixels lie in pieces that are too large


@dataclasses.dataclass(frozen=True)
class Donors:
    """Source instances, a row each, in the order of their images.

    Attributes:
        image: (objects,) int64, row of the train fold.
        label: (objects,) int64, class index.
        number: (objects,) int64, the object's number in the instance mask; without one it says nothing.
        box: (objects, 4) int64: x, y, width, height in the file's pixels.
        pixels: (objects,) int64, the object's own.
    """

    image: NDArray[np.int64]
    label: NDArray[np.int64]
    number: NDArray[np.int64]
    box: NDArray[np.int64]
    pixels: NDArray[np.int64]
    classes: int

    @functools.cached_property
    def counts(self) -> NDArray[np.int64]:
        """(classes,) source instances of each class."""
        return np.bincount(self.label, minlength=self.classes).astype(np.int64)

    @functools.cached_property
    def of_class(self) -> list[NDArray[np.int64]]:
        """For each class, the rows of its objects."""
        return [np.flatnonzero(self.label == index) for index in range(self.classes)]


def find_donors(
    images: pd.DataFrame, objects: pd.DataFrame, dataset: Dataset, *, paste_min_pixels: int, paste_max_share: float
) -> Donors:
    """Choose the source instances: objects of a train fold within the area bounds.

    A class most of whose pixels lie in pieces above the upper bound is a region such as road or sky: its smaller pieces
    are crumbs of it, and none of them gives.

    Args:
        images: rows of images.csv, those of the train fold alone: nobody else's objects give.
        paste_min_pixels: smallest object, in the file's pixels.
        paste_max_share: largest object, as a share of its image's area.
    """
    rows = pd.Index(images["id"]).get_indexer(objects["id"])  # -1: not of this fold
    own, image = objects[rows >= 0], rows[rows >= 0]
    label = pd.Index(dataset.class_names).get_indexer(own["class"])
    pixels = own["pixels"].to_numpy(np.int64)
    area = (images["height"] * images["width"]).to_numpy(np.int64)[image]
    large = pixels > paste_max_share * area
    large |= (own["width"] * own["height"]).to_numpy(np.int64) > MOST_BOX
    chosen = (pixels >= paste_min_pixels) & ~large & ~_regions(label, pixels, large, len(dataset.classes))[label]
    kept = np.flatnonzero(chosen)
    kept = kept[np.argsort(image[kept], kind="stable")]
    return Donors(
        image=image[kept],
        label=label[kept],
        number=own["object"].to_numpy(np.int64)[kept],
        box=own[["x", "y", "width", "height"]].to_numpy(np.int64)[kept],
        pixels=pixels[kept],
        classes=len(dataset.classes),
    )


def _regions(
    label: NDArray[np.int64], pixels: NDArray[np.int64], large: NDArray[np.bool_], classes: int
) -> NDArray[np.bool_]:
    """(classes,) whether most of a class lies in pieces that are too large to be objects."""
    all_of_it = np.bincount(label, weights=pixels, minlength=classes)
    in_large = np.bincount(label[large], weights=pixels[large], minlength=classes)
    return np.asarray(in_large > REGION * all_of_it)


@dataclasses.dataclass(frozen=True)
class Placement:
    """One pasted instance.

    Attributes:
        scale: factor on top of the one that brings the source image to the size of training.
        centre: (x, y) of the object's box, as shares of the sample's width and height, in [0, 1).
    """

    donor: int
    scale: float
    flip: bool
    centre: tuple[float, float]


def draw(
    rng: np.random.Generator,
    donors: Donors,
    class_weights: NDArray[np.float64],
    *,
    probability: float,
    objects: int,
    scale: tuple[float, float],
    flip: float,
) -> list[Placement]:
    """Draw whether, how many (1 to `objects`), and for each a class by weight, one of its instances, and a place.

    Args:
        donors: the source instances; those of a class with weight are equally likely.
        class_weights: (classes,) relative; 0 for every class without a source instance.
        probability: that anything is pasted.
        objects: most pasted instances.
        scale: smallest and largest factor, drawn log-uniform.

    >>> one = np.array([0])
    >>> donors = Donors(one, one, one, np.array([[0, 0, 4, 4]]), np.array([16]), 1)
    >>> draw(np.random.default_rng(1), donors, np.ones(1), probability=0, objects=3, scale=(1, 1), flip=0)
    []
    """
    total = class_weights.sum()
    if rng.random() >= probability or not total:
        return []
    chance = rng.random((int(rng.integers(1, objects, endpoint=True)), 6))
    edges = np.cumsum(class_weights) / total
    low, high = np.log(scale[0]), np.log(scale[1])
    found = []
    for one in chance.tolist():
        label = int(np.searchsorted(edges, one[0], side="right"))
        label = min(label, int(np.flatnonzero(class_weights)[-1]))  # edges may end a rounding below 1
        rows = donors.of_class[label]
        factor = float(np.exp(low + (high - low) * one[2]))
        found.append(Placement(int(rows[int(one[1] * len(rows))]), factor, one[3] < flip, (one[4], one[5])))
    return found
