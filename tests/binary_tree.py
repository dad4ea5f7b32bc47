"""A small binary data set: a background and cracks, masks of 0 and 255, most images empty, several to a part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

YAML = """\
root: {root}
images: images/{{id}}.png
masks: masks/{{id}}.png
mask_encoding: index
ignore_index: null
subsets: {{train: train.txt, test: test.txt}}
classes:
  - {{name: background, value: 0}}
  - {{name: crack, value: 255}}
background: background
group: '^(part\\d+)_'
trial: {{encoder: resnet18, encoder_weights: none, crop: 64, epochs: 1, batch_size: 2}}
"""
EVERY = 4  # one image in so many shows a crack
PER_PART = 5  # images of one part


def make_binary_tree(root: Path, n: int = 40, size: tuple[int, int] = (64, 64)) -> Path:
    """Write images, masks and id lists of a binary data set, and its YAML file beside them.

    Args:
        root: the data set's folder.
        n: images, a quarter of them for testing (at least one each).
        size: (height, width) of every image.

    Returns:
        The path of the YAML file, root/cracks.yml.
    """
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    ids = [f"part{number // PER_PART:02d}_{number:04d}" for number in range(n)]
    for number, image_id in enumerate(ids):
        mask = draw_crack(number, size) if number % EVERY == 0 else np.zeros(size, dtype=np.uint8)
        rng = np.random.Generator(np.random.PCG64(number))
        surface = rng.integers(120, 160, size=(*size, 1)) - (mask[..., None] > 0) * 80
        Image.fromarray(np.repeat(surface, 3, axis=2).astype(np.uint8)).save(root / f"images/{image_id}.png")
        Image.fromarray(mask).save(root / f"masks/{image_id}.png")
    tests = max(1, n // 4)
    for subset, part in (("train", ids[:-tests]), ("test", ids[-tests:])):
        (root / f"{subset}.txt").write_text("".join(f"{one}\n" for one in part), encoding="utf-8")
    path = root / "cracks.yml"
    path.write_text(YAML.format(root=root), encoding="utf-8")
    return path


def draw_crack(number: int, size: tuple[int, int]) -> np.ndarray:
    """(height, width) uint8 of 0 and 255: a line that wanders from left to right, 1 or 2 pixels thick."""
    height, width = size
    rng = np.random.Generator(np.random.PCG64([number, 1]))
    rows = height // 2 + np.cumsum(rng.integers(-1, 2, size=width))
    mask = np.zeros(size, dtype=np.uint8)
    for thickness in range(1 + number // EVERY % 2):
        mask[np.clip(rows + thickness, 0, height - 1), np.arange(width)] = 255
    return mask
