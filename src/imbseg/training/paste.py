"""Copy-paste in a trial: its train fold's source instances, the weights of their classes, and the pasted samples."""

import contextlib
import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.augment.geometry import Geometry
from imbseg.copy_paste import COPY_PASTE
from imbseg.copy_paste.apply import Pasted, paste
from imbseg.copy_paste.donors import Donors, draw, find_donors
from imbseg.copy_paste.patches import Patches, Reader, resized
from imbseg.copy_paste.weak_file import weak_classes
from imbseg.datasets.labels import Labels
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.sampling.order import PASTE, Key
from imbseg.training.samples import Files
from imbseg.trial import Trial
from imbseg.windows.source import Source

Bytes = NDArray[np.uint8]
MOST_MARGIN = 32  # pixels round an object that are kept for a soft edge


def read_donors(trial: Trial, dataset: Dataset, images: Any, objects: Any) -> Donors:
    """The source instances of a trial's train fold.

    Raises:
        InputError: the rule finds no source instance.
    """
    least, most = trial.paste_min_pixels, trial.paste_max_share
    donors = find_donors(images, objects, dataset, paste_min_pixels=least, paste_max_share=most)
    if not class_weights(trial, dataset, donors, {}).any():
        raise InputError(
            f"copy_paste {trial.copy_paste!r}: the train fold has no source instance: {_wanted(trial, dataset)}, of "
            f"{least} pixels or more (paste_min_pixels) and at most {most:g} of the "
            f"image (paste_max_share), found {counted(dataset, donors.counts) or 'none of any class'}; change the "
            f"bounds, or take another rule"
        )
    return donors


def _wanted(trial: Trial, dataset: Dataset) -> str:
    if trial.copy_paste == "weak":
        return f"expected objects of {' or '.join(weak_names(trial, dataset))}"
    if trial.copy_paste == "rare":
        fewer = "than the median class" if trial.rare_objects == "median" else f"than {trial.rare_objects}"
        return f"expected a class with fewer objects {fewer} (rare_objects)"
    return "expected objects of any class"


def weak_names(trial: Trial, dataset: Dataset) -> list[str]:
    """The classes that the rule `weak` pastes: of the file that weak_from names, else the data set's own list."""
    if trial.weak_from is None:
        return list(dataset.weak or ())
    return weak_classes(Path(trial.weak_from), dataset.class_names, dataset.background)


def class_weights(trial: Trial, dataset: Dataset, donors: Donors, scores: Mapping[str, float]) -> NDArray[np.float64]:
    """Ask the trial's rule for weights, giving it the columns and parameters that it names.

    Args:
        scores: the last row of epochs.csv; empty before the first validation.

    Returns:
        (classes,) float64.
    """
    names = dataset.class_names
    asked = {one.name for one in COPY_PASTE.arguments(trial.copy_paste)}
    weak = weak_names(trial, dataset) if "weak_classes" in asked else []
    given: dict[str, Any] = {
        "object_counts": donors.counts,
        "weak_classes": np.array([name in weak for name in names]),
        "class_iou": np.array([scores.get(f"IoU/{name}", math.nan) for name in names]),
        **{name: getattr(trial, name) for name in COPY_PASTE.declares()},
    }
    weights: NDArray[np.float64] = COPY_PASTE.call(trial.copy_paste, given)
    return weights


def counted(dataset: Dataset, counts: NDArray[np.int64]) -> str:
    """`pole 3, car 12`: the classes that have any."""
    pairs = zip(dataset.class_names, counts.tolist(), strict=True)
    return ", ".join(f"{name} {count}" for name, count in pairs if count)


def paste_record(trial: Trial, dataset: Dataset, donors: Donors | None) -> dict[str, Any]:
    """What trial.json keeps: how many objects of each class lie within the bounds, and the weak classes."""
    if donors is None:
        return {}
    counts = dict(zip(dataset.class_names, donors.counts.tolist(), strict=True))
    weak = {"weak_classes": weak_names(trial, dataset)} if trial.copy_paste == "weak" else {}
    return {"donors": counts, **weak}


def donor_line(trial: Trial, dataset: Dataset, donors: Donors) -> str:
    """The line before the first step: which classes are pasted, and which can't be."""
    weights = class_weights(trial, dataset, donors, {})
    words = f"copy-paste ({trial.copy_paste}): objects of {counted(dataset, donors.counts * (weights > 0))}"
    weak = trial.copy_paste == "weak"
    if weak:
        words += f"; the worst third of {trial.weak_from}" if trial.weak_from else "; the data set's weak classes"
    wanted = weak_names(trial, dataset) if weak else dataset.class_names
    pairs = zip(dataset.class_names, donors.counts, strict=True)
    lacking = [name for name, count in pairs if name in wanted and name != dataset.background and not count]
    if not lacking:
        return words
    bounds = "" if weak else " (paste_min_pixels, paste_max_share)"
    return f"{words}; no object within the area bounds of {', '.join(lacking)}{bounds}"


def _source(files: Files, dataset: Dataset, row: int) -> contextlib.AbstractContextManager[Source] | None:
    return files.source(dataset, row) if files.is_large(row) else None


class Paster:
    """Pastes source instances into warped samples, by the seed, the sample's key and the class weights alone."""

    def __init__(self, trial: Trial, dataset: Dataset, donors: Donors, files: Files, read: Reader) -> None:
        """Take the settings; the files are those of the train fold."""
        self.trial, self.dataset, self.donors, self.sizes = trial, dataset, donors, files.sizes
        soft = math.ceil(3 * trial.paste_edge / trial.paste_scale_min)
        margin = 1 + min(soft, MOST_MARGIN)
        memory, places = trial.paste_memory, (files.images, files.masks, files.objects)
        each = dataset.layout.bytes_of(1) + 1
        opened = functools.partial(_source, files, dataset)
        how: dict[str, Any] = {"margin": margin, "paste_memory": memory, "pixel_bytes": each, "opened": opened}
        self.patches = Patches(donors, *places, read, **how)
        self.things = donors.counts > 0
        self.weights = class_weights(trial, dataset, donors, {})

    def before_epoch(self, history: Sequence[Mapping[str, float]]) -> str | None:
        """Follow the last validation (`adaptive`), and fill the memory that loader processes share.

        Returns:
            What a person should know of it: the classes, where they follow the validation.
        """
        self.weights = class_weights(self.trial, self.dataset, self.donors, history[-1] if history else {})
        if self.trial.workers:
            rows = [self.donors.of_class[label] for label in np.flatnonzero(self.weights)]
            self.patches.fill(np.sort(np.concatenate(rows)).tolist())
        return f"pasting {self.shares()}" if self.trial.copy_paste == "adaptive" else None

    def shares(self) -> str:
        """`pole 75 %, car 25 %`: the probability of each class, the largest first."""
        share = 100 * self.weights / self.weights.sum()
        order = [index for index in np.argsort(-share, kind="stable").tolist() if share[index]]
        return ", ".join(f"{self.dataset.class_names[index]} {share[index]:.3g} %" for index in order)

    def __call__(self, image: NDArray[Any], mask: Labels, geometry: Geometry, key: Key) -> Pasted:
        """Paste into one warped sample.

        Args:
            image: (height, width, channels), before its colours are changed, so that all of it changes alike.
            mask: (height, width) class indices.
        """
        trial, (height, width) = self.trial, mask.shape
        rng = np.random.default_rng([trial.seed, PASTE, *key[:2]])
        scale = (trial.paste_scale_min, trial.paste_scale_max)
        often = {"probability": trial.paste_probability, "objects": trial.paste_objects, "flip": trial.paste_flip}
        placements = draw(rng, self.donors, self.weights, scale=scale, **often)
        patches = []
        for one in placements:
            base = self._base(int(self.donors.image[one.donor]))
            patch = resized(self.patches[one.donor], (base[0] * one.scale, base[1] * one.scale), flip=one.flip)
            high, wide = patch.shape.shape
            corner = (round(one.centre[0] * width - wide / 2), round(one.centre[1] * height - high / 2))
            patches.append((patch, corner))
        smallest = trial.paste_min_pixels * geometry.scale[0] * geometry.scale[1]
        how = {"ring": trial.paste_ring, "visible": trial.paste_visible, "edge": trial.paste_edge}
        return paste(image, mask, patches, self.things, smallest=smallest, **how)

    def _base(self, row: int) -> tuple[float, float]:
        """(x, y) factors of `resize` for an image of the train fold."""
        width, height = self.sizes[row]
        resize = self.trial.resize or (width, height)
        return resize[0] / width, resize[1] / height
