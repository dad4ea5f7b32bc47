"""Image and mask files -> arrays, decoded once: raw pixels in a bounded folder that any number of trials share.

An entry is written whole the first time that its image is read, by whoever reads it first, and holds a stamp of the
files it was made from. Two trials that write one at the same moment write the same bytes; an entry of other files is
made anew where it stands. Pages of the files are the system's to keep in memory, once for all processes.
"""

import hashlib
import itertools
import os
import shutil
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, label_type
from imbseg.datasets.read import read_image, read_mask
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import REPOSITORY, whole_file, writable_folder

Pair = tuple[NDArray[Any], Labels]
TAIL = struct.Struct("<32sII")  # after the pixels: stamp, height, width
VERSION = f"2, OpenCV {cv2.__version__}"  # of the entries: what another version decoded is made anew
MB = 10**6


def read_pair(image: Path, mask: Path, dataset: Dataset, entry: Path | None = None) -> Pair:
    """Read an image with its mask, from its entry where it has one.

    Args:
        entry: where the decoded pixels are kept, or will be after this call; None: decoded each time.

    Returns:
        (height, width, channels) of the data set's layout, and (height, width) class indices, see read_mask.

    Raises:
        InputError: a file can't be read; see read_image and read_mask.
    """
    stamp = _stamp(image, mask, dataset) if entry else None
    if entry is None or stamp is None:
        return read_image(image, dataset.orientation, dataset.layout), read_mask(mask, dataset)
    found = _load(entry, stamp, dataset)
    if found is None:
        found = read_image(image, dataset.orientation, dataset.layout), read_mask(mask, dataset)
        _keep(entry, stamp, found)
    return found


def cache_folder(dataset: Dataset) -> Path:
    """data/cache/<data set>, or below IMBSEG_CACHE, of which a relative one counts from the repository."""
    return REPOSITORY / (os.environ.get("IMBSEG_CACHE") or "data/cache") / dataset.name


def entries(
    dataset: Dataset,
    images: Sequence[Path],
    sizes: Sequence[tuple[int, int]],
    megabytes: int,
    large: Sequence[bool] = (),
) -> dict[Path, Path]:
    """Where the first images are kept decoded, as many as fit.

    Args:
        images: every image that any trial of the data set trains or validates on, in an order that never changes:
            an entry is known by its place in it, so that the bound holds for all trials together.
        sizes: (width, height) of each.
        megabytes: most that the entries may take, in 10^6 bytes; 0: none are kept.
        large: of each whether windows of it are read, so that it has no entry; left out: none.

    Returns:
        image file -> its entry.

    Raises:
        InputError: the folder can't be written, or its disk has no room for what is missing.
    """
    if not megabytes:
        return {}
    folder = writable_folder(cache_folder(dataset))
    whole = [not one for one in large] if large else [True] * len(images)
    each = [_bytes(width * height, dataset) if own else 0 for (width, height), own in zip(sizes, whole, strict=True)]
    ends = itertools.accumulate(size + TAIL.size for size in each)
    fitting = itertools.takewhile(lambda end: end <= megabytes * MB, ends)
    places = enumerate(zip(images, whole, fitting, strict=False))
    found = {image: folder / f"{place:06d}.raw" for place, (image, own, _) in places if own}
    _check_room(folder, list(found.values()), [size for size in each if size], megabytes)
    return found


def _bytes(pixels: int, dataset: Dataset) -> int:
    """Of an image's pixels and classes."""
    return dataset.layout.bytes_of(pixels) + pixels * label_type(len(dataset.classes)).itemsize


def _check_room(folder: Path, files: list[Path], each: Sequence[int], megabytes: int) -> None:
    """A full disk is told before the first step."""
    there = {one.name for one in os.scandir(folder)}
    missing = sum(size for file, size in zip(files, each, strict=False) if file.name not in there)
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise InputError(
            f"cache_mb {megabytes}: {-(-missing // MB)} MB of decoded images are still to be kept in {folder}, where "
            f"{free // MB} MB are free; make room, name another disk with IMBSEG_CACHE, or take a smaller cache_mb"
        )


def _stamp(image: Path, mask: Path, dataset: Dataset) -> bytes | None:
    """What an entry is made from; None where a file is missing, which reading it then says."""
    try:
        files = [(str(path), (found := path.stat()).st_size, found.st_mtime_ns) for path in (image, mask)]
    except OSError:
        return None
    return hashlib.sha256(repr((VERSION, dataset.digest, files)).encode()).digest()


def _load(entry: Path, stamp: bytes, dataset: Dataset) -> Pair | None:
    """The pixels of an entry; None where it is missing, cut short, or of other files."""
    try:
        data = np.fromfile(entry, np.uint8)
    except OSError:
        return None
    if len(data) < TAIL.size:
        return None
    made_from, height, width = TAIL.unpack(data[-TAIL.size :].tobytes())
    layout, shape, whole = dataset.layout, (height, width), _bytes(height * width, dataset)
    if made_from != stamp or len(data) != whole + TAIL.size:
        return None
    of_image = layout.bytes_of(height * width)
    classes = data[of_image:whole].view(label_type(len(dataset.classes)))
    return data[:of_image].view(layout.kind).reshape(*shape, -1), classes.reshape(shape)


def _keep(entry: Path, stamp: bytes, pair: Pair) -> None:
    image, mask = pair
    if image.shape[:2] != mask.shape:
        return
    try:
        with whole_file(entry) as temporary, temporary.open("wb") as handle:
            for part in (image.tobytes(), mask.tobytes(), TAIL.pack(stamp, *mask.shape)):
                handle.write(part)
    except OSError:
        return  # the disk filled up since the start: a trial of hours goes on, decoding what doesn't fit
