"""Counts of images: by hand, beside those of another run, and a file that holds other arrays than a trial writes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from imbseg.errors import InputError
from imbseg.metrics.counts import (
    collect,
    image_confusion,
    in_order_of,
    load_counts,
    marginals,
    of_images,
    same_truth,
    save_counts,
)

MASK = np.array([[0, 1], [1, 1]], np.uint8)
DAMAGES = {
    "ids of no dimension": {"ids": np.array("one")},
    "ids that are numbers": {"ids": np.array([1])},
    "pixels as text": {"tp": np.array([["1", "2"]])},
    "pixels as fractions": {"fp": np.array([[0.5, 0.5]])},
    "an image too many": {"tp": np.ones((2, 2), np.int64)},
    "a class too many": {"fn": np.ones((1, 3), np.int64)},
    "false positives of another class": {"fp": np.ones((1, 3), np.int64)},
    "ignored pixels of another class": {"ignored": np.ones((1, 3), np.int64)},
}


def stored(path: Path) -> dict[str, np.ndarray]:
    save_counts(path, collect(["one"], [image_confusion(MASK, MASK, 2)]))
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


@pytest.mark.parametrize("kind", DAMAGES)
def test_other_arrays_are_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "counts_test.npz"
    np.savez_compressed(file, **(stored(file) | DAMAGES[kind]))
    with pytest.raises(
        InputError, match=f"{re.escape(str(file))}: holds other arrays than a trial writes; start the trial again"
    ):
        load_counts(file)


def test_a_single_array_is_no_counts_file(tmp_path: Path) -> None:
    with (tmp_path / "counts_test.npz").open("wb") as handle:
        np.save(handle, np.ones(3))
    with pytest.raises(InputError, match="can't be read"):
        load_counts(tmp_path / "counts_test.npz")


def test_what_was_stored_is_read(tmp_path: Path) -> None:
    stored(tmp_path / "counts_test.npz")
    assert load_counts(tmp_path / "counts_test.npz").tp.tolist() == [[1, 3]]


def test_some_images_at_once() -> None:
    """Two seeds of one image: TP, FP, FN and what was predicted where the truth is ignored."""
    first = [[5, 1], [2, 8], [3, 4]]
    tp, fp, fn, ignored = marginals(np.array([first, first[::-1]]))
    assert (tp[0].tolist(), fp[0].tolist(), fn[0].tolist(), ignored[0].tolist()) == ([5, 8], [2, 1], [1, 2], [3, 4])
    assert (tp[1].tolist(), fp[1].tolist(), fn[1].tolist(), ignored[1].tolist()) == ([3, 8], [2, 4], [4, 2], [5, 1])


def test_another_run_is_brought_to_the_same_order_of_images() -> None:
    confusions = {name: np.array([[number, 1], [2, 8], [0, 0]]) for number, name in enumerate("abc", 5)}
    one, other = (collect(list(order), [confusions[name] for name in order]) for order in ("abc", "cab"))
    ordered = in_order_of(one, other)
    assert ordered is not None
    assert ordered.tp.tolist() == one.tp.tolist() == [[5, 8], [6, 8], [7, 8]]
    assert in_order_of(one, one) is one
    for names in ("ab", "abca", "abd", "abb"):
        assert in_order_of(one, collect(list(names), [confusions["a"]] * len(names))) is None
    twice, once = (collect(list(names), [confusions["a"]] * len(names)) for names in ("abb", "ab"))
    assert in_order_of(twice, once) is None


def test_whether_two_runs_counted_the_same_pixels() -> None:
    """Another prediction of the same mask counts the same truth; other ids or another mask don't."""
    mask, prediction = MASK, np.zeros_like(MASK)
    one = collect(["one"], [image_confusion(mask, mask, 2)])
    wrong = collect(["one"], [image_confusion(prediction, mask, 2)])
    assert same_truth(one, wrong)
    assert same_truth(wrong, one)
    assert not same_truth(one, collect(["other"], [image_confusion(mask, mask, 2)]))
    assert not same_truth(one, collect(["one"], [image_confusion(mask, prediction, 2)]))
    both = collect(["one", "two"], [image_confusion(mask, mask, 2)] * 2)
    assert same_truth(of_images(both, np.array([0])), one)
