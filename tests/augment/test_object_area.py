from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from imbseg.augment import object_area
from imbseg.augment.geometry import Geometry, warp_mask
from imbseg.augment.object_area import object_areas, object_numbers, with_pasted
from imbseg.meta.scan import components


def component_areas(mask: np.ndarray, background: int | None) -> np.ndarray:
    return object_areas(object_numbers(mask, background))


def instance_areas(mask: np.ndarray, instances: np.ndarray, background: int | None) -> np.ndarray:
    return object_areas(object_numbers(mask, background, instances))


MASK = np.array(
    [[0, 1, 1, 255, 2], [0, 0, 1, 255, 2], [1, 0, 0, 2, 0], [0, 0, 0, 0, 2]], np.uint8
)  # of 1: three pixels and one; of 2: corners touch, so four pixels


def test_components_by_hand() -> None:
    found = component_areas(MASK, background=0) * MASK.size
    one, three, four, all_ = 1, 3, 4, 20
    by_hand = [[all_, three, three, all_, four], [all_, all_, three, all_, four], [one, all_, all_, four, all_],
               [all_, all_, all_, all_, four]]  # fmt: skip
    np.testing.assert_allclose(found, by_hand, rtol=1e-6)


def test_without_a_background_every_class_has_objects() -> None:
    found = component_areas(MASK, background=None) * MASK.size
    np.testing.assert_allclose(found[MASK == 0], [1 + 2 + 3 + 4] * 10, rtol=1e-6)  # one, across corners
    assert (found[MASK == 255] == MASK.size).all()


@pytest.mark.parametrize("value", [0, 255, 1])
def test_a_mask_of_one_value(value: int) -> None:
    areas = component_areas(np.full((3, 4), value, np.uint8), background=0)
    assert areas.dtype == np.float32
    assert (areas == 1).all()


@pytest.mark.parametrize(("y", "x"), [(0, 2), (5, 2), (2, 0), (2, 7), (0, 0), (5, 7)])
def test_an_object_of_one_pixel_at_each_border(y: int, x: int) -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[y, x] = 3
    instances = (mask > 0).astype(np.int32) * 9
    for areas in (component_areas(mask, 0), instance_areas(mask, instances, 0)):
        assert areas[y, x] == pytest.approx(1 / 48)
        assert areas.sum() == pytest.approx(47 + 1 / 48)


@settings(max_examples=60, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 2, 255])))
def test_components_are_those_of_meta(mask: np.ndarray) -> None:
    pixels = np.bincount(mask.ravel(), minlength=3)[:3]
    objects = components(mask, pixels, background=0)
    areas = component_areas(mask, background=0) * mask.size
    shown = (mask != 0) & (mask != 255)
    # Each object of n pixels has n pixels of area n.
    expected = np.sort(np.repeat(objects[:, 2], objects[:, 2]))
    np.testing.assert_allclose(np.sort(areas[shown]), expected, rtol=1e-5)
    np.testing.assert_allclose(areas[~shown], mask.size)


@pytest.mark.parametrize(
    ("mask", "most", "long"),
    [
        (MASK.tolist(), 4, [cv2.CV_16U, cv2.CV_32S]),  # 4 x 5 pixels may hold six components of one class
        ([[0, 1], [2, 3]], 3, [cv2.CV_16U, cv2.CV_32S]),  # the fourth is one too many
        ([[0, 1], [2, 3]], 4, [cv2.CV_16U]),
        ([[0, 0, 0], [0, 0, 0]], 2, [cv2.CV_16U]),
    ],
)
def test_more_components_than_16_bits_number(
    mask: list, most: int, long: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[int] = []
    original = object_area._numbered
    pixels = np.array(mask, np.uint8)
    expected = component_areas(pixels, None)

    def recorded(mask: np.ndarray, classes: list[int], kind: int) -> np.ndarray:
        kinds.append(kind)
        return original(mask, classes, kind)

    monkeypatch.setattr(object_area, "_numbered", recorded)
    monkeypatch.setattr(object_area, "MOST_SHORT", most)
    np.testing.assert_array_equal(component_areas(pixels, None), expected)
    assert kinds == long


def test_instances_by_hand() -> None:
    # Outline 8 holds three pixels of class 1 and one of class 2; two pixels of class 1 lie outside every outline.
    mask = np.array([[1, 1, 1, 0, 1], [255, 2, 1, 1, 0]], np.uint8)
    instances = np.array([[8, 8, 0, 0, 0], [8, 8, 8, 5, 5]], np.int32)
    by_hand = np.array([[3, 3, 2, 10, 2], [10, 1, 3, 1, 10]]) / 10
    np.testing.assert_allclose(instance_areas(mask, instances, background=0), by_hand, rtol=1e-6)
    whole = np.where(mask == 0, 2 / 10, by_hand)  # without a background the two pixels of class 0 are an object
    np.testing.assert_allclose(instance_areas(mask, np.where(mask == 0, 0, instances), None), whole, rtol=1e-6)
    for factor in (3001, 70_000_003):  # as in Cityscapes: 26001, and more
        large = np.where(instances > 0, instances * factor, 0).astype(np.int32)
        np.testing.assert_allclose(instance_areas(mask, large, background=0), by_hand, rtol=1e-6)


@pytest.mark.parametrize("flip", [False, True])
def test_the_map_goes_through_the_warp_of_the_mask(flip: bool) -> None:
    rng = np.random.default_rng(1)
    mask = rng.integers(0, 4, (24, 32)).astype(np.uint8)
    mask = np.kron(mask, np.ones((4, 4), np.uint8))
    geometry = Geometry(scale=(0.7, 0.8), offset=(10, -6), flip=flip, size=(64, 64))
    # A map that is a function of the class stays one, in the sample; what is padded has the area 1.
    areas = np.array([1.0, 0.5, 0.25, 0.125], np.float32)[mask]
    target, sample = warp_mask(mask, geometry), warp_mask(areas, geometry, 1)
    assert (target == 255).any()
    expected = np.array([1.0, 0.5, 0.25, 0.125], np.float32)[np.where(target == 255, 0, target)]
    np.testing.assert_array_equal(sample, expected)


def test_a_crop_makes_no_object_smaller() -> None:
    mask = np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    sample = warp_mask(component_areas(mask, 0), Geometry((1.0, 1.0), (0, 0), False, (16, 16)), 1)
    assert sample[15, 15] == 0.25
    assert sample[0, 0] == 1


def test_a_pasted_object_has_its_own_area() -> None:
    areas = np.full((2, 2), 0.5, np.float32)
    owner = np.array([[1, 0], [2, 0]], np.uint8)
    found = with_pasted(areas, owner, np.array([0.01, 0.75]))
    assert found.tolist() == [[pytest.approx(0.01), 0.5], [0.75, 0.5]]
    assert found.dtype == np.float32
    assert (areas == 0.5).all()
