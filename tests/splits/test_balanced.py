"""Splits by pixels and by proportion, also on the real counts of VOC 2012 train (1,464 images, 21 classes)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_tables import PIXEL_COUNTS

from imbseg.meta.quality import deviation
from imbseg.splits import balanced
from imbseg.splits.balanced import mskf_pixels, mskf_proportion, swapped
from imbseg.splits.simple import random
from imbseg.splits.stratified import mskf

Split = Callable[..., np.ndarray]
SEEDS = range(1, 6)
BOTH = pytest.mark.parametrize("split", [mskf_pixels, mskf_proportion])


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    table = pd.read_csv(PIXEL_COUNTS)
    return table[table["subset"] == "train"].loc[:, "background":"tvmonitor"].to_numpy()  # (1464, 21)


def amounts(pixels: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """What a kind of deviation counts, and what it is a share of."""
    labelled, one = pixels.sum(axis=1), np.ones(len(pixels))
    return {
        "presence": ((pixels > 0).astype(int), one),
        "pixels": (pixels, labelled),
        "proportion": (pixels / np.maximum(labelled, 1)[:, None], one),
    }[kind]


def off(pixels: np.ndarray, kind: str, fold: np.ndarray) -> np.ndarray:
    return deviation(*amounts(pixels, kind), fold, folds=5)  # (classes,)


@pytest.mark.parametrize(("split", "kind"), [(mskf_pixels, "pixels"), (mskf_proportion, "proportion")])
def test_beats_mskf_on_its_own_deviation_of_voc(split: Split, kind: str, pixels: np.ndarray) -> None:
    for seed in SEEDS:
        ours = split(pixel_counts=pixels, folds=5, seed=seed)
        theirs = mskf(presence=pixels > 0, folds=5, seed=seed)
        assert off(pixels, kind, ours).mean() < 0.002 < 0.13 < off(pixels, kind, theirs).mean()
        assert (off(pixels, kind, ours) < off(pixels, kind, theirs)).all()
        assert sorted(np.bincount(ours)) == [292, 293, 293, 293, 293]


@BOTH
def test_no_class_of_voc_loses_presence_against_random(split: Split, pixels: np.ndarray) -> None:
    for seed in SEEDS:
        ours = off(pixels, "presence", split(pixel_counts=pixels, folds=5, seed=seed))
        chance = off(pixels, "presence", random(n_images=len(pixels), folds=5, seed=seed))
        assert (ours <= chance).all()
        assert ours.mean() < 0.025 < 0.13 < chance.mean()


@BOTH
def test_a_split_of_voc_ends_by_itself(split: Split, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, plain = [], balanced._changes
    monkeypatch.setattr(balanced, "_changes", lambda *given: pairs.append(len(given[0])) or plain(*given))
    split(pixel_counts=pixels, folds=5, seed=1)
    assert len(pairs) <= 40 * 10  # rounds, each over the ten pairs of five folds
    assert max(pairs) == balanced.CANDIDATES


@pytest.mark.long
@BOTH
def test_a_hundred_thousand_images(split: Split, pixels: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    scale = rng.uniform(0.3, 3, (100_000, 1))
    many = (pixels[rng.integers(0, len(pixels), 100_000)] * scale).astype(np.int64)
    fold = split(pixel_counts=many, folds=5, seed=1)
    kind = "pixels" if split is mskf_pixels else "proportion"
    assert off(many, kind, fold).mean() < 0.001
    assert off(many, "presence", fold).mean() < 0.001


def test_a_swap_by_hand() -> None:
    # sums 9 + 9 and 1 + 1, targets 10 and 10: one swap of a 9 and a 1 brings both there
    fold = swapped(np.array([[9.0], [9.0], [1.0], [1.0]]), np.array([0, 0, 1, 1]), seed=1)
    assert sorted(fold) == [0, 0, 1, 1]
    assert fold[0] != fold[1]
    assert fold[2] != fold[3]


def test_even_folds_stay() -> None:
    fold = np.array([0, 1, 0, 1])
    assert np.array_equal(swapped(np.array([[9.0], [9.0], [1.0], [1.0]]), fold, seed=1), fold)


def test_a_large_fold_is_searched_by_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balanced, "CANDIDATES", 4)
    pixel_counts = np.random.default_rng(0).integers(1, 100, (200, 3))
    fold = mskf_pixels(pixel_counts=pixel_counts, folds=5, seed=1)
    start = random(n_images=200, folds=5, seed=1)
    assert off(pixel_counts, "pixels", fold).mean() < 0.25 * off(pixel_counts, "pixels", start).mean()


@BOTH
@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("classes", [1, 2])
def test_counts_0_and_1(split: Split, value: int, classes: int) -> None:
    fold = split(pixel_counts=np.full((10, classes), value), folds=5, seed=1)
    assert list(np.bincount(fold)) == [2, 2, 2, 2, 2]


def test_proportion_counts_a_small_image_as_much_as_a_large_one() -> None:
    # half ball in every second image, of 2 or 200 pixels
    pixel_counts = np.array([[1, 1], [2, 0], [100, 100], [200, 0]] * 10)
    fold = mskf_proportion(pixel_counts=pixel_counts, folds=5, seed=1)
    assert off(pixel_counts, "proportion", fold) == pytest.approx([0, 0])


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_takes_any_counts_and_keeps_folds_even(n: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pixel_counts = rng.integers(0, 10**6, (n, classes)) * (rng.random((n, classes)) < rng.random(classes))
    for split in (mskf_pixels, mskf_proportion):
        fold = split(pixel_counts=pixel_counts, folds=5, seed=1)
        assert sorted(np.bincount(fold)) == sorted(np.bincount(random(n_images=n, folds=5, seed=1)))
