"""A data set of a few little images, drawn from arrays of class indices, for tests that want to know every pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from imbseg.datasets.spec import Dataset, load

NAMES = ("ground", "ball", "rod")


def make_tiny(root: Path, masks: Mapping[str, np.ndarray], *, test: int = 1, val: int = 0, **keys: Any) -> Path:
    """Write images, masks, id lists and YAML; the last `test` ids are test images, the `val` before them validation.

    Args:
        root: the data set's folder.
        masks: (height, width) class indices of each id, 255 = ignored.
        test: how many test images.
        val: how many validation images; without any there is no such subset.
        keys: further or other keys of the YAML file; None takes one away.

    Returns:
        root/tiny.yml.
    """
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number, (name, mask) in enumerate(masks.items()):
        picture = np.random.default_rng(number).integers(0, 256, (*mask.shape, 3), dtype=np.uint8)
        Image.fromarray(picture).save(root / f"images/{name}.png")
        Image.fromarray(mask.astype(np.uint8)).save(root / f"masks/{name}.png")
    ids = list(masks)
    cut = len(ids) - test
    subsets = {"train": ids[: cut - val], "test": ids[cut:]} | ({"val": ids[cut - val : cut]} if val else {})
    for role, members in subsets.items():
        write_list(root / f"{role}.txt", members)
    spec = {
        "root": str(root),
        "images": "images/{id}.png",
        "masks": "masks/{id}.png",
        "subsets": {role: f"{role}.txt" for role in subsets},
        "classes": list(NAMES),
        "background": "ground",
    } | keys
    path = root / "tiny.yml"
    path.write_text(yaml.safe_dump({key: value for key, value in spec.items() if value is not None}), encoding="utf-8")
    return path


def write_list(path: Path, ids: Sequence[str]) -> None:
    path.write_text("".join(f"{one}\n" for one in ids), encoding="utf-8")


def tiny_masks(n: int = 8, size: tuple[int, int] = (12, 16)) -> dict[str, np.ndarray]:
    """Every second image shows a ball of 2 x 3 pixels, every third a rod of 1 x 4; one column is ignored."""
    masks = {}
    for number in range(n):
        mask = np.zeros(size, np.uint8)
        mask[:, -1] = 255
        if number % 2 == 0:
            mask[1:3, 2:5] = 1
        if number % 3 == 0:
            mask[6, 4:8] = 2
        masks[f"{number:03d}"] = mask
    return masks


def tiny_dataset(root: Path, masks: Mapping[str, np.ndarray] | None = None, **keys: Any) -> Dataset:
    """The data set that make_tiny writes, loaded."""
    return load(str(make_tiny(root, masks if masks is not None else tiny_masks(), **keys)))
