from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imbseg.copy_paste.donors import Donors
from imbseg.copy_paste.patches import Patches, cut, object_shape, resized
from imbseg.errors import InputError

MASK = np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 0, 1, 0], [1, 1, 0, 2]], np.uint8)  # its ones touch all around
IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def donors(*boxes: tuple[int, int, int, int], pixels: list[int], labels: list[int]) -> Donors:
    count = len(boxes)
    zeros = np.zeros(count, np.int64)
    return Donors(zeros, np.array(labels), zeros + 1, np.array(boxes), np.array(pixels), 3)


def patches(table: Donors, memory: int = 1, reads: list | None = None, mask: np.ndarray = MASK) -> Patches:
    def read(image: Path, _: Path) -> tuple[np.ndarray, np.ndarray]:
        (reads if reads is not None else []).append(image)
        return IMAGE, mask

    return Patches(table, [Path("a.png")], [Path("a_mask.png")], [], read, margin=1, paste_memory=memory)


def test_the_component_that_fills_the_box_is_the_object() -> None:
    mask = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 1]], np.uint8)  # the corner pixel is another component
    assert object_shape(mask, None, (0, 0, 3, 3), 1, 0).tolist() == [[1, 1, 1], [1, 0, 0], [1, 0, 0]]
    assert object_shape(mask, None, (2, 2, 1, 1), 1, 0).tolist() == [[1]]


def test_an_instance_has_its_number_and_its_class() -> None:
    mask = np.array([[1, 1, 255], [2, 1, 1]], np.uint8)
    instances = np.array([[5, 5, 5], [5, 6, 6]], np.int32)
    assert object_shape(mask, instances, (0, 0, 3, 2), 1, 5).tolist() == [[1, 1, 0], [0, 0, 0]]


def test_a_patch_keeps_the_pixels_round_it_and_repeats_the_last() -> None:
    one = cut(IMAGE, np.ones((1, 2), np.uint8), (0, 1, 2, 1), 1, 1)
    assert one.shape.tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    assert one.share == 2 / 16
    assert one.image[1].tolist() == IMAGE[1, [0, 0, 1, 2]].tolist()
    assert one.image[0].tolist() == IMAGE[0, [0, 0, 1, 2]].tolist()


@pytest.mark.parametrize("flip", [False, True])
def test_at_factor_1_no_pixel_changes(flip: bool) -> None:
    one = cut(IMAGE, np.array([[1, 1], [1, 0]], np.uint8), (1, 1, 2, 2), 1, 1)
    same = resized(one, (1.0, 1.0), flip=flip)
    assert np.array_equal(same.shape, one.shape[:, ::-1] if flip else one.shape)
    assert np.array_equal(same.image, one.image[:, ::-1] if flip else one.image)


@pytest.mark.parametrize(("factor", "pixels"), [((2.0, 2.0), 64), ((0.5, 0.5), 4), ((2.0, 0.5), 16), ((0.01, 0.01), 1)])
def test_a_block_keeps_its_proportions(factor: tuple[float, float], pixels: int) -> None:
    image = np.full((8, 8, 3), 9, np.uint8)
    one = cut(image, np.ones((4, 4), np.uint8), (2, 2, 4, 4), 1, 2)
    changed = resized(one, factor, flip=False)
    assert np.count_nonzero(changed.shape) == pixels
    assert set(np.unique(changed.shape)) <= {0, 1}
    assert changed.image.shape[:2] == changed.shape.shape


def test_an_image_is_read_once_and_patches_stay_in_memory() -> None:
    reads: list[Path] = []
    kept = patches(donors((0, 0, 4, 4), (3, 3, 1, 1), pixels=[10, 1], labels=[1, 2]), reads=reads)
    kept.fill([0, 1])
    assert len(reads) == 1
    assert np.count_nonzero(kept[0].shape) == 10
    assert np.count_nonzero(kept[1].shape) == 1
    assert len(reads) == 1


def test_without_memory_nothing_is_kept() -> None:
    reads: list[Path] = []
    kept = patches(donors((3, 3, 1, 1), pixels=[1], labels=[2]), memory=0, reads=reads)
    kept.fill([0])
    assert not reads
    assert np.array_equal(kept[0].shape, kept[0].shape)
    assert len(reads) == 2
    assert (len(kept.kept), kept.taken) == (0, 0)


def test_memory_is_bounded_and_the_last_used_stay() -> None:
    kept = patches(donors(*[(3, 3, 1, 1)] * 5, pixels=[1] * 5, labels=[2] * 5))
    kept.limit = 3 * 4 * 9  # three patches of 3 x 3 pixels
    for donor in (0, 1, 2, 0, 3):
        kept[donor]
    assert list(kept.kept) == [2, 0, 3]
    assert kept.taken == kept.limit


def test_a_mask_that_changed_since_meta_is_named() -> None:
    kept = patches(donors((3, 3, 1, 1), pixels=[1], labels=[2]), mask=np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"a_mask\.png: the object at \(3, 3\) isn't what it was when meta was made"):
        kept[0]
