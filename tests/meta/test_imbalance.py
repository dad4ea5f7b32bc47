from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from imbseg.meta.imbalance import Reached, keep, reached, target


def test_target_rounds_halves_up_and_keeps_one() -> None:
    assert [target(n, 0.2) for n in (0, 1, 2, 7, 8, 88, 148)] == [1, 1, 1, 1, 2, 18, 30]
    assert [target(n, 0.5) for n in (1, 3, 5)] == [1, 2, 3]
    assert (target(9, 0.0), target(9, 1.0)) == (1, 9)


def test_a_fifth_of_one_class_stays_and_the_others_are_untouched() -> None:
    presence = np.array([[True]] * 20 + [[False]] * 7)
    kept = keep(presence, ratio=0.2, seed=1)
    assert kept[:20].sum() == 4
    assert kept[20:].all()
    assert not np.array_equal(kept, keep(presence, ratio=0.2, seed=2))
    assert np.array_equal(kept, keep(presence, ratio=0.2, seed=1))


def test_two_chosen_classes_in_one_image_count_for_both() -> None:
    presence = np.ones((10, 2), bool)  # every image shows both
    kept = keep(presence, ratio=0.2, seed=1)
    assert kept.sum() == 2
    assert reached(presence, kept, 0.2) == [Reached(10, 2, 2), Reached(10, 2, 2)]


def test_a_class_stays_below_its_target_where_its_images_show_a_full_one() -> None:
    # 10 images of A, two of them show B too, and B has no other: A's target is 1, B's is 1
    presence = np.zeros((10, 2), bool)
    presence[:, 0] = True
    presence[:2, 1] = True
    counts = [reached(presence, keep(presence, ratio=0.1, seed=seed), 0.1) for seed in range(30)]
    assert {(a.kept, b.kept) for a, b in counts} == {(1, 0), (1, 1)}  # an image of A alone came first, or not


def test_classes_of_no_and_of_one_image() -> None:
    presence = np.zeros((6, 2), bool)
    presence[3, 1] = True
    kept = keep(presence, ratio=0.2, seed=1)
    assert kept.all()
    assert reached(presence, kept, 0.2) == [Reached(0, 0, 0), Reached(1, 1, 1)]


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 4), st.floats(0, 1))
def test_never_above_the_target_and_nothing_could_be_added(seed: int, n: int, classes: int, ratio: float) -> None:
    rng = np.random.default_rng(seed)
    presence = rng.random((n, classes)) < rng.random(classes)
    before = presence.copy()
    kept = keep(presence, ratio=ratio, seed=seed)
    assert np.array_equal(presence, before)
    targets = np.array([target(int(images), ratio) for images in presence.sum(axis=0)])
    counts = presence[kept].sum(axis=0)
    assert (counts <= targets).all()
    assert kept[~presence.any(axis=1)].all()
    for image in presence[~kept]:
        assert (counts >= targets)[image].any()
