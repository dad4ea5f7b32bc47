"""Which values of an image become 0 and 1: as the data set declares, or percentiles of the trial's own train fold."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.augment.photometry import Normalisation
from imbseg.datasets.read import read_image
from imbseg.datasets.readers.layout import PHOTOGRAPH, Layout, Limits
from imbseg.datasets.readers.tiff import Tiff
from imbseg.datasets.readers.values import WHOLE, Range
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import read_object
from imbseg.training.samples import Files

MOST = 2**22  # pixels of the train fold whose values are ranked
LEAST = 256  # of one image
ROWS = 64  # of a large image
KINDS = (*WHOLE, "float32")
KEY = "input"  # of trial.json; a run on photographs has none


def limits_of(files: Files, dataset: Dataset) -> Limits:
    """Low and high of each channel; percentiles are measured once, on evenly spaced pixels of each image."""
    if not dataset.range.percentile:
        return dataset.layout.limits
    large = tuple(files.large) or (False,) * len(files.ids)
    return _measured(tuple(zip(files.images, large, strict=True)), dataset.layout, dataset.orientation)


@functools.lru_cache(maxsize=8)
def _measured(images: tuple[tuple[Path, bool], ...], layout: Layout, orientation: str | None) -> Limits:
    values = []
    for path, large in images:
        image = _bands(path, layout) if large else read_image(path, orientation, layout)
        pixels = image.reshape(-1, len(layout.channels))
        number = min(len(pixels), max(LEAST, MOST // len(images)))
        values.append(pixels[np.linspace(0, len(pixels) - 1, number).astype(np.int64)])
    low, high = np.percentile(np.concatenate(values), (layout.values.low, layout.values.high), axis=0)
    high = np.where(high > low, high, low + 1)  # a channel of one value is 0 everywhere
    return tuple(low.tolist()), tuple(high.tolist())


def _bands(path: Path, layout: Layout) -> NDArray[Any]:
    """Rows of a large image, evenly spread over it."""
    with Tiff(path, layout) as file:
        places = np.linspace(0, file.size[0] - 1, ROWS).astype(int).tolist()
        return np.concatenate([file.rows(place, place + 1) for place in places])


def normalised(of_weights: Normalisation, layout: Layout, limits: Limits) -> Normalisation:
    """What encoder weights want of red, green, blue -> the normalisation of a data set's images."""
    if layout.is_photograph:
        return of_weights
    return of_weights.widened(*limits, is_color=layout.is_color, clips=layout.values.clips)


def record(layout: Layout, limits: Limits) -> dict[str, Any]:
    """What trial.json keeps; nothing of photographs."""
    if layout.is_photograph:
        return {}
    low, high = (list(one) for one in limits)
    kind = layout.values.kind
    return {KEY: {"channels": list(layout.channels), "kind": kind, "low": low, "high": high, "shown": [*layout.shown]}}


def recorded(about: Mapping[str, Any]) -> tuple[Layout, Limits]:
    """What a trial.json keeps.

    Raises:
        InputError: it is damaged.
    """
    if KEY not in about:
        return PHOTOGRAPH, PHOTOGRAPH.limits
    try:
        kept = {name: tuple(about[KEY][name]) for name in ("channels", "low", "high", "shown")}
        low, high = (tuple(float(one) for one in kept[name]) for name in ("low", "high"))
        first, second, third = (range(len(kept["channels"]))[int(one)] for one in kept["shown"])
        if not len(low) == len(high) == len(kept["channels"]) or about[KEY]["kind"] not in KINDS:
            raise ValueError(f"{len(low)}, {len(high)} values of {len(kept['channels'])} channels")
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        what = f"expected channels, kind, low, high and shown, found {str(about[KEY])[:80]}"
        raise InputError(f"trial.json: {KEY}: {what} ({error}); bring it back, or train again") from error
    return Layout(kept["channels"], Range(about[KEY]["kind"]), (first, second, third)), (low, high)


def limits_again(out: Path, files: Files, dataset: Dataset) -> Limits:
    """The limits that an earlier start of a trial measured, else measured now."""
    file = out / "trial.json"
    about = read_object(file) if dataset.range.percentile and file.is_file() else {}
    return recorded(about)[1] if KEY in about else limits_of(files, dataset)
