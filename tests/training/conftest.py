from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image
from small_trial import make_data, train

from imbseg.datasets import spec
from imbseg.training.samples import Files


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Binary: 15 train images and 5 for testing, a crack in every fourth, components for objects; not to be changed."""
    kept = os.environ.get("IMBSEG_TEST_DATA")  # of `make mutants`, where each mutant is a process of its own
    folder = Path(kept) if kept else tmp_path_factory.mktemp("data")
    if (folder / "meta" / "manifest.json").is_file():
        return {"dataset": str(folder / "cracks" / "cracks.yml"), "meta": str(folder / "meta")}
    return make_data(folder)


@pytest.fixture(scope="session")
def finished(data: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a trial of two epochs, and what was heard of it; not to be changed."""
    out = tmp_path_factory.mktemp("runs") / "trial"
    return out, train(data, out)


def _stop(*_: object, **_more: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture(scope="session")
def stop() -> Any:
    """What ends a trial from outside, after its first epoch or wherever it stands."""
    return _stop


@pytest.fixture
def dataset(tmp_path: Path) -> spec.Dataset:
    return spec.load(str(make_binary_tree(tmp_path / "cracks", n=4)))


@pytest.fixture
def files(dataset: spec.Dataset) -> Files:
    """Three images of 20 x 10 and 32 x 10 pixels; each has a bright object in its mask's place, but for one column."""
    ids, root = ["part00_0000", "part00_0001", "part00_0002"], dataset.root
    for image_id, width in zip(ids, (20, 32, 20), strict=True):
        mask = np.zeros((10, width), np.uint8)
        mask[2:5, 3:9] = 255
        image = np.zeros((10, width, 3), np.uint8)
        image[2:5, 4:9] = 255
        Image.fromarray(mask).save(root / f"masks/{image_id}.png")
        Image.fromarray(image).save(root / f"images/{image_id}.png")
    paths = [[root / folder / f"{image_id}.png" for image_id in ids] for folder in ("images", "masks")]
    return Files(ids, *paths, [(20, 10), (32, 10), (20, 10)], [], groups=["a", "b", "a"])
