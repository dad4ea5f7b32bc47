from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imbseg.errors import InputError
from imbseg.splits.grouped import grouped


def test_fewer_groups_than_folds_is_bad_input() -> None:
    group = np.array(["a", "b", "c", "d"] * 5)
    with pytest.raises(InputError, match="5 folds need at least 5 groups, found 4; take another split"):
        grouped(group=group, major_class=np.array(["cat"] * 20), folds=5, seed=1)


def test_stratifies_by_major_class_where_groups_allow_it() -> None:
    group = np.repeat([f"g{number:02d}" for number in range(20)], 3)
    major = np.where(np.arange(60) < 15, "dog", "cat")  # five groups of dogs
    fold = grouped(group=group, major_class=major, folds=5, seed=1)
    assert list(np.bincount(fold)) == [12] * 5
    assert list(np.bincount(fold[:15])) == [3] * 5


def test_where_stratifying_leaves_a_fold_empty_sizes_are_made_even() -> None:
    group = np.repeat(["a", "b", "c", "d", "e"], [20, 1, 1, 1, 1])
    fold = grouped(group=group, major_class=group, folds=5, seed=1)
    assert sorted(fold[[0, 20, 21, 22, 23]]) == [0, 1, 2, 3, 4]
    assert len(set(fold[:20])) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 12), st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_no_group_on_two_sides_and_no_fold_without_images(groups: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    number = np.concatenate([np.arange(groups), (rng.random(more) ** 3 * groups).astype(int)])
    group = np.char.add("g", number.astype(str))
    major = rng.choice(["cat", "dog", "car", ""], len(group), p=[0.7, 0.2, 0.07, 0.03])
    for own in (major, group):  # groups of several classes, and each of a class of its own
        fold = grouped(group=group, major_class=own, folds=5, seed=seed % 5 + 1)
        assert set(fold) == set(range(5))
        assert all(len(set(fold[group == one])) == 1 for one in set(group))
