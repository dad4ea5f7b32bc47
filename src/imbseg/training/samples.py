"""Rows of images.csv -> where their files lie, and augmented samples for training."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.augment.boxes import Boxes, Classes, part_of
from imbseg.augment.geometry import Geometry, draw_geometry, pad, warp_image, warp_mask
from imbseg.augment.object_area import WHOLE, object_areas, object_numbers, with_pasted
from imbseg.augment.photometry import Normalisation, apply_color, color_matrix, draw_color
from imbseg.datasets.decoded import Pair, read_pair
from imbseg.datasets.labels import Labels, ignored_in, label_type
from imbseg.datasets.read import read_objects
from imbseg.datasets.search import existing
from imbseg.datasets.spec import Dataset
from imbseg.loaders import SharedBatch, Slots
from imbseg.losses import terms
from imbseg.sampling.order import AUGMENTATION, NO_FOCUS, PLACE, Key
from imbseg.trial import Trial
from imbseg.windows.pixels import is_large
from imbseg.windows.source import Source, opened_pair

if TYPE_CHECKING:
    from imbseg.copy_paste.apply import Pasted
    from imbseg.training.paste import Paster


@dataclasses.dataclass(frozen=True)
class Files:
    """Where the images of some rows lie.

    Attributes:
        ids: one text an image.
        images: absolute paths.
        masks: absolute paths.
        sizes: (width, height) of each.
        objects: absolute paths of the instance masks, empty where the data set has none.
        entries: image -> where its decoded pixels are kept, for those that have such a place.
        groups: the patient, scene or video of each; empty where the data set declares none.
        large: whether windows of each are read, never all of it.
    """

    ids: list[str]
    images: list[Path]
    masks: list[Path]
    sizes: list[tuple[int, int]]
    objects: list[Path]
    entries: dict[Path, Path] = dataclasses.field(default_factory=dict)
    groups: list[str] = dataclasses.field(default_factory=list)
    large: list[bool] = dataclasses.field(default_factory=list)

    @classmethod
    def of(cls, rows: Any, root: Path, dataset: Dataset, entries: dict[Path, Path] | None = None) -> Files:
        """Take them from rows of images.csv."""
        outlines, named = dataset.objects, zip(rows["id"], rows["subset"], strict=True)
        images = [root / value for value in rows["image"]]
        sizes = [(int(w), int(h)) for w, h in zip(rows["width"], rows["height"], strict=True)]
        return cls(
            ids=[str(value) for value in rows["id"]],
            images=images,
            masks=[root / value for value in rows["mask"]],
            sizes=sizes,
            objects=[root / existing(root, dataset.file(outlines, str(one), part)) for one, part in named]
            if outlines
            else [],
            entries=entries or {},
            groups=[dataset.group_of(str(one)) for one in rows["id"]] if dataset.group else [],
            large=[is_large(image, dataset.layout, size) for image, size in zip(images, sizes, strict=True)],
        )

    def read(self, dataset: Dataset, index: int) -> Pair:
        """An image (height, width, channels) of the data set's layout, and its mask (height, width), see read_mask."""
        return self.read_pair(dataset, self.images[index], self.masks[index])

    def read_pair(self, dataset: Dataset, image: Path, mask: Path) -> Pair:
        """The same of one of their image files and its mask file."""
        return read_pair(image, mask, dataset, self.entries.get(image))

    def source(self, dataset: Dataset, index: int) -> contextlib.AbstractContextManager[Source]:
        """A large image with its mask."""
        return opened_pair(self.images[index], self.masks[index], dataset)

    def is_large(self, index: int) -> bool:
        """Whether windows of an image are read."""
        return bool(self.large) and self.large[index]

    def numbers(self, dataset: Dataset, index: int, mask: Labels) -> NDArray[np.integer]:
        """(height, width) the number of the object at each pixel of an image, see object_numbers."""
        outlines = read_objects(self.objects[index]) if self.objects else None
        return object_numbers(mask, dataset.background_index, outlines)

    def take(self, places: Sequence[int]) -> Files:
        """Some of the images, in this order."""
        kept: dict[str, Any] = {
            field.name: [values[place] for place in places]
            for field in dataclasses.fields(self)
            if isinstance(values := getattr(self, field.name), list) and values
        }
        return dataclasses.replace(self, **kept)


Batch = dict[str, torch.Tensor]  # "image", "target", and whatever map of the sample's pixels a loss asks for


@dataclasses.dataclass(eq=False)
class TrainSamples(torch.utils.data.Dataset[Batch]):
    """Augmented samples; what a sample looks like depends on the seed and its key alone.

    Attributes:
        boxes: needed by keys that name a class to place the crop on.
        paster: pastes objects; None: nothing is pasted.
        image_weights: (files,) of the images' losses; None: all alike.
    """

    files: Files
    dataset: Dataset
    trial: Trial
    normalisation: Normalisation
    boxes: Boxes | None = None
    paster: Paster | None = None
    image_weights: list[float] | None = None

    def __post_init__(self) -> None:
        """Ask what the loss asks."""
        self.with_areas = "object_area" in terms.arguments(self.trial.loss)
        self.slots = Slots()

    def __getitems__(self, keys: list[Key]) -> SharedBatch:
        """A batch, written where the trainer reads it; the first sample says what there is to write."""
        first = self._sample(keys[0])
        batch = self.slots.take({name: ((len(keys), *one.shape), one.dtype) for name, one in first.items()})
        images = batch["image"].numpy()
        images[0] = first.pop("image")
        samples = [first, *map(self._sample, keys[1:], images[1:])]
        for name in first:
            torch.stack([sample[name] for sample in samples], out=batch[name])
        return batch

    def __getitem__(self, key: Key) -> Batch:
        """A sample: `image` (channels, height, width) float32, and `target` (height, width) uint8, 255 = ignored.

        Of more than 255 classes it is int16, and -1. It is small on its way to a GPU, where it becomes int64.

        With copy-paste also `pasted` (classes,) int64, the pasted objects of each class. Where the loss asks for
        it also `object_area` (height, width) float32, see imbseg.augment.object_area.
        """
        return self._sample(key)

    def _sample(self, key: Key, out: NDArray[np.float32] | None = None) -> Batch:
        epoch, position, index, _ = key
        rng = np.random.default_rng([self.trial.seed, AUGMENTATION, epoch, position])
        image, mask, geometry = self._read(key, rng)
        paste = functools.partial(self.paster, geometry=geometry, key=key) if self.paster else None
        sample, target, pasted = augment(image, mask, geometry, rng, self.trial, self.normalisation, paste, out)
        labels = target.astype(label_type(len(self.dataset.classes)))
        batch = {"image": torch.from_numpy(sample), "target": torch.from_numpy(labels)}
        if pasted:
            batch["pasted"] = torch.from_numpy(pasted.counts(len(self.dataset.classes)))
        if self.image_weights is not None:
            batch["image_weight"] = torch.tensor(self.image_weights[index], dtype=torch.float32)
        if self.with_areas:
            areas = warp_mask(object_areas(self.files.numbers(self.dataset, index, mask)), geometry, WHOLE)
            areas = with_pasted(areas, pasted.owner, pasted.shares) if pasted else areas
            batch["object_area"] = torch.from_numpy(pad(areas, self.trial.multiple, WHOLE))
        return batch

    def _read(self, key: Key, rng: np.random.Generator) -> tuple[NDArray[Any], Labels, Geometry]:
        """The image and mask of a sample, of a large image what the sample is made of, and where it lies in them."""
        index, size = key[2], self.files.sizes[key[2]]
        if not self.files.is_large(index):
            image, mask = self.files.read(self.dataset, index)
            size = (image.shape[1], image.shape[0])
            return image, mask, draw_sample(rng, size, self.trial, self._point(key, part_of(mask)))
        with self.files.source(self.dataset, index) as source:
            geometry = draw_sample(rng, size, self.trial, self._point(key, source.part))
            box = geometry.window(size)
            return *source.window(box), dataclasses.replace(geometry, corner=box[:2])

    def _point(self, key: Key, classes: Classes) -> tuple[int, int] | None:
        """A pixel that the crop must hold, from a stream of its own: no other draw of the sample depends on it."""
        epoch, position, index, focus = key
        if focus == NO_FOCUS or self.boxes is None:
            return None
        rng = np.random.default_rng([self.trial.seed, PLACE, epoch, position])
        return self.boxes.draw_point(rng, index, focus, classes)


def draw_sample(
    rng: np.random.Generator, size: tuple[int, int], trial: Trial, point: tuple[int, int] | None = None
) -> Geometry:
    """Draw where a sample lies in its image (width, height), by the trial's ranges; it holds the pixel of `point`."""
    scale = (trial.scale_min, trial.scale_max)
    return draw_geometry(rng, size, resize=trial.resize, crop=trial.crop, scale=scale, flip=trial.flip, point=point)


def augment(
    image: NDArray[Any],
    mask: Labels,
    geometry: Geometry,
    rng: np.random.Generator,
    trial: Trial,
    normalisation: Normalisation,
    paste: Callable[[NDArray[Any], Labels], Pasted] | None = None,
    out: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], Labels, Pasted | None]:
    """Cut a sample out of one image and its mask, paste instances into it, colour and normalise it.

    Args:
        image: (height, width, channels).
        mask: (height, width) class indices, see read_mask.
        paste: image and mask at the sample's size -> the same with objects pasted; None: nothing is.
        out: where the first of what is returned is written; None: memory of its own.

    Returns:
        (channels, height, width) float32 and (height, width) class indices, padded at right and below to what the
        network takes, and what `paste` gave.
    """
    drawn = draw_color(rng, trial.color, None if normalisation.is_color else len(normalisation.low))
    matrix, padding = color_matrix(drawn, normalisation), normalisation.padding
    image, mask = warp_image(image, geometry, padding), warp_mask(mask, geometry)
    pasted = paste(image, mask) if paste else None
    if pasted:
        image, mask = pasted.image, pasted.mask
    image, mask = pad(image, trial.multiple, padding), pad(mask, trial.multiple, ignored_in(mask))
    return apply_color(image, matrix, normalisation, out), mask, pasted
