"""A small tree in the layout of VOC 2012, with the class presence of a table of pixel counts."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
BORDER = 255
Row = Mapping[str, str]


def read_rows(path: Path, *, train: int | None = None, val: int | None = None) -> list[dict[str, str]]:
    """Rows of a table like pixel_counts.csv: the first `train` and `val` images of each subset, None = all."""
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    limits = {"train": train, "val": val}
    return [row for name, limit in limits.items() for row in [r for r in rows if r["subset"] == name][:limit]]


def make_voc_tree(root: Path, rows: Sequence[Row], size: tuple[int, int] = (32, 40)) -> Path:
    """Write JPEGImages, SegmentationClass, SegmentationObject and ImageSets/Segmentation/{train,val}.txt.

    Args:
        root: the folder that stands for VOC2012.
        rows: id, subset and one pixel count a class (see CLASSES), and border; further columns are not read.
        size: (height, width) of every image, at least 12 x 12.

    Returns:
        root.
    """
    for folder in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    colors = palette()
    for number, row in enumerate(rows):
        mask, objects = draw_masks([int(row.get(name) or 0) for name in CLASSES], int(row.get("border") or 0), size)
        Image.fromarray(_photograph(mask, number)).save(root / f"JPEGImages/{row['id']}.jpg", quality=90)
        for folder, array in (("SegmentationClass", mask), ("SegmentationObject", objects)):
            picture = Image.fromarray(array)
            picture.putpalette(colors)
            picture.save(root / f"{folder}/{row['id']}.png")
    for subset in ("train", "val"):
        ids = "".join(f"{row['id']}\n" for row in rows if row["subset"] == subset)
        (root / f"ImageSets/Segmentation/{subset}.txt").write_text(ids, encoding="utf-8")
    return root


def draw_masks(counts: Sequence[int], border: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Class and object mask, (height, width) uint8: each class with a count shows a block of about its share.

    The objects stand side by side, at least one pixel each; to the right, if there is a border, columns of 255. What
    is left is background, or, in an image that has none, the last class.
    """
    height, width = size
    total = max(1, sum(counts) + border)
    shown = [index for index, count in enumerate(counts) if count > 0 and index > 0]
    ignored = min(max(1, round(border * width / total)), width - max(1, len(shown))) if border else 0
    mask = np.full(size, 0 if counts[0] or not shown else shown[-1], dtype=np.uint8)
    objects = np.where(mask > 0, len(shown), 0).astype(np.uint8)
    column = (width - ignored) // max(1, len(shown))
    for place, index in enumerate(shown):
        wanted = max(1, round(counts[index] * height * width / total))
        block = np.arange(height)[:, None] * column + np.arange(column) < min(wanted, height * column - 1)
        area = np.s_[:, place * column : (place + 1) * column]
        mask[area][block] = index
        objects[area][block] = place + 1
    if ignored:
        mask[:, -ignored:] = objects[:, -ignored:] = BORDER
    return mask, objects


def palette() -> list[int]:
    """VOC's 256 colours, as its development kit makes them."""
    colors = []
    for index in range(256):
        for channel in range(3):
            colors.append(sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(3)))
    return colors


def _photograph(mask: np.ndarray, seed: int) -> np.ndarray:
    """(height, width, 3) uint8: each class in a colour of its own, with some noise."""
    colors = np.array(palette(), dtype=np.int64).reshape(256, 3)
    noise = np.random.Generator(np.random.PCG64(seed)).integers(-20, 21, size=(*mask.shape, 3))
    return np.clip(colors[mask] // 2 + 60 + noise, 0, 255).astype(np.uint8)
