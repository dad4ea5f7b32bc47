"""What the numbers of a data set suggest: a sentence for each condition that they meet."""

import pandas as pd

from imbseg.datasets.spec import Dataset
from imbseg.errors import amount, listed
from imbseg.meta.rarity import (
    GINI_APART,
    MANY_EMPTY,
    classes_rare_by,
    empty_images,
    nothing_shown,
    shared_with_test,
    split_summary,
    ties_by_images,
    unlabelled_images,
)

FEW = 10  # images of a class in a validation fold, below which its score is mostly noise
BATCH = 8


def advice(images: pd.DataFrame, classes: pd.DataFrame, splits: pd.DataFrame, dataset: Dataset) -> list[str]:
    """The sentences, leaks between train and validation first."""
    if nothing_shown(classes, dataset):
        return [*_leak(images, splits, dataset), *_absent(classes, dataset)]
    return [
        *_leak(images, splits, dataset),
        *_absent(classes, dataset),
        *_split(splits),
        *_rare(images, classes, dataset),
        *_balance(classes, dataset),
        *_empty(images, dataset),
    ]


def names(classes: list[str], most: int = 6) -> str:
    """Class names in one line: the first few, and how many more."""
    return listed(classes, most)


def _leak(images: pd.DataFrame, splits: pd.DataFrame, dataset: Dataset) -> list[str]:
    found = []
    summary = split_summary(splits)
    leaks = summary[summary["leaking_groups"] > 0]
    folds = [str(name) for name in leaks.index if not str(name).endswith("/given")]
    given = "full/given" in summary.index
    left = int(summary["leaking_groups"]["full/given"]) if given else 0
    grouped = "full/grouped" in summary.index and (left > 0 or not given)
    if folds and given and not grouped:
        rest = f"{amount(left, 'group')} on both sides, not {int(leaks['leaking_groups'].max())}" if left else "no leak"
        found.append(
            f"Use the split `given`: {rest}. Folds put images of the same group on both sides "
            f"({names(folds)}), so their validation scores are optimistic."
        )
    elif folds and grouped:
        found.append(
            f"Use the split `grouped`: no leak. Other folds put images of the same group on both sides "
            f"({names(folds)}), so their validation scores are optimistic."
        )
    elif folds:
        found.append(
            f"Every fold shares groups with its train side ({names(folds)}), so validation scores are "
            f"optimistic: declare a `val` subset made of whole groups, and use the split `given`."
        )
    shared = shared_with_test(images) if dataset.group else 0
    if shared:
        found.append(
            f"Train pool and test set share {amount(shared, 'group')}: test scores are optimistic for new groups; "
            f"compare trials with each other only."
        )
    return found


def untrained(classes: pd.DataFrame, dataset: Dataset) -> str:
    """What to do about the classes that no train image shows; empty where each is shown."""
    absent = list(classes["class"][classes["images"].eq(0)])
    if not absent:
        return ""
    return (
        f"No train image shows {names(absent)}, so it cannot be learned. If the masks hold it as another number "
        f"(such as 255), give the class that 'value' and set ignore_index: null; else remove it from "
        f"{dataset.path.name}, or label some."
    )


def _absent(classes: pd.DataFrame, dataset: Dataset) -> list[str]:
    found = [told] if (told := untrained(classes, dataset)) else []
    untested = list(classes["class"][classes["test_images"].eq(0)])
    if untested:
        found.append(
            f"No test image shows {names(untested)}: its test IoU is 0 with any false positive and undefined without; "
            f"compare it on validation."
        )
    return found


def _split(splits: pd.DataFrame) -> list[str]:
    summary = split_summary(splits)
    folds = summary[[str(name).startswith("full/") and not str(name).endswith("/given") for name in summary.index]]
    few_images = "Use the split `given`, your own `val` subset: there are fewer train images than folds."
    found = [_most_even(folds)] if len(folds) else [few_images]
    few = summary[summary["rarest_in_smallest"].lt(FEW) & summary["rarest_class"].ne("")]
    if len(few):
        name, fewest = str(few["rarest_in_smallest"].idxmin()), int(few["rarest_in_smallest"].min())
        rarest = few["rarest_class"][name]
        holds = f"may hold {amount(fewest, 'image')} of {rarest} (`{name}`): its score there is mostly noise"
        lacks = f"may hold no image of {rarest} (`{name}`): it has no score there"
        found.append(f"A validation fold {holds if fewest else lacks}; compare means over folds and seeds.")
    return found


def _most_even(folds: pd.DataFrame) -> str:
    """By images; where all splits are alike by those, by pixels."""
    alike = ties_by_images(folds)
    kind = "pixels" if alike else "images"
    by = "deviation_pixels" if alike else "deviation_presence"
    best, off = str(folds.sort_values(["missing", by], kind="stable").index[0]), folds[by]
    by_pixels = folds["deviation_pixels"]
    other = "" if (even := str(by_pixels.idxmin())) == best else f" By pixels it is `{even}` ({by_pixels[even]:.1%})."
    if alike:
        other = f" By images all splits are alike ({folds['deviation_presence'][best]:.1%})."
    return (
        f"The most even split is `{best}`: on average a fold deviates by {off[best]:.1%} from its share of a class's "
        f"{kind} (`full/random`: {off['full/random']:.1%}).{other}"
    )


def _rare(images: pd.DataFrame, classes: pd.DataFrame, dataset: Dataset) -> list[str]:
    by_images = classes_rare_by(classes, "images")
    by_pixels = [name for name in classes_rare_by(classes, "pixels") if name not in by_images]
    small = classes_rare_by(classes, "size")
    found = []
    if by_images:
        found.append(
            f"Few images show {names(by_images)}: draw those images more often (sampling "
            f"`rare_class`, or `repeat_factor`). This repeats images without adding any, so use strong augmentation."
        )
    if by_pixels:
        fewest, total = int(classes.set_index("class").loc[by_pixels, "images"].min()), empty_images(images, dataset)[1]
        share = f"{fewest / total:.0%} of the images" + " or more" * (len(by_pixels) > 1)
        found.append(
            f"{names(by_pixels)}: in {'every image' if fewest == total else share}, with few pixels in each. Sampling "
            f"images also samples their common classes; weight the loss instead (`weighted_cross_entropy`)."
        )
    if small:
        pixels = images[["height", "width"]].median()
        side = max(1.0, float((classes["object_size"].min() * pixels["height"] * pixels["width"]) ** 0.5))
        found.append(
            f"Small objects: {names(small)} (the smallest class: typically {side:.0f} x {side:.0f} pixels). "
            f"No weight restores what downscaling removes: see what the grid caps "
            f"(`resize`, `crop`, `decoder_stride`)."
        )
    if not found:
        found.append("No class is rare by images, pixels or object size: start with plain `cross_entropy`.")
    return found


def _balance(classes: pd.DataFrame, dataset: Dataset) -> list[str]:
    from imbseg.meta.classes import ginis

    found = ginis(classes, dataset)
    if found["pixels"] > found["images"] + GINI_APART:
        return [
            f"The imbalance of pixels (Gini {found['pixels']:.2f}) exceeds that of images ({found['images']:.2f}): "
            f"weighting the loss is likelier to help than sampling images."
        ]
    if found["images"] > found["pixels"] + GINI_APART:
        return [
            f"The imbalance of images (Gini {found['images']:.2f}) exceeds that of pixels ({found['pixels']:.2f}): "
            f"sampling images is likelier to help than weighting the loss."
        ]
    return []


def _empty(images: pd.DataFrame, dataset: Dataset) -> list[str]:
    found = []
    if unlabelled := unlabelled_images(images, dataset):
        pool = int(images["subset"].ne("test").sum())
        found.append(
            f"{unlabelled} of {amount(pool, 'train image')} {'has' if unlabelled == 1 else 'have'} no labelled pixel: "
            f"nothing is learned from them. Leave them out of the id lists."
        )
    empty, total = empty_images(images, dataset)
    if dataset.background is None or empty < MANY_EMPTY * total:
        return found
    none = (empty / total) ** BATCH
    return [
        *found,
        f"{empty} of {total} train images ({empty / total:.0%}) have no foreground class: {none:.1%} of uniform "
        f"batches of {BATCH} have none at all. Draw the others more often (sampling `positive`), and compare IoU, "
        f"not pixel accuracy.",
    ]
