"""The sample data set: textured shapes that overlap, with a long tail of its own, made in seconds anywhere."""

import hashlib
from pathlib import Path

import numpy as np

from imbseg.console import progress
from imbseg.datasets import exact_png
from imbseg.datasets.sample_drawing import draw, generator
from imbseg.datasets.sample_shapes import BACKGROUND, KINDS
from imbseg.errors import InputError
from imbseg.files import replaceable_folder, whole_folder

SUBSETS = {"train": 240, "test": 80}  # images
PARTS = ("images", "masks", "objects")
DONE = ".complete"  # holds the digest of everything beside it; written last


def make_sample(root: Path | str) -> bool:
    """Write the sample data set, whole or not at all.

    Args:
        root: the folder that becomes the data set: images, masks (class index), objects (0 = none), id lists.

    Returns:
        Whether anything had to be made: a finished sample is left alone.

    Raises:
        InputError: root is a file, or a folder with something else in it.
        OSError: it can't be written, or the disk is full; root is then what it was before.
    """
    if is_complete(Path(root)):
        return False
    folder = replaceable_folder(root)
    _refuse_other_content(folder)
    with whole_folder(folder) as temporary:
        for part in PARTS:
            (temporary / part).mkdir()
        _write_images(temporary)
        (temporary / DONE).write_bytes(digest(temporary).encode() + b"\n")
    return True


def is_complete(root: Path) -> bool:
    """Whether the sample stands there, every byte as it was written."""
    marker = root / DONE
    return marker.is_file() and marker.read_text(encoding="utf-8").strip() == digest(root)


def digest(root: Path) -> str:
    """SHA-256 over names and bytes of all files of a sample, the marker aside, in hexadecimal."""
    total = hashlib.sha256()
    for path in sorted(path for part in (".", *PARTS) for path in (root / part).glob("*.*") if path.name != DONE):
        content = path.read_bytes()
        total.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return total.hexdigest()


def _refuse_other_content(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder for the sample, found a file; move it away or choose another")
    known = {*PARTS, DONE, *(f"{subset}.txt" for subset in SUBSETS)}
    other = sorted({path.name for path in folder.iterdir()} - known) if folder.exists() else []
    if other:
        raise InputError(f"{folder}: expected an empty folder, found {other[0]}; choose another folder for the sample")


def _write_images(folder: Path) -> None:
    label_colors, object_colors = np.array([BACKGROUND, *(kind.label for kind in KINDS)]), _distinct_colors()
    shown = [row for subset in SUBSETS for row in presence(subset)]
    for index, row in enumerate(progress(shown, total=len(shown), what="drawing the sample")):
        image, mask, objects = draw(index, row)
        name = f"{index:04d}.png"
        (folder / "images" / name).write_bytes(exact_png.encode(image))
        (folder / "masks" / name).write_bytes(exact_png.encode(mask, label_colors))
        (folder / "objects" / name).write_bytes(exact_png.encode(objects, object_colors))
    first = 0
    for subset, images in SUBSETS.items():
        ids = "".join(f"{index:04d}\n" for index in range(first, first + images))
        (folder / f"{subset}.txt").write_bytes(ids.encode())
        first += images


def presence(subset: str) -> np.ndarray:
    """Which classes each image of a subset shows: exact counts, shuffled class by class.

    Returns:
        (images, classes without background) bool.
    """
    images = SUBSETS[subset]
    rng = generator(list(SUBSETS).index(subset), 0)
    columns = [rng.permutation(images) < kind.images * images // 80 for kind in KINDS]
    return np.stack(columns, axis=1)


def _distinct_colors() -> np.ndarray:
    """(256, 3) the colours VOC gives its objects: the bits of the index, dealt out to red, green and blue."""
    index = np.arange(256)
    channels = [sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)) for channel in range(3)]
    return np.stack(channels, axis=1)
