"""Annotation files as labelling tools write them, with their photographs."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 30, 40
ORIENTATION = 0x0112


def photograph(path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT), turned: int = 1, seed: int = 1) -> Path:
    """A picture of noise; `turned` is its EXIF orientation."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8)
    exif = Image.Exif()
    if turned != 1:
        exif[ORIENTATION] = turned
    Image.fromarray(pixels).save(path, exif=exif)
    return path


def shape(label: str, *points: tuple[float, float], kind: str = "polygon", **more: Any) -> dict[str, Any]:
    """One of labelme's shapes."""
    return {
        "label": label,
        "points": [[*one] for one in points],
        "shape_type": kind,
        "group_id": None,
        "flags": {},
        **more,
    }


def square(label: str, left: float, top: float, side: float, **more: Any) -> dict[str, Any]:
    corners = (left, top), (left + side, top), (left + side, top + side), (left, top + side)
    return shape(label, *corners, **more)


def labelme(folder: Path, name: str, *shapes: dict[str, Any], **more: Any) -> Path:
    """A JSON file of labelme, and its photograph unless there is one."""
    image = folder / f"{name}.jpg"
    if not image.exists():
        photograph(image)
    content = {
        "version": "5.5.0", "flags": {}, "shapes": [*shapes], "imagePath": image.name, "imageData": None,
        "imageHeight": HEIGHT, "imageWidth": WIDTH, **more,
    }  # fmt: skip
    file = folder / f"{name}.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def png(pixels: np.ndarray) -> str:
    """A bitmap as labelme keeps it: a PNG in letters."""
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


def coco(
    folder: Path, annotations: list[dict[str, Any]], names: tuple[str, ...] = ("cat", "dog"), images: int = 2
) -> Path:
    """A COCO file of images 1, 2 ..., of categories 1, 2 ..."""
    for number in range(1, images + 1):
        photograph(folder / "images" / f"{number}.jpg", seed=number)
    content = {
        "images": [
            {"id": number, "file_name": f"{number}.jpg", "height": HEIGHT, "width": WIDTH}
            for number in range(1, images + 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": [{"id": number, "iscrowd": 0, **one} for number, one in enumerate(annotations, 1)],
    }
    file = folder / "instances.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def cvat(folder: Path, *images: str, labels: tuple[str, ...] = ("car", "road")) -> Path:
    """CVAT's XML; each image is what stands inside its element."""
    for number in range(1, len(images) + 1):
        photograph(folder / "images" / f"{number}.jpg", seed=number)
    named = "".join(f"<label><name>{one}</name><color>#ff0000</color></label>" for one in labels)
    inner = "".join(
        f'<image id="{number}" name="{number}.jpg" width="{WIDTH}" height="{HEIGHT}">{one}</image>'
        for number, one in enumerate(images, 1)
    )
    head = f"<meta><job><labels>{named}</labels></job></meta>"
    file = folder / "annotations.xml"
    file.write_text(f"<annotations><version>1.1</version>{head}{inner}</annotations>", encoding="utf-8")
    return file
