"""JPEGs and palette PNGs that weigh what CamVid's do at 480 x 360: regions under noise like photographs'."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIZE, CLASSES, QUALITY = (480, 360), 11, 84  # (width, height)
YAML = """\
root: {root}
images: images/{{id}}.jpg
masks: masks/{{id}}.png
mask_encoding: index
ignore_index: 255
subsets: {{train: train.txt, test: test.txt}}
classes: [{classes}]
background: class0
"""


def make_photographs(root: Path, images: int, *, size: tuple[int, int] = SIZE, classes: int = CLASSES) -> Path:
    """Write the data set; every fifth image is for testing.

    Args:
        size: (width, height) of every image.
        classes: at least 5.

    Returns:
        Its YAML file.
    """
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    ids = [f"photograph{number:03d}" for number in range(images)]
    for number, name in enumerate(ids):
        picture, mask = photograph(np.random.default_rng(number), size, classes)
        Image.fromarray(picture).save(root / "images" / f"{name}.jpg", quality=QUALITY)
        labels = Image.fromarray(mask).convert("P")
        labels.putpalette(np.random.default_rng(0).integers(0, 256, 768).astype(np.uint8).tobytes())
        labels.save(root / "masks" / f"{name}.png")
    for subset, part in (("train", [n for i, n in enumerate(ids) if i % 5]), ("test", ids[::5])):
        (root / f"{subset}.txt").write_text("".join(f"{name}\n" for name in part), encoding="utf-8")
    file = root / "photographs.yml"
    names = ", ".join(f"class{index}" for index in range(classes))
    file.write_text(YAML.format(root=root, classes=names), encoding="utf-8")
    return file


def photograph(
    rng: np.random.Generator, size: tuple[int, int] = SIZE, classes: int = CLASSES
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A picture (height, width, 3) and its mask (height, width): regions of a colour each, under 1/f noise."""
    width, height = size
    mask = (natural_noise(rng, 2.2, size) * 4).astype(np.uint8) % 4
    for label in range(4, classes):
        for _ in range(rng.integers(1, 4)):
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            axes = (int(rng.integers(6, 40)), int(rng.integers(6, 40)))
            cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, label, -1)
    cv2.rectangle(mask, (0, height - 4), (width, height), 255, -1)
    color = rng.integers(40, 200, (256, 3)).astype(np.float64)[mask]
    texture = natural_noise(rng, 1.0, size)[..., None] * 110 - 55
    return np.clip(color + texture, 0, 255).astype(np.uint8), mask


def natural_noise(rng: np.random.Generator, slope: float, size: tuple[int, int]) -> NDArray[np.float64]:
    """(height, width) in 0..1: noise whose amplitude falls as 1 / frequency^slope; photographs have about 1."""
    width, height = size
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)[:, None]
    frequency = np.maximum(np.hypot(across, down), 1 / width)
    spectrum = np.exp(2j * np.pi * rng.random(frequency.shape)) / frequency**slope
    noise = np.fft.irfft2(spectrum, (height, width))
    low, high = np.quantile(noise, (0.005, 0.995))
    return np.clip((noise - low) / (high - low), 0, 0.999)
