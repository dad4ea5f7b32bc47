from __future__ import annotations

import numpy as np
import pytest

from imbseg import menu
from imbseg.sampling import SAMPLING
from imbseg.training.order import EpochBatches, epoch_order

COLUMNS = {
    "major_class": np.array(["dog", "dog", "dog", "cat", ""]),
    "cluster": np.array([0, 0, 1, 1, 2]),
    "pixel_counts": np.array([[9, 0], [9, 0], [9, 0], [0, 9], [0, 0]]),
}


def weights_of(name: str, columns: dict[str, np.ndarray] = COLUMNS) -> np.ndarray:
    wanted = menu.arguments(SAMPLING, name)
    return menu.choose(SAMPLING, name, "sampling")(**{key: columns[key] for key in wanted})


@pytest.mark.parametrize("name", SAMPLING)
def test_every_sampler_gives_one_finite_weight_an_image(name: str) -> None:
    weights = weights_of(name)
    assert weights.shape == (5,)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()


@pytest.mark.parametrize("name", SAMPLING)
def test_every_sampler_with_one_image(name: str) -> None:
    assert weights_of(name, {key: value[:1] for key, value in COLUMNS.items()})[0] > 0


def test_label_and_cluster_by_hand() -> None:
    rare, common, pairs = 1 / np.log(2), 1 / np.log(4), 1 / np.log(3)
    np.testing.assert_allclose(weights_of("label"), [common, common, common, rare, rare])
    np.testing.assert_allclose(weights_of("cluster"), [pairs, pairs, pairs, pairs, rare])


def test_an_epoch_without_doubling_shows_each_image_once() -> None:
    order = epoch_order(np.ones(7), doubled=False, seed=1, epoch=1)
    assert sorted(order) == list(range(7))


def test_x2_shows_each_image_twice() -> None:
    assert sorted(epoch_order(np.ones(4), doubled=True, seed=1, epoch=1)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_doubled_epoch_holds_the_fold_and_draws_by_weight() -> None:
    order = np.concatenate(
        [epoch_order(np.array([1.0, 1.0, 2.0]), doubled=True, seed=1, epoch=e) for e in range(1, 2001)]
    )
    counts = np.bincount(order, minlength=3) / 2000
    assert (counts >= 1).all()
    # 1 + 3 draws x weight share; the standard error is below .02.
    np.testing.assert_allclose(counts, [1.75, 1.75, 2.5], atol=0.08)


def test_the_order_depends_on_seed_and_epoch_only() -> None:
    first = epoch_order(np.ones(50), doubled=False, seed=1, epoch=1)
    assert (first == epoch_order(np.ones(50), doubled=False, seed=1, epoch=1)).all()
    assert (first != epoch_order(np.ones(50), doubled=False, seed=1, epoch=2)).any()
    assert (first != epoch_order(np.ones(50), doubled=False, seed=2, epoch=1)).any()


@pytest.mark.parametrize("weights", [[np.nan, 1], [-1, 1], [0, 0], [np.inf, 1]])
def test_bad_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="draw weights"):
        epoch_order(np.array(weights), doubled=True, seed=1, epoch=1)


@pytest.mark.parametrize(("images", "steps"), [(8, 2), (9, 2), (10, 3), (1, 0), (2, 1)])
def test_a_last_batch_of_one_is_left_out(images: int, steps: int) -> None:
    batches = EpochBatches(np.ones(images), doubled=False, seed=1, batch_size=4)
    assert len(batches) == len(list(batches)) == steps
    assert all(len(batch) > 1 for batch in batches)
