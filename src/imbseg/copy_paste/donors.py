"""Source instances of a train fold: instances where the data set has instance masks, else connected components."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset

if TYPE_CHECKING:
    import pandas as pd

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
    row = images.reset_index(drop=True)
    place = {name: number for number, name in enumerate(row["id"])}
    own = objects[objects["id"].isin(place.keys())]
    image = np.array([place[name] for name in own["id"]], np.int64)
    label = _labels(own, dataset)
    pixels = own["pixels"].to_numpy(np.int64)
    area = (row["height"] * row["width"]).to_numpy(np.int64)[image]
    large = pixels > paste_max_share * area
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


def _labels(objects: pd.DataFrame, dataset: Dataset) -> NDArray[np.int64]:
    index = {name: number for number, name in enumerate(dataset.class_names)}
    return np.array([index[name] for name in objects["class"]], np.int64)


def _regions(
    label: NDArray[np.int64], pixels: NDArray[np.int64], large: NDArray[np.bool_], classes: int
) -> NDArray[np.bool_]:
    """(classes,) whether most of a class lies in pieces that are too large to be objects."""
    all_of_it = np.bincount(label, weights=pixels, minlength=classes)
    in_large = np.bincount(label[large], weights=pixels[large], minlength=classes)
    return np.asarray(in_large > REGION * all_of_it)
