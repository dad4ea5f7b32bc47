from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbseg.copy_paste.apply import Pasted, clip, paste
from imbseg.copy_paste.patches import Patch

SIDE = 12
GROUND, BALL, ROD = 0, 1, 2
THINGS = np.array([False, True, True])
HARD = {"ring": 0, "visible": 0.0, "smallest": 1.0, "edge": 0.0}


def sample(mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    mask = np.zeros((SIDE, SIDE), np.uint8) if mask is None else mask.astype(np.uint8)
    return np.full((*mask.shape, 3), 7, np.uint8), mask


def patch(shape: list[list[int]] | np.ndarray, label: int = BALL, color: int = 200) -> Patch:
    array = np.array(shape, np.uint8)
    return Patch(np.full((*array.shape, 3), color, np.uint8), array, label, array.mean())


def shapes() -> st.SearchStrategy[np.ndarray]:
    rows = st.lists(st.lists(st.integers(0, 1), min_size=5, max_size=5), min_size=1, max_size=5)
    return rows.map(lambda one: np.array(one, np.uint8))


CORNERS = st.tuples(st.integers(-6, SIDE + 1), st.integers(-6, SIDE + 1))
MASKS = st.lists(st.integers(0, 3), min_size=SIDE * SIDE, max_size=SIDE * SIDE).map(
    lambda values: np.array([(0, 1, 2, 255)[value] for value in values], np.uint8).reshape(SIDE, SIDE)
)
PASTES = st.lists(st.tuples(shapes(), CORNERS, st.sampled_from([BALL, ROD])), min_size=1, max_size=4)


def apply(mask: np.ndarray, pastes: list, **more: float) -> Pasted:
    image, mask = sample(mask)
    objects = [(patch(shape, label, 50 + number), corner) for number, (shape, corner, label) in enumerate(pastes)]
    return paste(image, mask, objects, THINGS, **{**HARD, **more})


@given(shapes(), CORNERS)
def test_pasted_pixels_are_the_donors_moved_and_clipped_and_never_wrap(
    shape: np.ndarray, corner: tuple[int, int]
) -> None:
    done = paste(*sample(), [(patch(shape), corner)], THINGS, **HARD)
    expected = {
        (x + corner[0], y + corner[1])
        for y, x in np.argwhere(shape)
        if 0 <= x + corner[0] < SIDE and 0 <= y + corner[1] < SIDE
    }
    assert {(x, y) for y, x in np.argwhere(done.mask == BALL)} == expected
    assert {(x, y) for y, x in np.argwhere((done.image == 200).all(axis=2))} == expected
    assert {(x, y) for y, x in np.argwhere(done.owner)} == expected
    assert done.areas.tolist() == ([len(expected)] if expected else [])


@given(MASKS, PASTES, st.integers(1, 3))
@settings(max_examples=60)
def test_the_ring_hides_neither_the_object_nor_others(mask: np.ndarray, pastes: list, ring: int) -> None:
    bare, ringed = apply(mask, pastes), apply(mask, pastes, ring=ring)
    assert np.array_equal(bare.owner, ringed.owner)
    changed = bare.mask != ringed.mask
    assert (ringed.mask[changed] == 255).all()
    assert (bare.mask[changed] == GROUND).all()
    near = np.asarray(cv2.dilate((bare.owner > 0).astype(np.uint8), np.ones((2 * ring + 1,) * 2, np.uint8)))
    assert not changed[near == 0].any()
    assert np.array_equal(bare.image, ringed.image)


@given(MASKS, PASTES, st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]), st.sampled_from([1.0, 4.0]))
@settings(max_examples=100)
def test_every_object_keeps_its_visible_share(mask: np.ndarray, pastes: list, share: float, smallest: float) -> None:
    done = apply(mask, pastes, visible=share, smallest=smallest)
    for label in (BALL, ROD):
        number, labels = cv2.connectedComponents((mask == label).astype(np.uint8), connectivity=8)
        for one in range(1, number):
            whole = np.count_nonzero(labels == one)
            left = np.count_nonzero((labels == one) & (done.owner == 0))
            assert whole < smallest or left >= share * whole
    for number, (area, label) in enumerate(zip(done.areas, done.labels, strict=True), start=1):
        own = done.owner == number
        assert area == np.count_nonzero(own)
        assert (done.mask[own] == label).all()
    untouched = done.owner == 0
    assert np.array_equal(done.mask[untouched], mask[untouched])
    assert (done.image[untouched] == 7).all()


@pytest.mark.parametrize("corner", [(0, 5), (SIDE - 1, 5), (5, 0), (5, SIDE - 1), (0, 0), (SIDE - 1, SIDE - 1)])
def test_an_object_of_one_pixel_at_each_border(corner: tuple[int, int]) -> None:
    done = paste(*sample(), [(patch([[1]]), corner)], THINGS, **{**HARD, "ring": 1})
    x, y = corner
    assert np.argwhere(done.mask == BALL).tolist() == [[y, x]]
    beside = {(x, y - 1), (x, y + 1), (x - 1, y), (x + 1, y)}  # the round ring of width 1
    inside = {(a, b) for a, b in beside if 0 <= a < SIDE and 0 <= b < SIDE}
    assert {(a, b) for b, a in np.argwhere(done.mask == 255)} == inside


@pytest.mark.parametrize("corner", [(-1, 0), (0, -1), (SIDE, 0), (0, SIDE), (-99, 99)])
def test_an_object_outside_changes_nothing(corner: tuple[int, int]) -> None:
    image, mask = sample()
    done = paste(image, mask, [(patch([[1]]), corner)], THINGS, **{**HARD, "ring": 3})
    assert np.array_equal(done.mask, mask)
    assert np.array_equal(done.image, image)
    assert done.counts(3).tolist() == [0, 0, 0]


def test_a_covered_object_by_hand() -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[2, 2:6] = ROD  # 4 pixels
    half, most = [(patch([[1, 1]]), (4, 2))], [(patch([[1, 1, 1]]), (3, 2))]
    assert paste(*sample(mask), half, THINGS, **{**HARD, "visible": 0.5}).counts(3).tolist() == [0, 1, 0]
    assert paste(*sample(mask), most, THINGS, **{**HARD, "visible": 0.5}).counts(3).tolist() == [0, 0, 0]
    both = [*half, (patch([[1]]), (3, 2))]  # each takes little, together three of four
    assert paste(*sample(mask), both, THINGS, **{**HARD, "visible": 0.5}).counts(3).tolist() == [0, 1, 0]
    crumb = paste(*sample(mask), most, THINGS, **{**HARD, "visible": 0.5, "smallest": 5})
    assert crumb.counts(3).tolist() == [0, 1, 0]
    region = paste(*sample(mask), most, np.array([False, True, False]), **{**HARD, "visible": 0.5})
    assert region.counts(3).tolist() == [0, 1, 0]


def test_an_earlier_paste_keeps_its_share_of_what_lies_in_the_sample() -> None:
    first = (patch([[1, 1, 1, 1]]), (-2, 0))  # two of its pixels are in the sample
    second = (patch([[1]], ROD), (0, 0))
    done = paste(*sample(), [first, second], THINGS, **{**HARD, "visible": 0.5})
    assert done.labels.tolist() == [BALL, ROD]
    assert done.areas.tolist() == [1, 1]
    done = paste(*sample(), [first, second], THINGS, **{**HARD, "visible": 0.6})
    assert done.labels.tolist() == [BALL]


def test_an_object_hidden_whole_is_not_counted() -> None:
    done = paste(*sample(), [(patch([[1]]), (0, 0)), (patch([[1]], ROD), (0, 0))], THINGS, **HARD)
    assert done.areas.tolist() == [0, 1]
    assert done.counts(3).tolist() == [0, 0, 1]


def test_shares_stand_beside_the_objects_that_were_pasted() -> None:
    outside, first, second = ([[1]], (-5, 0)), ([[1, 0]], (0, 0)), ([[1, 0, 0, 0]], (5, 5))
    done = apply(sample()[1], [(np.array(shape), corner, BALL) for shape, corner in (outside, first, second)])
    assert done.shares.tolist() == [0.5, 0.25]
    assert done.owner[0, 0] == 1
    assert done.owner[5, 5] == 2


def test_a_soft_edge_changes_the_image_only() -> None:
    shape = np.zeros((9, 9), np.uint8)
    shape[3:6, 3:6] = 1
    hard = paste(*sample(), [(patch(shape), (1, 1))], THINGS, **HARD)
    soft = paste(*sample(), [(patch(shape), (1, 1))], THINGS, **{**HARD, "edge": 1.0})
    assert np.array_equal(hard.mask, soft.mask)
    row = soft.image[5, :, 0].astype(int)
    assert row[5] == row.max()
    assert 7 < row[3] < row[4] < row[5] < 200
    assert (np.diff(row[:6]) >= 0).all()


def test_arguments_stay_untouched() -> None:
    image, mask = sample()
    one = patch([[1, 1]])
    paste(image, mask, [(one, (1, 1))], THINGS, **{**HARD, "ring": 1, "edge": 1.0})
    assert (image == 7).all()
    assert not mask.any()
    assert (one.image == 200).all()


@given(st.integers(1, 9), st.integers(-12, 12))
def test_clip_agrees_with_counting(length: int, start: int) -> None:
    (where, _), (part, _) = clip((length, 1), (0, start), (8, 1))
    inside = [i for i in range(length) if 0 <= start + i < 8]
    assert list(range(length))[part] == inside
    assert list(range(8))[where] == [start + i for i in inside]
