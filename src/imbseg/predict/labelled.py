"""The labelled images of a subset: each one's truth, and what networks make of it from top to bottom."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from imbseg.console import progress
from imbseg.datasets.ids import image_rows
from imbseg.datasets.labels import Labels
from imbseg.datasets.read import read_mask
from imbseg.datasets.readers.layout import Layout
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.predict.predictor import Labelled, Predictor
from imbseg.windows.mask import Mask
from imbseg.windows.pixels import Array, Pixels, opened

Image = tuple[str, Path, Path]  # id, image file, mask file
Truth = Array | Mask  # class indices: (height, width) as `size`, and `rows`


def subset_images(dataset: Dataset, subset: str) -> list[Image]:
    """The images of a subset with their masks.

    Raises:
        InputError: it has none.
    """
    rows = [row for row in image_rows(dataset) if row.subset == subset]
    if not rows:
        raise InputError(f"subset: {dataset.path} declares no {subset!r} subset; choose another")
    return [(row.id, dataset.root / row.image, dataset.root / row.mask) for row in rows]


def check_channels(dataset: Dataset, layout: Layout) -> None:
    """Compare what images hold with what a run takes; values of floats have the run's own limits.

    Raises:
        InputError: other channels, another order of them, or another type of values.
    """
    for what, wanted, found in (
        ("channels", ", ".join(layout.channels), ", ".join(dataset.layout.channels)),
        ("range", layout.values.kind, dataset.layout.values.kind),
    ):
        if wanted != found:
            raise InputError(f"{dataset.path}: expected the run's {what} ({wanted}), found {found}; mend {what!r}")


def shown(
    predictor: Predictor, dataset: Dataset, images: Sequence[Image], what: str
) -> Iterator[tuple[Truth, Iterator[Labelled]]]:
    """The truth of each image, and what the networks make of it from top to bottom."""
    for _, image, mask in progress(images, total=len(images), what=what):
        with opened(image, dataset.orientation, predictor.layout) as pixels, _truth(mask, dataset, pixels) as truth:
            if truth.size != pixels.size:
                raise InputError(f"mask {mask}: is {truth.size}, its image {pixels.size}; they must be of one size")
            yield truth, predictor.bands(pixels)


def _truth(mask: Path, dataset: Dataset, pixels: Pixels) -> contextlib.AbstractContextManager[Truth]:
    """A mask, in windows where its image is read so."""
    if isinstance(pixels, Array):
        return contextlib.nullcontext(Array(read_mask(mask, dataset)))
    return Mask(mask, dataset)


def beside(truth: Truth, bands: Iterable[Labelled]) -> Iterator[tuple[Labels, Labelled]]:
    """The rows of the truth that belong to each band."""
    top = 0
    for band in bands:
        yield truth.rows(top, top + len(band.labels)), band
        top += len(band.labels)
