from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from imbseg.sampling import SAMPLING
from imbseg.sampling.pixels import pixels, positive, proportion, repeat_factor
from imbseg.training.order import EpochBatches, epoch_order

COLUMNS: dict[str, Any] = {
    "major_class": np.array(["dog", "dog", "dog", "cat", ""]),
    "cluster": np.array([0, 0, 1, 1, 2]),
    "pixel_counts": np.array([[9, 0], [9, 0], [9, 0], [0, 9], [0, 0]]),
    "background": 0,
    "class_scores": np.array([0.9, 0.2]),
    **{name: field.default for name, (_, field) in SAMPLING.declares().items()},
}
ODD = {  # (images, classes) labelled pixels
    "one class in all images": [[9, 0], [9, 1], [9, 0]],
    "a class absent from the fold": [[9, 0, 1], [9, 0, 0], [9, 0, 0]],
    "counts of 1": [[1, 0], [0, 1], [0, 0]],
    "one class": [[3], [0], [1]],
    "no labels at all": [[0, 0], [0, 0], [0, 0]],
    "only one class there": [[5, 0], [5, 0], [5, 0]],
}


def cut(columns: dict[str, Any], images: int) -> dict[str, Any]:
    by_image = ("major_class", "cluster", "pixel_counts")
    return {key: value[:images] if key in by_image else value for key, value in columns.items()}


def weights_of(name: str, columns: dict[str, Any] = COLUMNS) -> np.ndarray:
    return SAMPLING.call(name, columns)


def check(name: str, weights: np.ndarray, images: int, columns: dict[str, Any] = COLUMNS) -> None:
    """One finite weight an image, or one a class and image; only a class-first draw leaves unlabelled images out."""
    counts = columns["pixel_counts"]
    assert weights.shape in ((images,), (counts.shape[1], images))
    assert weights.dtype == np.float64
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    share = weights.sum(axis=0) if weights.ndim == 2 else weights  # (images,)
    unlabelled = counts.sum(axis=1) == 0
    assert ((share > 0) | (unlabelled & (name == "rare_class") & ~unlabelled.all())).all()


@pytest.mark.parametrize("name", SAMPLING)
def test_every_sampler_gives_one_finite_weight_an_image(name: str) -> None:
    check(name, weights_of(name), 5)


@pytest.mark.parametrize("name", SAMPLING)
def test_every_sampler_with_one_image(name: str) -> None:
    check(name, weights_of(name, cut(COLUMNS, 1)), 1, cut(COLUMNS, 1))


@pytest.mark.parametrize("background", [0, None])
@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("name", SAMPLING)
def test_every_sampler_with_odd_counts(name: str, what: str, background: int | None) -> None:
    counts = np.array(ODD[what])
    scores = np.linspace(0, 1, counts.shape[1])
    columns = {**cut(COLUMNS, 3), "pixel_counts": counts, "background": background, "class_scores": scores}
    weights = weights_of(name, columns)
    check(name, weights, 3, columns)
    assert len(epoch_order(weights, doubled=True, seed=1, epoch=1)[0]) == 6


@pytest.mark.parametrize("name", SAMPLING)
def test_no_sampler_touches_its_columns(name: str) -> None:
    there = copy.deepcopy(COLUMNS)
    weights_of(name, there)
    for key, value in COLUMNS.items():
        assert np.array_equal(there[key], value)


def test_pixels_by_hand() -> None:
    counts = np.array([[60, 0, 0], [30, 10, 0], [0, 10, 0], [0, 0, 0]])  # 90 and 20 pixels, and none
    common, rare = 1 / np.log(91), 1 / np.log(21)
    np.testing.assert_allclose(pixels(counts), [common, rare, rare, common])


def test_proportion_by_hand() -> None:
    counts = np.array([[8, 0], [80, 0], [4, 4], [0, 50], [0, 50], [0, 50], [0, 0]])  # 2.5 and 3.5 images' worth
    first, second = 1 / np.log(3.5), 1 / np.log(4.5)
    np.testing.assert_allclose(proportion(counts), [first, first, first, second, second, second, second])


def test_repeat_factor_by_hand() -> None:
    counts = np.array([[1, 0, 0]] * 12 + [[1, 1, 0]] * 3 + [[1, 1, 1]])  # in 16, 4 and 1 of 16 images
    root = repeat_factor(counts, repeat_threshold=0.5, repeat_exponent=0.5)
    np.testing.assert_allclose(root, [1] * 12 + [2**0.5] * 3 + [8**0.5])
    full = repeat_factor(counts, repeat_threshold=0.5, repeat_exponent=1.0)
    np.testing.assert_allclose(full, [1] * 12 + [2] * 3 + [8])
    assert (repeat_factor(counts, repeat_threshold=1 / 16, repeat_exponent=0.5) == 1).all()
    assert (repeat_factor(counts, repeat_threshold=1.0, repeat_exponent=0.0) == 1).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_positive_draws_its_share(share: float) -> None:
    counts = np.array([[9, 0]] * 18 + [[5, 4]] * 2)
    weights = positive(counts, 0, positive_share=share)
    assert weights.mean() == pytest.approx(1)
    assert weights[18:].sum() / weights.sum() == pytest.approx(share)
    drawn = np.concatenate([epoch_order(weights, doubled=True, seed=1, epoch=epoch)[0] for epoch in range(1, 401)])
    seen = (drawn >= 18).mean()  # of 8,000 from the fold and 8,000 drawn: standard error below .004
    assert seen == pytest.approx((0.1 + share) / 2, abs=0.015)


def test_positive_leaves_the_background_class_out_wherever_it_stands() -> None:
    counts = np.array([[0, 9], [1, 8], [0, 0]])
    np.testing.assert_allclose(positive(counts, 1, positive_share=0.5), [0.75, 1.5, 0.75])
    np.testing.assert_allclose(positive(counts, None, positive_share=0.5), [0.75, 0.75, 1.5])


def test_label_and_cluster_by_hand() -> None:
    rare, common, pairs = 1 / np.log(2), 1 / np.log(4), 1 / np.log(3)
    np.testing.assert_allclose(weights_of("label"), [common, common, common, rare, rare])
    np.testing.assert_allclose(weights_of("cluster"), [pairs, pairs, pairs, pairs, rare])


def test_an_epoch_without_doubling_shows_each_image_once() -> None:
    order, _ = epoch_order(np.ones(7), doubled=False, seed=1, epoch=1)
    assert sorted(order) == list(range(7))


def test_x2_shows_each_image_twice() -> None:
    assert sorted(epoch_order(np.ones(4), doubled=True, seed=1, epoch=1)[0]) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_doubled_epoch_holds_the_fold_and_draws_by_weight() -> None:
    order = np.concatenate(
        [epoch_order(np.array([1.0, 1.0, 2.0]), doubled=True, seed=1, epoch=e)[0] for e in range(1, 2001)]
    )
    counts = np.bincount(order, minlength=3) / 2000
    assert (counts >= 1).all()
    # 1 + 3 draws x weight share; the standard error is below .02.
    np.testing.assert_allclose(counts, [1.75, 1.75, 2.5], atol=0.08)


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    first, _ = epoch_order(np.ones(50), doubled=False, seed=1, epoch=1)
    assert (first == epoch_order(np.ones(50), doubled=False, seed=1, epoch=1)[0]).all()
    assert (first != epoch_order(np.ones(50), doubled=False, seed=1, epoch=2)[0]).any()
    assert (first != epoch_order(np.ones(50), doubled=False, seed=2, epoch=1)[0]).any()


@pytest.mark.parametrize("weights", [[np.nan, 1], [-1, 1], [0, 0], [np.inf, 1]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="draw weights"):
        epoch_order(np.array(weights), doubled=True, seed=1, epoch=1)


@pytest.mark.parametrize(("images", "steps"), [(8, 2), (9, 2), (10, 3), (1, 0), (2, 1)])
def test_a_last_batch_of_one_is_left_out(images: int, steps: int) -> None:
    batches = EpochBatches(np.ones(images), doubled=False, seed=1, batch_size=4)
    assert len(batches) == len(list(batches)) == steps
    assert all(len(batch) > 1 for batch in batches)
