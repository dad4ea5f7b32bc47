"""Pixels found and missed by the size of their object, counted by hand, and as the counts file keeps them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from imbseg.augment.object_area import object_numbers
from imbseg.metrics.counts import BY_SIZE, collect, image_confusion, load_counts, save_counts
from imbseg.metrics.object_size import BOUNDS, object_sizes, size_counts, sized


def a_square_of(pixels: int) -> np.ndarray:
    """(100, 100) mask with so many pixels of class 1 in the first rows."""
    mask = np.zeros(100 * 100, np.uint8)
    mask[:pixels] = 1
    return mask.reshape(100, 100)


@pytest.mark.parametrize(("pixels", "place"), [(1, 0), (1023, 0), (1024, 1), (9215, 1), (9216, 2), (10_000, 2)])
def test_sizes_begin_at_cocos_bounds(pixels: int, place: int) -> None:
    assert BOUNDS == (1024, 9216)
    mask = a_square_of(pixels)
    found = object_sizes(mask, object_numbers(mask, 0), classes=3)
    assert found.objects[1].tolist() == [int(place == one) for one in range(3)]
    assert found.pixels[1].tolist() == [pixels * (place == one) for one in range(3)]
    assert found.objects[[0, 2]].sum() == 0
    assert (found.map[mask == 1] == place).all()
    assert (found.map[mask == 0] == 3).all()


def test_pixels_by_hand() -> None:
    # Class 1: one object of 40 x 30 = 1200 pixels (medium) and one of 4 (small); class 2: one of 5; 6 ignored pixels.
    mask = np.zeros((60, 60), np.uint8)
    mask[:40, :30] = 1
    mask[50, 10:14] = 1
    mask[50:55, 40] = 2
    mask[58, :6] = 255
    prediction = np.zeros_like(mask)
    prediction[:40, :20] = 1  # 800 of 1200
    prediction[50, 10:13] = 1  # 3 of 4
    prediction[50:55, 40] = 1  # none of 5
    prediction[58] = 1  # ignored pixels and background: nothing found
    found, missed, objects = size_counts(prediction, mask, object_sizes(mask, object_numbers(mask, 0), 3))
    assert found.tolist() == [[0, 0, 0], [3, 800, 0], [0, 0, 0]]
    assert missed.tolist() == [[0, 0, 0], [1, 400, 0], [5, 0, 0]]
    assert objects.tolist() == [[0, 0, 0], [1, 1, 0], [1, 0, 0]]


def test_objects_whose_pixels_are_known() -> None:
    """Class 1: one of 4 pixels, 3 found; the second number is no object. Class 2: one of 1200, 800 found."""
    found = sized(np.array([0, 1, 1, 2]), np.array([7, 4, 0, 1200]), np.array([0, 3, 0, 800]), 3)
    assert found.dtype == np.int64
    assert found.tolist() == [
        [[0, 0, 0], [3, 0, 0], [0, 800, 0]],
        [[0, 0, 0], [1, 0, 0], [0, 400, 0]],
        [[0, 0, 0], [1, 0, 0], [0, 1, 0]],
    ]


@pytest.mark.parametrize("value", [0, 255])
def test_an_image_without_objects(value: int) -> None:
    mask = np.full((3, 4), value, np.uint8)
    sizes = object_sizes(mask, object_numbers(mask, 0), 2)
    assert not size_counts(np.zeros_like(mask), mask, sizes).any()
    assert (sizes.map == 3).all()


def test_without_a_background_every_labelled_pixel_counts() -> None:
    rng = np.random.default_rng(0)
    mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (40, 50))
    prediction = rng.integers(0, 3, mask.shape)
    found, missed, objects = size_counts(prediction, mask, object_sizes(mask, object_numbers(mask, None), 3))
    confusion = image_confusion(prediction, mask, 3)[:-1]
    assert found.sum(axis=1).tolist() == np.diagonal(confusion).tolist()
    assert (found + missed).sum(axis=1).tolist() == confusion.sum(axis=1).tolist()
    assert objects.sum() == object_numbers(mask, None).max()


def test_counts_by_size_come_back_from_disk(tmp_path: Path) -> None:
    by_size = np.arange(18).reshape(3, 2, 3)
    confusion = image_confusion(np.array([[0, 1]]), np.array([[0, 255]]), 2)
    save_counts(tmp_path / "counts.npz", collect(["a", "b"], [confusion] * 2, by_size, ["ward, 1", "ward, 2"]))
    again = load_counts(tmp_path / "counts.npz")
    for place, name in enumerate(BY_SIZE):
        assert getattr(again, name).tolist() == by_size[place].tolist()
    assert again.groups.tolist() == ["ward, 1", "ward, 2"]


def test_counts_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    counts = collect(["a"], [image_confusion(np.array([[0, 1]]), np.array([[0, 1]]), 2)])
    stored = dataclasses.asdict(counts)
    old = {name: stored[name] for name in ("ids", "tp", "fp", "fn", "ignored", "confusion")}
    np.savez_compressed(tmp_path / "old.npz", **old)
    save_counts(tmp_path / "new.npz", counts)
    for name in ("old.npz", "new.npz"):
        again = load_counts(tmp_path / name)
        assert again.tp.tolist() == [[1, 1]]
        assert [getattr(again, field) for field in BY_SIZE] == [None] * 3
        assert again.groups.shape == (0,)
