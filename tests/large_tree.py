"""Tiled TIFFs with masks, of any size: fields and a rare rod, drawn tile by tile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
import yaml
from tiny_tree import write_list

COLORS = np.array([(60, 120, 60), (180, 60, 60), (60, 60, 200)], np.int64)  # ground, field, rod


def drawn_mask(height: int, width: int, seed: int, every: int = 40) -> np.ndarray:
    """Class indices: a field in each square of `every` pixels, a rod in each fourth, one field over the whole width."""
    rng, mask = np.random.default_rng(seed), np.zeros((height, width), np.uint8)
    for number, (top, left) in enumerate(np.ndindex(height // every, width // every)):
        y, x = top * every + int(rng.integers(2, 8)), left * every + int(rng.integers(2, 8))
        mask[y : y + every // 2, x : x + every // 3] = 1
        if number % 4 == 0:
            mask[y + every // 2 + 3 : y + every // 2 + 5, x : x + every // 2] = 2
    mask[height // 2 : height // 2 + 3] = 1
    mask[-1, -1] = 255
    return mask


def write_large(root: Path, name: str, mask: np.ndarray, *, tile: int = 64, mask_ending: str = "tif") -> None:
    """images/NAME.tif and masks/NAME.tif or .png."""
    height, width = mask.shape

    def tiles() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(mask.size)
        for top in range(0, height, tile):
            for left in range(0, width, tile):
                part = mask[top : top + tile, left : left + tile]
                colors = COLORS[np.minimum(part, 2)] + rng.integers(-30, 30, (*part.shape, 3))
                found = np.zeros((tile, tile, 3), np.uint8)
                found[: part.shape[0], : part.shape[1]] = np.clip(colors, 0, 255)
                yield found

    how: dict[str, Any] = {"tile": (tile, tile), "metadata": None}
    shape = {"shape": (height, width, 3), "dtype": np.uint8, "photometric": "rgb"}
    tifffile.imwrite(root / f"images/{name}.tif", tiles(), compression="deflate", **shape, **how)
    if mask_ending == "tif":
        tifffile.imwrite(root / f"masks/{name}.tif", mask, compression="lzw", photometric="minisblack", **how)
    else:
        cv2.imwrite(str(root / f"masks/{name}.{mask_ending}"), mask)


def make_large(root: Path, sizes: dict[str, tuple[int, int]], *, tile: int = 64, mask_ending: str = "tif",
               every: int = 40, **keys: Any) -> Path:  # fmt: skip
    """Images by their names (height, width), which begin with train, val or test; lists and YAML.

    Returns:
        root/large.yml.
    """
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number, (name, (height, width)) in enumerate(sizes.items()):
        write_large(root, name, drawn_mask(height, width, number, every), tile=tile, mask_ending=mask_ending)
    subsets = {one: [name for name in sizes if name.startswith(one)] for one in ("train", "val", "test")}
    for subset, names in subsets.items():
        if names:
            write_list(root / f"{subset}.txt", names)
    spec = {
        "root": str(root), "images": "images/{id}.tif", "masks": f"masks/{{id}}.{mask_ending}",
        "subsets": {subset: f"{subset}.txt" for subset, names in subsets.items() if names},
        "classes": ["ground", "field", "rod"], "background": "ground",
        "groups": {"head": ["ground"], "medium": ["field"], "tail": ["rod"]},
    } | keys  # fmt: skip
    (root / "large.yml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    return root / "large.yml"
