"""classes.csv: how common each class is, by images, objects and pixels, and which group it belongs to."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset
from imbseg.meta.read import pixel_counts

KINDS = ("images", "objects", "pixels")


def class_table(images: pd.DataFrame, objects: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """A row a class, in index order.

    Columns: `class, group`; of the train pool (train and val) `images, objects, pixels`, their shares (of the pool's
    images, of all its objects, of its labelled pixels) and `object_size` (see `typical_size`); the same with
    `_imbalanced` behind where the data set declares an imbalance; `test_images, test_pixels`.
    """
    pool = images["subset"].ne("test")
    sizes = typical_size(images[pool], objects, dataset)
    table = pd.DataFrame({"class": list(dataset.class_names), **_counts(images[pool], objects, dataset, "")})
    table["object_size"] = sizes
    if dataset.imbalance:
        kept = images[pool & images["kept"].eq(1)]
        table = table.assign(**_counts(kept, objects, dataset, "_imbalanced"))
    test = pixel_counts(images[~pool], dataset)
    table["test_images"], table["test_pixels"] = (test > 0).sum(axis=0), test.sum(axis=0)
    table.insert(1, "group", groups(table["pixels"].to_numpy("int64"), dataset))
    return table


def groups(pixels: NDArray[np.int64], dataset: Dataset) -> list[str]:
    """`head`, `medium` or `tail` for each class.

    The data set file's own groups; a class that stands in none gets "". Without them the classes are sorted by their
    pixels, background aside, and cut in thirds: the rarest third is the tail (at least one class), the most common the
    head, what is between medium; background belongs to the head.

    Args:
        pixels: (classes,) int, pixels of each class in the train pool.
    """
    if dataset.groups is not None:
        declared = {name: group for group, names in dataset.groups.items() for name in names}
        return [declared.get(name, "") for name in dataset.class_names]
    order = [int(index) for index in np.argsort(pixels, kind="stable") if index != dataset.background_index]
    third = max(1, round(len(order) / 3))
    tail, head = set(order[:third]), set(order[third:][-third:])
    return [
        "tail" if index in tail else "head" if index in head or index == dataset.background_index else "medium"
        for index in range(len(pixels))
    ]


def gini(values: NDArray[np.int64]) -> float:
    """The Gini coefficient of class counts: 0 where all are equal, towards 1 where one class has everything.

    Args:
        values: (classes,) numbers >= 0.

    Returns:
        Half the mean absolute difference of two classes, divided by the mean; 0 where there is nothing.

    >>> gini(np.array([5, 5, 5])), gini(np.array([0, 0, 0, 8]))
    (0.0, 0.75)
    """
    ascending = np.sort(np.asarray(values, float))
    count, total = len(ascending), ascending.sum()
    if total == 0:
        return 0.0
    return round(float(((2 * np.arange(1, count + 1) - count - 1) * ascending).sum() / (count * total)), 6)


def ginis(table: pd.DataFrame, dataset: Dataset) -> dict[str, float]:
    """Gini of images, objects and pixels over the classes of classes.csv, background left out."""
    rows = table[table["class"].ne(dataset.background or "")] if len(table) > 1 else table
    columns = [column for kind in KINDS for column in (kind, f"{kind}_imbalanced") if column in table]
    return {column: gini(rows[column].to_numpy("int64")) for column in columns}


def object_counts(images: pd.DataFrame, objects: pd.DataFrame, dataset: Dataset) -> NDArray[np.int64]:
    """(images, classes) int64: objects of each class in each of these images."""
    row = pd.Index(images["id"]).get_indexer(pd.Index(objects["id"]))
    column = pd.Index(dataset.class_names).get_indexer(pd.Index(objects["class"]))
    width = len(dataset.classes)
    flat = np.bincount((row * width + column)[row >= 0], minlength=len(images) * width)
    return flat.reshape(len(images), width).astype(np.int64)


def object_shares(images: pd.DataFrame, objects: pd.DataFrame) -> pd.DataFrame:
    """`class, pixels, share` of the objects in these images: share is of the image's own area, in (0, 1]."""
    area = pd.Series((images["height"] * images["width"]).to_numpy(), index=pd.Index(images["id"]))
    own = objects[objects["id"].isin(area.index)]
    return pd.DataFrame(
        {"class": own["class"], "pixels": own["pixels"], "share": own["pixels"] / area.loc[own["id"]].to_numpy()}
    )


def typical_size(images: pd.DataFrame, objects: pd.DataFrame, dataset: Dataset) -> list[float]:
    """The share of an image that an object of each class covers: half of the class's pixels lie in smaller objects.

    The plain median would tell the size of the crumbs that outlines leave behind, which are many and hold no pixels.

    Returns:
        (classes,) floats in (0, 1], rounded to 6 digits or to the first that counts; NaN for a class without objects.
    """
    shares = object_shares(images, objects).sort_values("share", kind="stable")
    found = {}
    for name, rows in shares.groupby("class"):
        reached = rows["pixels"].cumsum().to_numpy()
        found[str(name)] = float(rows["share"].to_numpy()[np.searchsorted(reached, reached[-1] / 2)])
    rounded = {name: round(share, 6) or float(f"{share:.1g}") for name, share in found.items()}
    return [rounded.get(name, float("nan")) for name in dataset.class_names]


def _counts(rows: pd.DataFrame, objects: pd.DataFrame, dataset: Dataset, ending: str) -> dict[str, NDArray[np.float64]]:
    pixels = pixel_counts(rows, dataset)  # (images, classes)
    counts = ((pixels > 0).sum(axis=0), object_counts(rows, objects, dataset).sum(axis=0), pixels.sum(axis=0))
    wholes = (len(rows), counts[1].sum(), counts[2].sum())
    table = {f"{kind}{ending}": count for kind, count in zip(KINDS, counts, strict=True)}
    shares = {
        f"{kind[:-1]}_share{ending}": np.round(count / max(int(whole), 1), 6)
        for kind, count, whole in zip(KINDS, counts, wholes, strict=True)
    }
    return table | shares
