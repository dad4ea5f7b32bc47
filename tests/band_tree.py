"""A data set of little images with any number of channels, whose classes stand out in channels of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import yaml
from tiny_tree import write_list

SIX = ["blue", "green", "red", "edge", "nir", "swir"]
Write = Callable[[Path, np.ndarray, int], Any]


def write_tiff(path: Path, image: np.ndarray, number: int) -> None:
    """Every second file holds its bands one after the other, in strips; the others side by side, in tiles."""
    if number % 2:
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        how: dict[str, Any] = {"planarconfig": "separate", "compression": "deflate"}
    else:
        planes, how = image, {"planarconfig": "contig", "tile": (32, 32)}
    tifffile.imwrite(path, planes, photometric="minisblack", metadata=None, **how)


def write_png(path: Path, image: np.ndarray, _: int) -> None:
    cv2.imwrite(str(path), image)


def make_bands(
    root: Path, *, channels: list[str] = SIX, kind: str = "uint16", write: Write = write_tiff, ending: str = "tif",
    size: tuple[int, int] = (64, 80), train: int = 10, test: int = 3, **keys: Any,
) -> Path:  # fmt: skip
    """Write images, masks, lists and YAML: fields are bright in the last channel but one, every second has water too.

    Returns:
        root/bands.yml.
    """
    rng, names = np.random.default_rng(0), {"train": train, "test": test}
    ids = {subset: [f"{subset}{number}" for number in range(count)] for subset, count in names.items()}
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number, name in enumerate([*ids["train"], *ids["test"]]):
        mask = np.zeros(size, np.uint8)
        mask[8:30, 10:40] = 1
        if number % 2 == 0:
            mask[40:50, 50:70] = 2
        image = rng.integers(0, 2000, (*size, len(channels))).astype(kind)
        image[mask == 1, max(len(channels) - 2, 0)] += 20_000
        image[mask == 2, -1] += 30_000
        write(root / f"images/{name}.{ending}", image, number)
        cv2.imwrite(str(root / f"masks/{name}.png"), mask)
    for subset, some in ids.items():
        write_list(root / f"{subset}.txt", some)
    spec = {
        "root": str(root), "images": f"images/{{id}}.{ending}", "masks": "masks/{id}.png", "channels": channels,
        "range": "uint16", "ignore_index": None, "subsets": {subset: f"{subset}.txt" for subset in ids},
        "classes": ["ground", "field", "water"], "background": "ground",
    } | keys  # fmt: skip
    (root / "bands.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return root / "bands.yml"
