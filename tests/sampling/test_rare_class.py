"""The class-first draw by hand, what it makes of an epoch, and where crops land."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from imbseg.augment.boxes import Boxes, part_of
from imbseg.augment.geometry import Geometry, draw_geometry, warp_mask
from imbseg.sampling.order import NO_FOCUS, EpochBatches, _classes_of, epoch_order, focus_more
from imbseg.sampling.rare_class import rare_class

COUNTS = np.array([[4, 0, 0], [3, 1, 0], [3, 1, 0], [0, 0, 0]])  # shares 10/12 and 2/12; a class that is nowhere


def test_class_first_by_hand() -> None:
    found = rare_class(COUNTS, rare_temperature=(8 / 12) / np.log(4))  # shares 8/12 apart: 1 to 4
    third, half = 0.2 / 3, 0.8 / 2
    np.testing.assert_allclose(found, [[third, third, third, 0], [0, half, half, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(("temperature", "rare"), [(0.0001, 1.0), (1e9, 0.5)])
def test_the_temperature_goes_from_the_rarest_class_alone_to_all_alike(temperature: float, rare: float) -> None:
    np.testing.assert_allclose(rare_class(COUNTS, rare_temperature=temperature).sum(axis=1), [1 - rare, rare, 0])


def test_without_any_label_all_is_alike() -> None:
    assert (rare_class(np.zeros((3, 2), np.int64), rare_temperature=0.01) == 1 / 6).all()


def test_an_epoch_draws_pairs_by_their_chance() -> None:
    joint = np.array([[0.1, 0.2, 0.0], [0.0, 0.3, 0.4]])
    pairs = np.zeros((3, 3))
    for epoch in range(1, 4001):
        images, focus = epoch_order(joint, doubled=True, seed=1, epoch=epoch)
        np.add.at(pairs, (focus, images), 1 / 4000)
    np.testing.assert_allclose(pairs[NO_FOCUS], 1)  # the fold itself: each image once, its crop anywhere
    np.testing.assert_allclose(pairs[:2], 3 * joint, atol=0.04)  # standard error below .015


def test_each_drawn_image_is_drawn_for_a_class_by_its_share() -> None:
    joint, drawn = np.array([[1.0, 2.0, 0.0], [3.0, 0.0, 0.5]]), np.array([0, 2, 1] * 20)
    chance = np.random.default_rng([5, 13, 2]).random(60)
    expected = [int(one >= (0.25, 1.0, 0.0)[image]) for one, image in zip(chance, drawn, strict=True)]
    assert _classes_of(drawn, joint, seed=5, epoch=2).tolist() == expected
    assert 0 < sum(expected[::3]) < 20


def test_one_class_everywhere_gives_the_epoch_of_x2() -> None:
    joint = rare_class(np.full((5, 1), 7), rare_temperature=0.01)
    images, focus = epoch_order(joint, doubled=True, seed=1, epoch=1)
    assert images.tolist() == epoch_order(np.ones(5), doubled=True, seed=1, epoch=1)[0].tolist()
    assert sorted(focus) == [NO_FOCUS] * 5 + [0] * 5


@pytest.mark.parametrize(
    ("weights", "doubled", "images"),
    [
        ([1.0, 1, 2, 5], True, [2, 2, 2, 3, 2, 0, 3, 1]),
        ([1.0] * 6, True, [2, 4, 0, 0, 4, 3, 5, 1, 5, 2, 1, 3]),
        ([1.0] * 6, False, [3, 4, 5, 0, 2, 1]),
    ],
)
def test_without_classes_the_order_is_what_it_was_before_they_came(
    weights: list[float], doubled: bool, images: list[int]
) -> None:
    found, focus = epoch_order(np.array(weights), doubled=doubled, seed=3, epoch=2)
    assert found.tolist() == images
    assert (focus == NO_FOCUS).all()


def test_without_a_point_the_geometry_is_what_it_was_before_they_came() -> None:
    rng = np.random.default_rng([1, 2, 1, 0])
    found = draw_geometry(rng, (500, 375), resize=None, crop=(256, 256), scale=(0.5, 2), flip=0.5)
    assert found == Geometry((1.794, 1.7946666666666666), (42, 305), True, (256, 256))


def test_a_class_without_object_in_the_image_is_dropped() -> None:
    has_object = np.array([[False, True], [False, False]])
    images, focus = np.array([0, 0, 1, 0]), np.array([0, 1, 1, NO_FOCUS])
    rng = np.random.default_rng(0)
    assert focus_more(rng, images, focus, has_object, 0.0).tolist() == [NO_FOCUS, 1, NO_FOCUS, NO_FOCUS]
    assert focus_more(rng, images, focus, has_object, 1.0).tolist() == [1, 1, NO_FOCUS, 1]


def test_a_share_of_the_crops_falls_on_classes_alike() -> None:
    has_object = np.array([[True, False, True, True], [False, False, False, False]])
    images = np.repeat([0, 1], 30_000)
    focus = focus_more(np.random.default_rng(0), images, np.full(60_000, NO_FOCUS), has_object, 0.3)
    assert (focus[30_000:] == NO_FOCUS).all()
    np.testing.assert_allclose(
        np.bincount(focus[:30_000] + 1, minlength=5) / 30_000, [0.7, 0.1, 0, 0.1, 0.1], atol=0.01
    )


def test_keys_carry_the_class() -> None:
    batches = EpochBatches(
        np.ones(3), doubled=False, seed=1, batch_size=2, has_object=np.array([[False, True]] * 3), crop_on_object=1.0
    )
    assert {key[3] for key in batches.keys()} == {1}  # noqa: SIM118 (no dict)
    half = {"doubled": False, "batch_size": 2, "has_object": np.ones((40, 3), bool)}
    made = [EpochBatches(np.ones(40), seed=seed, crop_on_object=0.5, **half).keys() for seed in (1, 1, 2)]
    assert made[0] == made[1]
    assert [key[3] for key in made[0]] != [key[3] for key in made[2]]
    assert {key[3] for key in EpochBatches(np.ones(40), seed=1, **half).keys()} == {NO_FOCUS}  # noqa: SIM118
    assert [key for batch in batches for key in batch] == batches.keys()[:2]


OBJECTS = pd.DataFrame(
    {"id": ["b", "x", "a", "b", "b"], "class": ["cat", "cat", "dog", "dog", "cat"],
     "x": [0, 9, 3, 5, 9], "y": [0, 9, 1, 2, 7], "width": [1, 1, 2, 3, 1], "height": [1, 1, 1, 2, 1]}
)  # fmt: skip


def test_boxes_are_those_of_the_folds_images() -> None:
    boxes = Boxes.of(["a", "c", "b"], OBJECTS, ["dog", "cat"])
    assert boxes.start.tolist() == [0, 1, 1, 4]
    assert boxes.has_object(2).tolist() == [[True, False], [False, False], [True, True]]
    assert boxes.box.tolist() == [[3, 1, 2, 1], [0, 0, 1, 1], [5, 2, 3, 2], [9, 7, 1, 1]]
    assert (boxes.box.dtype, boxes.has_object(2).dtype) == (np.int32, np.bool_)
    many = pd.DataFrame(
        {"id": ["b"] * 99, "class": ["cat"] * 99, **dict.fromkeys(("x", "y", "width", "height"), range(99))}
    )
    assert Boxes.of(["b"], many, ["cat"]).box[:, 0].tolist() == list(range(99))  # in the order of the table


def test_a_fold_without_objects() -> None:
    assert not Boxes.of(["a", "b"], OBJECTS[:0], ["dog", "cat"]).has_object(2).any()


def test_a_point_is_a_pixel_of_an_object_all_alike() -> None:
    boxes = Boxes.of(["a", "c", "b"], OBJECTS, ["dog", "cat"])
    mask = np.full((10, 10), 255, np.uint8)
    mask[0, 0] = mask[7, 9] = 1
    mask[2, 5] = mask[3, 7] = 0  # two corners of the dog's box
    rng = np.random.default_rng(0)
    cats = [boxes.draw_point(rng, 2, 1, part_of(mask)) for _ in range(400)]
    assert set(cats) == {(0, 0), (9, 7)}
    assert 150 < cats.count((0, 0)) < 250
    assert {boxes.draw_point(rng, 2, 0, part_of(mask)) for _ in range(50)} == {(5, 2), (7, 3)}
    assert boxes.draw_point(rng, 0, 1, part_of(mask)) is None
    lost = Boxes(boxes.start, boxes.label, boxes.box * 7 // 2)  # the dog's box: 17, 7, 10, 7
    gone = part_of(np.full((10, 10), 255, np.uint8))
    assert lost.draw_point(rng, 2, 0, gone) == (22, 10)  # the mask lost it: the middle
    assert all(type(place) is int for place in lost.draw_point(rng, 2, 0, gone))


@pytest.mark.parametrize("corner", [(0, 0), (99, 0), (0, 79), (99, 79), (50, 40)])
@pytest.mark.parametrize("scale", [(1.0, 2.5), (0.2, 0.2)])
def test_the_crop_holds_the_pixel(corner: tuple[int, int], scale: tuple[float, float]) -> None:
    mask = np.zeros((80, 100), np.uint8)
    x, y = corner
    side = 1 if scale[0] >= 1 else 9  # shrunk to a fifth, single pixels are skipped by reading the nearest
    mask[max(0, y - side + 1) : y + side, max(0, x - side + 1) : x + side] = 1
    for seed in range(60):
        rng = np.random.default_rng(seed)
        geometry = draw_geometry(rng, (100, 80), resize=None, crop=(32, 32), scale=scale, flip=0.5, point=corner)
        assert (warp_mask(mask, geometry) == 1).any()


def test_crops_with_a_point_are_uniform_and_stay_in_the_image() -> None:
    found = []
    for seed in range(4000):
        rng = np.random.default_rng(seed)
        found.append(draw_geometry(rng, (40, 9), resize=None, crop=(4, 16), scale=(1, 1), flip=0, point=(38, 4)).offset)
    x = np.bincount([offset[0] for offset in found]) / 4000
    np.testing.assert_allclose(x[35:], [0.5, 0.5], atol=0.03)  # 38 lies in 35..38 and 36..39; 37 would leave the image
    y = np.bincount([-offset[1] for offset in found]) / 4000
    np.testing.assert_allclose(y, [1 / 8] * 8, atol=0.03)  # lower than the crop: anywhere in it, as without a point
