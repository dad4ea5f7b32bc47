"""Predictions and truth -> integers: what every score of a trial derives from, stored for each image."""

import dataclasses
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import ignored_label
from imbseg.errors import InputError
from imbseg.files import whole_file

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
BY_SIZE = ("object_tp", "object_fn", "objects")


@dataclasses.dataclass(frozen=True)
class Counts:
    """Pixels of every image and class.

    Attributes:
        ids: (images,) text.
        tp: (images, classes) pixels of the class predicted as it.
        fp: (images, classes) labelled pixels of another class predicted as it.
        fn: (images, classes) pixels of the class predicted as another.
        ignored: (images, classes) ignored pixels predicted as the class: in no score but the published ones.
        confusion: (classes, classes) pixels of the whole set, [truth, prediction].
        object_tp: (classes, 3) pixels of the whole set that belong to small, medium and large objects (see
            imbseg.metrics.object_size) and were predicted as their class; None where they weren't counted by size.
        object_fn: (classes, 3) such pixels predicted as another class.
        objects: (classes, 3) how many such objects there are.
        groups: (images,) text, each image's patient, scene or video; empty where the data set has none.
        components: (classes, 2, 3) of the whole set, see imbseg.metrics.components; None where they weren't counted.
        calibration: (classes, 15, 3) of the whole set, see imbseg.metrics.calibration; None likewise.
    """

    ids: NDArray[np.str_]
    tp: Integers
    fp: Integers
    fn: Integers
    ignored: Integers
    confusion: Integers
    object_tp: Integers | None = None
    object_fn: Integers | None = None
    objects: Integers | None = None
    groups: NDArray[np.str_] = dataclasses.field(default_factory=lambda: np.zeros(0, "U1"))
    components: Integers | None = None
    calibration: Floats | None = None


LATER = (*BY_SIZE, "groups")  # what files of an earlier version lack
APART = ("components", "calibration")  # what stands in tables of its own (see imbseg.metrics.tables)


def image_confusion(prediction: NDArray[np.integer], target: NDArray[np.integer], classes: int) -> Integers:
    """Count one image.

    Args:
        prediction: (height, width) class indices below `classes`.
        target: (height, width) class indices, see read_mask.
        classes: number of classes.

    Returns:
        (classes + 1, classes) int64: [truth, prediction]; the last row counts ignored pixels.

    Raises:
        ValueError: shapes differ, or an index is no class.
    """
    if prediction.shape != target.shape:
        raise ValueError(f"prediction is {prediction.shape}, target {target.shape}; they must be of one shape")
    labelled = target != ignored_label(classes)
    for indices in (prediction, target[labelled]):
        if indices.size and not 0 <= indices.min() <= indices.max() < classes:
            raise ValueError(f"an index is no class of {classes}")
    truth = np.where(labelled, target, classes).astype(np.int64)
    code = truth * classes + prediction
    return np.bincount(code.ravel(), minlength=(classes + 1) * classes).reshape(classes + 1, classes)


def collect(
    ids: list[str], confusions: Iterable[Integers], by_size: Integers | None = None, groups: Sequence[str] = ()
) -> Counts:
    """Put the images' confusions together.

    Args:
        ids: one id an image.
        confusions: one (classes + 1, classes) array an image, as `image_confusion` gives; of 1,000 classes one has
            8 MB, so they may come one by one.
        by_size: (3, classes, 3), the sum over the images of what `size_counts` gives; None: not counted by size.
        groups: one name an image, or none.
    """
    rows, whole = list[Integers](), None
    for one in confusions:  # never all at once: of 1,000 classes each takes 8 MB
        rows.append(np.stack(marginals(one)))
        whole = one[:-1].copy() if whole is None else whole + one[:-1]
    if whole is None:
        raise ValueError("expected one image or more, found none")
    return gathered(ids, rows, whole, by_size, groups)


def gathered(
    ids: list[str],
    rows: Sequence[Integers],
    whole: Integers,
    by_size: Integers | None = None,
    groups: Sequence[str] = (),
) -> Counts:
    """Put together what is kept of each image's confusion.

    Args:
        rows: (4, classes) an image, as `marginals` gives.
        whole: (classes, classes), the sum over the images.
        by_size: as in `collect`.
        groups: as in `collect`.
    """
    sized = dict(zip(BY_SIZE, by_size, strict=True)) if by_size is not None else {}
    tp, fp, fn, ignored = np.stack(rows, axis=1)  # (images, classes) each
    return Counts(np.array(ids), tp, fp, fn, ignored, whole, groups=np.array(groups, np.str_), **sized)


def marginals(confusions: Integers) -> tuple[Integers, Integers, Integers, Integers]:
    """What is kept of each image's confusion: TP, FP, FN and ignored pixels of each class.

    Args:
        confusions: (..., classes + 1, classes), as `image_confusion` gives.

    Returns:
        Four arrays (..., classes).
    """
    labelled = confusions[..., :-1, :]
    tp = np.diagonal(labelled, axis1=-2, axis2=-1).copy()
    return tp, labelled.sum(axis=-2) - tp, labelled.sum(axis=-1) - tp, confusions[..., -1, :].copy()


def of_images(counts: Counts, rows: NDArray[np.int64]) -> Counts:
    """The counts of some images, in another order; what belongs to the whole set stays as it is.

    Args:
        counts: of all images.
        rows: (chosen,) places of images.
    """
    parts = {name: getattr(counts, name)[rows] for name in ("ids", "tp", "fp", "fn", "ignored")}
    return dataclasses.replace(counts, **parts, groups=counts.groups[rows] if counts.groups.size else counts.groups)


def same_truth(one: Counts, other: Counts) -> bool:
    """Whether two runs counted the same images, with the same pixels of each class."""
    return np.array_equal(one.ids, other.ids) and np.array_equal(one.tp + one.fn, other.tp + other.fn)


def in_order_of(first: Counts, counts: Counts) -> Counts | None:
    """Counts with their images in the order of the first; None where the two are not of the same images."""
    if np.array_equal(counts.ids, first.ids):
        return counts
    place = {name: number for number, name in enumerate(counts.ids.tolist())}
    if place.keys() != set(first.ids.tolist()) or not len(place) == len(counts.ids) == len(first.ids):
        return None
    return of_images(counts, np.array([place[name] for name in first.ids.tolist()], np.int64))


def save_counts(path: Path, counts: Counts) -> None:
    """Write counts as compressed NumPy arrays, whole or not at all."""
    with whole_file(path) as temporary:
        stored = {name: array for name, array in dataclasses.asdict(counts).items() if name not in APART}
        np.savez_compressed(temporary, **{name: array for name, array in stored.items() if array is not None})


def load_counts(path: Path) -> Counts:
    """Read counts back; those of an earlier version have no sizes and no groups.

    Raises:
        InputError: the file is missing, cut short, or lacks an array.
    """
    names = [field.name for field in dataclasses.fields(Counts) if field.name not in APART]
    try:
        with path.open("rb") as handle, np.load(handle) as stored:
            found = {name: stored[name] for name in names if name in stored or name not in LATER}
    except (OSError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"counts {path}: can't be read ({error}); start the trial again") from error
    _check_kinds(path, found)
    return Counts(**found)


def _check_kinds(path: Path, found: Mapping[str, NDArray[np.generic]]) -> None:
    """Ids are texts, everything else whole numbers; a row an image, a column a class."""
    ids, tp = found["ids"], found["tp"]
    right = ids.ndim == 1 and ids.dtype.kind == "U" and tp.ndim == 2 and len(tp) == len(ids)
    for name, values in found.items():
        right = right and values.dtype.kind == ("U" if name in ("ids", "groups") else "i")
        right = right and (name not in ("fp", "fn", "ignored") or values.shape == tp.shape)
    if not right:
        raise InputError(f"counts {path}: holds other arrays than a trial writes; start the trial again")
