from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from tiny_tree import tiny_dataset

from imbseg.datasets.ids import image_rows
from imbseg.meta.scan import ImageScan, components, instance_objects, scan
from imbseg.meta.table import major_class


def counts(mask: np.ndarray, classes: int = 3) -> np.ndarray:
    return np.bincount(mask.ravel(), minlength=256)[:classes]


@pytest.mark.parametrize(("y", "x"), [(0, 3), (4, 3), (2, 0), (2, 6), (0, 0), (4, 6)])
def test_one_pixel_at_each_border(y: int, x: int) -> None:
    mask = np.zeros((5, 7), np.uint8)
    mask[y, x] = 1
    assert components(mask, counts(mask), 0).tolist() == [[1, 1, 1, x, y, 1, 1]]
    instances = np.where(mask == 1, 9, 0).astype(np.int32)
    assert instance_objects(mask, instances, 0).tolist() == [[1, 9, 1, x, y, 1, 1]]


def test_touching_corners_are_one_object() -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[0, 0] = mask[1, 1] = mask[3, 3] = 1
    assert components(mask, counts(mask), 0).tolist() == [[1, 1, 2, 0, 0, 2, 2], [1, 2, 1, 3, 3, 1, 1]]


def test_classes_side_by_side_are_objects_of_their_own_and_numbered_through() -> None:
    mask = np.array([[2, 2, 1, 1], [0, 0, 0, 1]], np.uint8)
    assert components(mask, counts(mask), 0).tolist() == [[1, 1, 3, 2, 0, 2, 2], [2, 2, 2, 0, 0, 2, 1]]


def test_without_background_every_class_has_objects() -> None:
    mask = np.zeros((2, 3), np.uint8)
    assert components(mask, counts(mask), None).tolist() == [[0, 1, 6, 0, 0, 3, 2]]


@pytest.mark.parametrize("value", [0, 255])
def test_nothing_there(value: int) -> None:
    mask = np.full((4, 5), value, np.uint8)
    assert components(mask, counts(mask), 0).shape == (0, 7)
    assert instance_objects(mask, np.ones((4, 5), np.int32), 0).shape == (0, 7)


def test_components_equal_an_independent_labelling() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (17, 23), p=[0.5, 0.25, 0.15, 0.1])
        found = components(mask, counts(mask), 0)
        expected = []
        for index in (1, 2):
            labels, _ = ndimage.label(mask == index, structure=np.ones((3, 3)))
            for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
                area = int((labels == number).sum())
                box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
                expected.append((index, area, *box))
        assert sorted(map(tuple, found[:, [0, 2, 3, 4, 5, 6]].tolist())) == sorted(expected)
        assert found[:, 1].tolist() == list(range(1, len(found) + 1))


def test_an_instance_takes_the_class_of_most_of_its_pixels() -> None:
    mask = np.array([[1, 1, 2, 0], [255, 255, 2, 0], [0, 0, 0, 0]], np.uint8)
    instances = np.array([[5, 5, 5, 5], [5, 5, 7, 5], [0, 8, 8, 0]], np.int32)
    # 5: two pixels of class 1, one of 2, ignored and background left out; 7: one of 2; 8: background only
    assert instance_objects(mask, instances, 0).tolist() == [[1, 5, 2, 0, 0, 2, 1], [2, 7, 1, 2, 1, 1, 1]]


def test_a_disjoint_instance_is_one_object() -> None:
    mask = np.array([[1, 0, 0, 1]], np.uint8)
    assert instance_objects(mask, np.array([[3, 0, 0, 3]], np.int32), 0).tolist() == [[1, 3, 2, 0, 0, 4, 1]]


def test_scan_counts_every_pixel(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    found = scan(image_rows(dataset)[0], dataset)
    assert isinstance(found, ImageScan)
    assert (found.height, found.width, found.ignored) == (12, 16, 12)
    assert found.pixels.tolist() == [12 * 15 - 6 - 4, 6, 4]
    assert found.objects.tolist() == [[1, 1, 6, 2, 1, 3, 2], [2, 2, 4, 4, 6, 4, 1]]


def test_scan_reads_instances_where_they_are_declared(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, objects="objects/{id}.png")
    (tmp_path / "objects").mkdir()
    for row in [*dataset.root.glob("masks/*.png")]:
        Image.fromarray(np.where(np.arange(16) < 3, 1, 2).astype(np.uint8)[None].repeat(12, 0)).save(
            tmp_path / "objects" / row.name
        )
    found = scan(image_rows(dataset)[0], dataset)
    assert isinstance(found, ImageScan)
    # the ball's first column lies in instance 1; in instance 2 four of its pixels tie with the rod's: the first class
    assert found.objects.tolist() == [[1, 1, 2, 2, 1, 1, 2], [1, 2, 4, 3, 1, 2, 2]]


def test_major_class(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    pixels = np.array([[90, 2, 5], [7, 0, 0], [0, 0, 0], [50, 3, 3]])
    assert major_class(pixels, dataset) == ["rod", "ground", "", "ball"]
