"""What a trial takes from meta: its rows, and the class and draw weights that its own train fold gives."""

import csv
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg import ranks
from imbseg.augment.boxes import Boxes
from imbseg.augment.geometry import typical_size
from imbseg.copy_paste.donors import Donors
from imbseg.datasets import decoded
from imbseg.datasets.readers.layout import Limits
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import sha256
from imbseg.losses import CLASS_WEIGHTS
from imbseg.meta import read
from imbseg.meta.unchanged import check_masks
from imbseg.sampling import SAMPLING
from imbseg.sampling.order import EpochBatches
from imbseg.training.large import check_large
from imbseg.training.limits import record
from imbseg.training.paste import paste_record, read_donors
from imbseg.training.samples import Files
from imbseg.trial import Trial
from imbseg.windows.cells import Cells


@dataclasses.dataclass(frozen=True)
class Fold:
    """The images of a trial, and what its train fold's frequencies give.

    Attributes:
        train, val, test: where the images lie.
        draw_weights: (train images,) relative weights, or (classes, train images) where a class is drawn too.
        columns: of the train images, by the names that samplers call them.
        boxes: the train images' objects; None where no crop is placed on one.
        class_weights: (classes,) float64.
        class_priors: (classes,) float64, shares of the labelled pixels.
        groups: head, medium, tail -> class names.
        absent: train, val, test -> names of the classes that no pixel of theirs shows.
        donors: objects of the train fold that may be pasted; None without copy-paste.
        image_weights: of the train images' losses; None: all alike.
        limits: which values become 0 and 1, a number a channel; None: not measured yet.
    """

    train: Files
    val: Files
    test: Files
    draw_weights: NDArray[np.float64]
    columns: dict[str, Any]
    boxes: Boxes | None
    class_weights: NDArray[np.float64]
    class_priors: NDArray[np.float64]
    groups: dict[str, list[str]]
    absent: dict[str, list[str]]
    meta_digest: str
    donors: Donors | None = None
    image_weights: list[float] | None = None
    limits: Limits | None = None


def read_fold(trial: Trial, dataset: Dataset) -> Fold:
    """Read a trial's fold from meta.

    Raises:
        InputError: meta is missing, stale, or lacks the fold (the message says what to run), there is nothing to
            paste, or decoded images can't be kept.
    """
    if trial.root and not dataset.root.is_dir():
        other = "mend --root, or leave it out to take the root meta was made from"
        raise InputError(f"root: {trial.root} is missing; {other}")
    meta = read.read_meta(dataset, read.meta_folder(dataset, trial.meta))
    check_masks(dataset, meta.folder)
    train, val = read.fold_rows(meta, read.fold_column(trial.imbalance, trial.split, trial.seed_of_split), trial.fold)
    pixels = read.pixel_counts(train, dataset)
    root, test = meta.root(dataset), read.test_rows(meta)
    pool = Files.of(meta.images[meta.images["subset"].ne("test")], root, dataset)
    entries = decoded.entries(dataset, pool.images, pool.sizes, trial.cache_mb, pool.large)
    columns = sampler_columns(train, pixels, dataset.background_index)
    weights = draw_weights(trial, columns, np.full(pixels.shape[1], np.nan))
    placed = weights.ndim == 2 or trial.crop_on_object > 0
    files = {"train": _files(train, root, dataset, entries), "val": _files(val, root, dataset, entries)}
    files["test"] = _files(test, root, dataset, {})
    check_large(trial, files)
    return Fold(
        train=files["train"],
        val=files["val"],
        test=files["test"],
        draw_weights=weights,
        columns=columns,
        boxes=_boxes(meta, list(train["id"]), dataset) if placed else None,
        class_weights=class_weights(trial, pixels),
        class_priors=pixels.sum(axis=0) / max(int(pixels.sum()), 1),
        groups=_groups(meta.classes),
        absent={name: _absent(rows, dataset) for name, rows in (("train", train), ("val", val), ("test", test))},
        meta_digest=meta.digest,
        donors=None if trial.copy_paste == "none" else read_donors(trial, dataset, train, meta.objects),
        image_weights=read_image_weights(trial.image_weights, list(train["id"])) if trial.image_weights else None,
    )


def fold_record(fold: Fold, trial: Trial, dataset: Dataset) -> dict[str, Any]:
    """What trial.json keeps of a fold."""
    names, layout = dataset.class_names, dataset.layout
    return {
        "weights_of_classes": dict(zip(names, fold.class_weights.tolist(), strict=True)),
        "class_groups": fold.groups,
        **{f"{subset}_images": len(getattr(fold, subset).ids) for subset in ("train", "val", "test")},
        "train_size": typical_size(fold.train.sizes),
        "class_priors": dict(zip(names, fold.class_priors.tolist(), strict=True)),
        **({"image_weights_sha256": sha256(trial.image_weights)} if trial.image_weights else {}),
        **(record(layout, fold.limits) if fold.limits else {}),
        **paste_record(trial, dataset, fold.donors),
    }


def epoch_batches(trial: Trial, fold: Fold) -> EpochBatches:
    """The order in which a trial shows the images of its train fold, epoch by epoch."""
    return EpochBatches(
        fold.draw_weights,
        doubled=trial.sampling != "none",
        seed=trial.seed,
        batch_size=trial.batch_size,
        has_object=None if fold.boxes is None else fold.boxes.has_object(len(fold.class_priors)),
        crop_on_object=trial.crop_on_object,
        repeats=trial.samples_per_image,
        rank=ranks.rank(),
        ranks=ranks.size(),
    )


def sampler_columns(rows: Any, pixels: NDArray[np.int64], background: int | None) -> dict[str, Any]:
    """What samplers may ask of the train fold, by the names of their arguments.

    Args:
        pixels: (images, classes) labelled pixels.
    """
    return {
        "major_class": rows["major_class"].to_numpy(str),
        "cluster": rows["cluster"].fillna(-1).to_numpy(np.int64),
        "pixel_counts": pixels,
        "background": background,
    }


def draw_weights(trial: Trial, columns: dict[str, Any], class_scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ask the trial's sampler for weights, giving it the columns and parameters that it names.

    Args:
        class_scores: (classes,) how the trial does so far; NaN where there is no score yet.
    """
    settings = {name: getattr(trial, name) for name in SAMPLING.declares()}
    weights: NDArray[np.float64] = SAMPLING.call(trial.sampling, {**settings, **columns, "class_scores": class_scores})
    images, classes = np.shape(columns["pixel_counts"])
    sound = np.shape(weights) in ((images,), (classes, images)) and np.isfinite(weights).all() and np.all(weights >= 0)
    if not sound or not np.any(weights):
        raise InputError(
            f"sampling {trial.sampling!r}: expected weights of shape ({images},) or ({classes}, {images}), finite, "
            f">= 0 and not all 0, found shape {np.shape(weights)}, from {np.min(weights):g} to {np.max(weights):g}"
        )
    return weights


def class_weights(trial: Trial, pixels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Ask the trial's scheme for class weights.

    Args:
        pixels: (images, classes) labelled pixels of the train fold.
    """
    of_images = (pixels.sum(axis=1, keepdims=True) * (pixels > 0)).sum(axis=0)
    given = {name: getattr(trial, name) for name in CLASS_WEIGHTS.declares()}
    given |= {"pixel_counts": pixels.sum(axis=0), "image_pixel_counts": of_images}
    weights: NDArray[np.float64] = CLASS_WEIGHTS.call(trial.class_weights, given)
    return weights


def _files(rows: Any, root: Path, dataset: Dataset, entries: dict[Path, Path]) -> Files:
    files = Files.of(rows, root, dataset, entries)
    missing = [str(path) for path in (*files.images, *files.masks) if not path.is_file()]
    if missing:
        what = f"{missing[0]} is missing, which meta lists ({len(missing)} files in all)"
        raise InputError(f"{what}; put the data back, or run make_meta.py again")
    return files


def _boxes(meta: read.Meta, ids: list[str], dataset: Dataset) -> Boxes:
    names = dataset.class_names
    return Boxes.of(ids, meta.objects, names, Cells.read(meta.folder, ids, names))


def _absent(rows: Any, dataset: Dataset) -> list[str]:
    shown = read.pixel_counts(rows, dataset).sum(axis=0) > 0
    return [name for name, there in zip(dataset.class_names, shown, strict=True) if not there]


def _groups(classes: Any) -> dict[str, list[str]]:
    return {group: list(classes.loc[classes["group"] == group, "class"]) for group in ("head", "medium", "tail")}


def read_image_weights(path: str, ids: Sequence[str]) -> list[float]:
    """The weights of some images, in their order.

    Args:
        path: a CSV with the columns id and weight; ids that aren't asked for may stand there.

    Raises:
        InputError: the file can't be read, an id is missing or stands there twice, or a weight is no number > 0.
    """
    where, found = f"image_weights {path}", dict[str, float]()
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle)
            header = rows.fieldnames or ()
            if not {"id", "weight"} <= set(header):
                raise InputError(f"{where}: expected the columns id and weight, found {', '.join(header) or 'none'}")
            for row in rows:
                if row["id"] in found:
                    raise InputError(f"{where}: id {row['id']!r} stands there twice; leave one row")
                found[row["id"]] = _weight(row["weight"], f"{where}, id {row['id']!r}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{where}: can't be read ({getattr(error, 'strerror', None) or error})") from error
    if missing := [one for one in ids if one not in found]:
        lacking = f"no weight for {missing[0]!r} ({len(missing)} of {len(ids)} train images lack one)"
        raise InputError(f"{where}: has {lacking}; add them, 1 where an image counts as usual")
    return [found[one] for one in ids]


def _weight(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"{where}: expected a weight > 0, found {text!r}")
    return value
