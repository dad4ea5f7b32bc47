"""Which classes are rare, by which of three measures; each kind of rarity has remedies of its own."""

from typing import Any

import pandas as pd

from imbseg.datasets.spec import Dataset

DEVIATIONS = ("presence", "pixels", "proportion", "objects")  # of splits.csv
FEW_IMAGES = 50  # below: fewer than ten in each of five validation folds
PIXEL_FRACTION = 0.2  # of the pixels a class would have if all had equally many
SMALL_OBJECT = (
    0.005  # of an image: 36 x 36 pixels of 512 x 512, some two cells of the feature map each way at stride 16
)
MANY_EMPTY = 0.25  # share of train images without foreground, from which it counts as a kind of rarity
GINI_APART = 0.15  # from which two Gini coefficients tell whether the imbalance is one of images or of pixels


def rare_by(table: pd.DataFrame, dataset: Dataset, ending: str = "") -> list[str]:
    """What each class is rare by: `images`, `pixels`, `size`, several with a blank between, or "".

    By images: fewer than half of the median class's, or fewer than FEW_IMAGES and than half of those that show the
    commonest class (in a small data set all classes have few). By pixels: a share below PIXEL_FRACTION
    of an equal share. By size: a typical object covers less than SMALL_OBJECT of its image. Background is never rare,
    and neither is a class that no image shows: no remedy finds any; both don't count for the median.

    Args:
        ending: "_imbalanced" for what the deliberate imbalance leaves.
    """
    aside = table["class"].eq(dataset.background or "") | table[f"images{ending}"].eq(0)
    median = float(table[f"images{ending}"][~aside].median()) if not aside.all() else 0.0
    images = table[f"images{ending}"]
    found = {
        "images": images.lt(median / 2) | (images.lt(FEW_IMAGES) & images.lt(images.max() / 2)),
        "pixels": table[f"pixel_share{ending}"].lt(PIXEL_FRACTION / len(table)),
        "size": table["object_size"].lt(SMALL_OBJECT),
    }
    return [" ".join(kind for kind, is_rare in found.items() if is_rare[row] and not aside[row]) for row in table.index]


def classes_rare_by(table: pd.DataFrame, kind: str, ending: str = "") -> list[str]:
    """Names of the classes of classes.csv that are rare by `images`, `pixels` or `size`, the rarest first."""
    rows = table[table[f"rare_by{ending}"].str.split().map(lambda kinds: kind in kinds)]
    order = {"images": f"images{ending}", "pixels": f"pixels{ending}", "size": "object_size"}[kind]
    return [str(name) for name in rows.sort_values(order, kind="stable")["class"]]


def empty_images(images: pd.DataFrame, dataset: Dataset) -> tuple[int, int]:
    """(images that show nothing but background, images with a labelled pixel) of the train pool."""
    labelled = _labelled(images, dataset)
    shown = labelled.drop(columns=f"pixels:{dataset.background}", errors="ignore")
    return int((shown.sum(axis=1) == 0).sum()), len(labelled)


def unlabelled_images(images: pd.DataFrame, dataset: Dataset) -> int:
    """Images of the train pool whose pixels are all ignored."""
    return int(images["subset"].ne("test").sum()) - len(_labelled(images, dataset))


def nothing_shown(classes: pd.DataFrame, dataset: Dataset) -> bool:
    """Whether no train image shows a class beside background."""
    return not classes["images"][classes["class"].ne(dataset.background or "")].any()


def _labelled(images: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The classes' pixels in the images of the train pool that have any."""
    pixels = images[[f"pixels:{name}" for name in dataset.class_names]]
    return pixels[images["subset"].ne("test") & pixels.gt(0).any(axis=1)]


def ties_by_images(folds: pd.DataFrame) -> bool:
    """Whether all splits keep the classes' images alike, to a tenth of a per cent, but not their pixels."""
    printed = folds[["deviation_presence", "deviation_pixels"]].round(3).nunique()
    return bool(printed["deviation_presence"] < 2 <= printed["deviation_pixels"])


def split_summary(splits: pd.DataFrame) -> pd.DataFrame:
    """splits.csv, its seeds together: a row `imbalance/split` with mean deviations, the worst of the other numbers."""
    name = splits["column"].str.split("/").str[:2].str.join("/")
    worst: dict[str, Any] = {"rarest_in_smallest": "min", "missing": "max", "leaking_groups": "max", "groups": "max"}
    means = {f"deviation_{kind}": "mean" for kind in DEVIATIONS}
    return splits.groupby(name, sort=False).agg({**means, **worst, "rarest_class": "first"})


def shared_with_test(images: pd.DataFrame) -> int:
    """How many groups have images both in the train pool and in the test set."""
    test = images["subset"].eq("test")
    return len(set(images["group"][test]) & set(images["group"][~test]))
