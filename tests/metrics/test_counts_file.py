"""A counts file that holds other arrays than a trial writes is one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imbseg.errors import InputError
from imbseg.metrics.counts import collect, image_confusion, load_counts, save_counts

MASK = np.array([[0, 1], [1, 1]], np.uint8)
DAMAGES = {
    "ids of no dimension": {"ids": np.array("one")},
    "ids that are numbers": {"ids": np.array([1])},
    "pixels as text": {"tp": np.array([["1", "2"]])},
    "pixels as fractions": {"fp": np.array([[0.5, 0.5]])},
    "an image too many": {"tp": np.ones((2, 2), np.int64)},
    "a class too many": {"fn": np.ones((1, 3), np.int64)},
}


def stored(path: Path) -> dict[str, np.ndarray]:
    save_counts(path, collect(["one"], [image_confusion(MASK, MASK, 2)]))
    with np.load(path) as found:
        return {name: found[name] for name in found.files}


@pytest.mark.parametrize("kind", DAMAGES)
def test_other_arrays_are_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "counts_test.npz"
    np.savez_compressed(file, **(stored(file) | DAMAGES[kind]))
    with pytest.raises(InputError, match=r"holds other arrays than a trial writes; start the trial again"):
        load_counts(file)


def test_a_single_array_is_no_counts_file(tmp_path: Path) -> None:
    with (tmp_path / "counts_test.npz").open("wb") as handle:
        np.save(handle, np.ones(3))
    with pytest.raises(InputError, match="can't be read"):
        load_counts(tmp_path / "counts_test.npz")


def test_what_was_stored_is_read(tmp_path: Path) -> None:
    stored(tmp_path / "counts_test.npz")
    assert load_counts(tmp_path / "counts_test.npz").tp.tolist() == [[1, 3]]
