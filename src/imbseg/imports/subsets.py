"""Which images are for training, which for the test: as folders and files say, else drawn."""

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError, amount
from imbseg.imports.found import Annotated, Choices
from imbseg.splits.grouped import grouped
from imbseg.splits.stratified import mskf

PARTS = 20  # a share is drawn as so many folds of at most 20
Names = NDArray[np.str_]


def subsets(images: Sequence[Annotated], presence: NDArray[np.bool_], choices: Choices, said: list[str]) -> list[str]:
    """The subset of each image.

    Args:
        presence: (images, classes) what each shows.
        said: takes a sentence on how they came about.

    Raises:
        InputError: some images are in a subset and others in none, or there are too few.
    """
    given = [one.subset for one in images]
    counts = Counter(given)
    if set(counts) == {""}:
        return _drawn(images, presence, choices, said)
    if "" in counts:
        other = images[given.index("")]
        raise InputError(
            f"{other.where}: belongs to no subset, while {amount(len(images) - counts[''], 'image')} "
            f"belong to train, val or test; move it into one of their folders"
        )
    if "train" not in counts:
        raise InputError(f"expected images for training, found {', '.join(sorted(counts))} alone")
    if "test" not in counts and "val" in counts:
        said.append("there is no test subset: `val` is the test, and validation is drawn from train")
        return ["test" if one == "val" else one for one in given]
    if "test" not in counts:
        return _drawn(images, presence, choices, said)
    return given


def _drawn(images: Sequence[Annotated], presence: NDArray[np.bool_], choices: Choices, said: list[str]) -> list[str]:
    ids = [one.id for one in images]
    group = np.array([_group(one, choices.group) for one in ids]) if choices.group else None
    subset = np.full(len(images), "train", "<U5")
    for name, share in (("test", choices.test), ("val", choices.val)):
        if not share:
            continue
        rest = np.flatnonzero(subset == "train")
        whole = share * len(images) / len(rest)
        taken = _part(whole, presence[rest], None if group is None else group[rest], choices.seed)
        subset[rest[taken]] = name
    how = "whole groups" if group is not None else "by the classes they show"
    said.append(f"subsets drawn, {how}, seed {choices.seed}: the .txt files are yours to change")
    return [str(one) for one in subset]


def _group(image_id: str, pattern: str) -> str:
    found = re.search(pattern, image_id)
    if found is None or not found.groups() or not found[1]:
        raise InputError(f"--group: {pattern!r} finds no parenthesis in the id {image_id!r}; mend it")
    return found[1]


def _part(share: float, presence: NDArray[np.bool_], group: Names | None, seed: int) -> NDArray[np.bool_]:
    """About a share of the images: so many folds of a stratified split, those that leave every class in the rest."""
    most = min(PARTS, len(presence) if group is None else len(np.unique(group)))
    if most < 2:
        of = "images" if group is None else "groups"
        raise InputError(f"expected two {of} or more, to train on one and test on another, found {most}")
    fraction = max(Fraction(share).limit_denominator(most), Fraction(1, most))
    folds, taken = fraction.denominator, fraction.numerator
    if folds == taken:
        raise InputError(f"a share of {share:g} leaves nothing to train on; take smaller --test and --val")
    if group is None:
        fold = mskf(presence=presence, folds=folds, seed=seed)
    else:
        most_shown = np.array([str(int(row.argmax())) for row in presence])
        fold = grouped(group=group, major_class=most_shown, folds=folds, seed=seed)
    offers = [np.isin(fold, (np.arange(taken) + first) % folds) for first in range(folds)]
    offers = [one for one in offers if one.any() and not one.all()]
    return min(offers, key=lambda part: _lacking(presence, part, share))


def _lacking(presence: NDArray[np.bool_], part: NDArray[np.bool_], share: float) -> tuple[int, int, float]:
    """Classes that the rest lacks, classes that the part lacks, and how far its size is off."""
    shown = presence.any(axis=0)
    lost = [int((shown & ~presence[side].any(axis=0)).sum()) for side in (~part, part)]
    return lost[0], lost[1], abs(float(part.mean()) - share)
