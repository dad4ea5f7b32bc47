"""Components matched one to one: by hand, at both thresholds, and against an implementation of its own."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from imbseg.metrics import components
from imbseg.metrics.components import component_counts, precision_recall_f1


def drawn(*rows: str) -> np.ndarray:
    """A mask: a digit a class, a point the background, x ignored."""
    return np.array([[{".": 0, "x": 255}.get(one, one) for one in row] for row in rows], np.uint8)


def counted(prediction: np.ndarray, mask: np.ndarray, label: int = 1, classes: int = 3) -> list[list[int]]:
    """(tp, fp, fn) of one class at IoU .1 and at .5."""
    return component_counts(prediction, mask, classes, 0)[label].tolist()


def test_an_object_in_two_parts_is_one_match_and_a_false_positive() -> None:
    # 9 pixels, predicted as 6 and 2 of them: IoU .667 and .222
    assert counted(drawn("111111.11"), drawn("111111111")) == [[1, 1, 0], [1, 1, 0]]
    # as 4 and 4: IoU .444 each
    assert counted(drawn("1111.1111"), drawn("111111111")) == [[1, 1, 0], [0, 2, 1]]


def test_two_objects_in_one_prediction_are_one_match_and_a_miss() -> None:
    assert counted(drawn("111111111"), drawn("111111.11")) == [[1, 0, 1], [1, 0, 1]]
    assert counted(drawn("111111111"), drawn("1111.1111")) == [[1, 0, 1], [0, 1, 2]]


def test_as_many_are_matched_as_can_be() -> None:
    prediction, mask = drawn("1.1111", ".....1", ".....1"), drawn("111111", "......", ".....1")
    # Predictions of 1 and of 6 pixels: the object of 6 shares 1 and 4 with them (IoU 1/6, 4/8), that of 1 shares 1 with
    # the second (1/6). The largest IoU first would leave the first prediction and the second object alone.
    assert counted(prediction, mask)[0] == [2, 0, 0]
    assert counted(prediction, mask)[1] == [1, 1, 1]


@pytest.mark.parametrize("at", [(0, 0), (0, 5), (3, 0), (3, 5), (0, 2), (3, 2), (1, 0), (1, 5)])
def test_an_object_of_one_pixel_at_each_border(at: tuple[int, int]) -> None:
    mask, nothing = np.zeros((2, 4, 6), np.uint8)
    mask[at] = 1
    assert counted(mask, mask) == [[1, 0, 0], [1, 0, 0]]
    assert counted(nothing, mask) == [[0, 0, 1], [0, 0, 1]]
    assert counted(mask, nothing) == [[0, 1, 0], [0, 1, 0]]


def test_diagonal_neighbours_are_one_object_and_classes_are_apart() -> None:
    assert counted(drawn("1..", ".1.", "..1"), drawn("1..", ".1.", "...")) == [[1, 0, 0], [1, 0, 0]]
    assert counted(drawn("1122"), drawn("1122")) == counted(drawn("1122"), drawn("1122"), label=2)
    assert counted(drawn("2222"), drawn("1111")) == [[0, 0, 1], [0, 0, 1]]
    assert counted(drawn("2222"), drawn("1111"), label=2) == [[0, 1, 0], [0, 1, 0]]


def test_an_absent_class_and_the_background_have_nothing() -> None:
    found = component_counts(drawn("11.."), drawn("11.."), classes=4, background=0)
    assert found.shape == (4, 2, 3)
    assert found[[0, 2, 3]].sum() == 0
    # Without a background class 0 is a class as any other
    assert component_counts(drawn("11.."), drawn("11.."), classes=4, background=None)[0].tolist() == [[1, 0, 0]] * 2


def test_ignored_pixels_belong_to_neither_side() -> None:
    assert component_counts(drawn("1122"), drawn("xxxx"), 3, 0).sum() == 0
    # Of 8 predicted pixels 5 are ignored: 3 of 3 match
    assert counted(drawn("11111111"), drawn("111xxxxx")) == [[1, 0, 0], [1, 0, 0]]
    # A strip of ignored pixels parts both sides alike
    assert counted(drawn("1111111"), drawn("111x111")) == [[2, 0, 0], [2, 0, 0]]


@pytest.mark.parametrize(("length", "match"), [(9, [1, 0, 0]), (10, [1, 0, 0]), (11, [0, 1, 1])])
def test_iou_of_exactly_the_lower_threshold_matches(length: int, match: list[int]) -> None:
    prediction, mask = np.zeros((2, 1, 12), np.uint8)
    prediction[0, 0] = mask[0, :length] = 1
    assert counted(prediction, mask)[0] == match


@pytest.mark.parametrize(("length", "match"), [(3, [1, 0, 0]), (4, [1, 0, 0]), (5, [0, 1, 1])])
def test_iou_of_exactly_the_upper_threshold_matches(length: int, match: list[int]) -> None:
    prediction, mask = np.zeros((2, 1, 6), np.uint8)
    prediction[0, :2] = mask[0, :length] = 1
    assert counted(prediction, mask)[1] == match


def flooded(of_class: np.ndarray) -> list[set[tuple[int, int]]]:
    """The 8-connected components, by filling."""
    left = {tuple(map(int, place)) for place in np.argwhere(of_class)}
    found = []
    while left:
        front, component = [left.pop()], set()
        while front:
            row, column = front.pop()
            component.add((row, column))
            around = {(row + up, column + on) for up, on in itertools.product((-1, 0, 1), repeat=2)} & left
            left -= around
            front += around
        found.append(component)
    return found


def most(edges: list[list[int]], used: frozenset[int] = frozenset()) -> int:
    """The largest matching, by trying everything."""
    if not edges:
        return 0
    ways = [most(edges[1:], used | {one}) + 1 for one in edges[0] if one not in used]
    return max([most(edges[1:], used), *ways])


def by_force(prediction: np.ndarray, mask: np.ndarray, label: int, least: float) -> list[int]:
    ours = flooded((prediction == label) & (mask != 255))
    theirs = flooded(mask == label)
    edges = [[k for k, other in enumerate(theirs) if len(one & other) >= least * len(one | other)] for one in ours]
    tp = most(edges)
    return [tp, len(ours) - tp, len(theirs) - tp]


@pytest.mark.parametrize("large", [2**20, 1])  # a table of all numbers, and sorted pixels
def test_random_masks_by_force(monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    monkeypatch.setattr(components, "LARGE", large)
    rng = np.random.default_rng(3)
    several = 0
    for _ in range(60):
        height, width = rng.integers(1, 9, 2)
        mask = rng.choice(np.array([0, 1, 2, 255], np.uint8), (height, width), p=(0.4, 0.3, 0.2, 0.1))
        same = rng.random(mask.shape) < 0.6
        prediction = np.where(same & (mask < 3), mask, rng.integers(0, 3, mask.shape)).astype(np.uint8)
        before = prediction.copy(), mask.copy()
        found = component_counts(prediction, mask, 3, None)
        np.testing.assert_array_equal((prediction, mask), before)
        for label, (place, least) in itertools.product(range(3), enumerate(components.THRESHOLDS)):
            assert found[label, place].tolist() == by_force(prediction, mask, label, least)
            several += found[label, place, 0] > 1
    assert several > 20


def test_precision_recall_and_f1_by_hand() -> None:
    found = precision_recall_f1(np.array([[3, 1, 2], [0, 0, 4], [0, 2, 0], [0, 0, 0]]))
    nan = float("nan")
    expected = [[0.75, 0.6, 6 / 9], [nan, 0, 0], [0, nan, 0], [nan, nan, nan]]
    np.testing.assert_allclose(found, expected)
    counted = np.array([[[3, 1, 2]], [[0, 0, 4]]])  # (classes, thresholds, 3)
    np.testing.assert_allclose(precision_recall_f1(counted)[:, 0], expected[:2])
    assert precision_recall_f1(counted[0, 0]).tolist() == pytest.approx(expected[0])
