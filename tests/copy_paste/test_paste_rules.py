from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imbseg.copy_paste import COPY_PASTE
from imbseg.copy_paste.rules import adaptive, rare, weak

NAN = float("nan")
COUNTS = np.array([0, 400, 100, 20, 5])
COLUMNS: dict[str, Any] = {
    "object_counts": COUNTS,
    "weak_classes": np.array([True, False, True, False, True]),
    "class_iou": np.array([0.9, 0.2, 0.1, 0.5, NAN]),
    **{name: field.default for name, (_, field) in COPY_PASTE.declares().items()},
}


def weights_of(name: str, **columns: Any) -> np.ndarray:
    return COPY_PASTE.call(name, {**COLUMNS, **columns})


@pytest.mark.parametrize("name", COPY_PASTE)
@pytest.mark.parametrize("counts", [COUNTS, np.zeros(5, int), np.ones(5, int)])
def test_every_rule_gives_one_weight_a_class_and_none_without_objects(name: str, counts: np.ndarray) -> None:
    weights = weights_of(name, object_counts=counts)
    assert weights.shape == (5,)
    assert weights.dtype == np.float64
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert not weights[counts == 0].any()


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (60, [0, 0, 0, 1 / 20, 1 / 5]),
        (20, [0, 0, 0, 0, 1 / 5]),
        (21, [0, 0, 0, 1 / 20, 1 / 5]),
        (5, [0, 0, 0, 0, 0]),
        ("median", [0, 0, 0, 1 / 20, 1 / 5]),  # of 400, 100, 20 and 5: 60
    ],
)
def test_rare_by_hand(limit: int | str, expected: list[float]) -> None:
    np.testing.assert_allclose(rare(COUNTS, rare_objects=limit), expected)


def test_the_median_of_an_odd_number_of_classes_is_not_rare_itself() -> None:
    assert rare(np.array([7, 3, 9]), rare_objects="median").tolist() == [0, 1 / 3, 0]
    assert rare(np.array([4, 4, 4]), rare_objects="median").tolist() == [0, 0, 0]


def test_weak_by_hand() -> None:
    assert weak(COUNTS, COLUMNS["weak_classes"]).tolist() == [0, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([NAN, 0.2, 0.1, 0.5, NAN], [0, 0, 1 / 100, 0, 0]),  # three scored: one is the worst third
        ([0.0, 0.2, 0.1, 0.5, 0.6], [0, 0, 1 / 100, 0, 0]),  # class 0 has no object
        ([0.0, 0.0, 0.0, 0.0, 0.0], [0, 0, 0, 0, 1 / 5]),  # all alike: the fewest objects
        ([NAN] * 5, [0, 1 / 400, 1 / 100, 1 / 20, 1 / 5]),  # before the first validation
    ],
)
def test_adaptive_by_hand(scores: list[float], expected: list[float]) -> None:
    np.testing.assert_allclose(adaptive(COUNTS, np.array(scores)), expected)


def test_the_worst_third_is_rounded() -> None:
    counts, scores = np.full(5, 2), np.array([0.5, 0.4, 0.3, 0.2, 0.1])
    assert adaptive(counts, scores).tolist() == [0, 0, 0, 0.5, 0.5]


def test_all_rules_but_none_share_the_settings_of_a_paste() -> None:
    assert COPY_PASTE.settings("none") == {}
    assert list(COPY_PASTE.settings("rare"))[:2] == ["rare_objects", "paste_probability"]
    assert list(COPY_PASTE.settings("weak"))[::11] == ["weak_from", "paste_memory"]
    assert len(COPY_PASTE.settings("adaptive")) == 11
