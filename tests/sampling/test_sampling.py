from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imbseg.checks import CheckFailed, check_sampler
from imbseg.checks.sampling import FOLDS, columns
from imbseg.sampling import SAMPLING
from imbseg.sampling.order import EpochBatches, epoch_order
from imbseg.sampling.pixels import pixels, positive, proportion, repeat_factor


def weights_of(name: str, given: dict[str, Any]) -> np.ndarray:
    return SAMPLING.call(name, {**{key: field.default for key, (_, field) in SAMPLING.declares().items()}, **given})


@pytest.mark.parametrize("name", SAMPLING)
def test_every_sampler(name: str) -> None:
    check_sampler(name)


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("name", SAMPLING)
def test_only_a_class_first_draw_leaves_images_out_and_those_are_unlabelled(name: str, fold: str) -> None:
    given = columns(fold)
    weights = weights_of(name, given)
    share = weights.sum(axis=0) if weights.ndim == 2 else weights  # (images,)
    unlabelled = given["pixel_counts"].sum(axis=1) == 0
    assert ((share > 0) | (unlabelled & (weights.ndim == 2))).all()
    assert len(epoch_order(weights, doubled=True, seed=1, epoch=1)[0]) == 2 * len(unlabelled)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda pixel_counts: np.ones(3), r"draws from any fold: expected weights of shape \(5,\) or \(2, 5\) of a"),
        (lambda cluster: cluster + 1, "expected float64 weights"),
        (lambda pixel_counts: pixel_counts[:, 0] - 1.0, "finite weights >= 0"),
        (lambda pixel_counts: np.random.default_rng().random(len(pixel_counts)), "the same weights at every call"),
        (lambda pixel_counts: pixel_counts.sort(axis=0) or np.ones(len(pixel_counts)), "untouched columns"),
    ],
)
def test_the_checks_refuse_a_wrong_sampler(wrong: Any, message: str) -> None:
    with pytest.raises(CheckFailed, match=message):
        check_sampler(wrong)


def test_pixels_by_hand() -> None:
    counts = np.array([[60, 0, 0], [30, 10, 0], [0, 10, 0], [0, 0, 0]])  # 90 and 20 pixels, and none
    common, rare = 1 / np.log(91), 1 / np.log(21)
    np.testing.assert_allclose(pixels(counts), [common, rare, rare, common])


def test_proportion_by_hand() -> None:
    counts = np.array([[8, 0], [80, 0], [4, 4], [0, 50], [0, 50], [0, 50], [0, 0]])  # 2.5 and 3.5 images' worth
    first, second = 1 / np.log(3.5), 1 / np.log(4.5)
    np.testing.assert_allclose(proportion(counts), [first, first, first, second, second, second, second])
    one = proportion(np.array([[1, 0], [1, 0], [0, 1], [0, 1], [0, 1]]))  # images of one labelled pixel are whole, too
    np.testing.assert_allclose(one, [1 / np.log(3)] * 2 + [1 / np.log(4)] * 3)


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
    given = columns("five images")
    np.testing.assert_allclose(weights_of("label", given), [common, common, common, rare, rare])
    np.testing.assert_allclose(weights_of("cluster", given), [pairs, pairs, pairs, pairs, rare])


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
