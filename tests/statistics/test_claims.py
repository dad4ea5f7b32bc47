"""Claims of a difference: margins at their edges, the posterior by its draws, the winner's luck by experiments."""

import math

import numpy as np
import pytest

from imbseg.statistics.claims import expected_maximum, not_worse, probability_not_above, winner
from imbseg.statistics.difference import Difference, difference


def not_above(found: Difference) -> float:
    return probability_not_above(found.mean, found.deviation, found.p_t)


def scores(*values: float, first: int = 1) -> dict[tuple[int, int], float]:
    return {(seed, 0): value for seed, value in enumerate(values, first)}


@pytest.mark.parametrize(
    ("low", "high", "margin", "verdict"),
    [
        (-0.0099, 0.5, 0.01, "holds"),
        (-0.01, 0.5, 0.01, "can't be told"),  # the margin itself is no less than it
        (-0.5, -0.01, 0.01, "can't be told"),
        (-0.5, -0.0101, 0.01, "fails"),
        (0.001, 0.002, 0.0, "holds"),
        (-0.015, -0.005, 0.02, "holds"),  # worse, but by less than the margin
    ],
)
def test_the_interval_against_the_margin(low: float, high: float, margin: float, verdict: str) -> None:
    assert not_worse(low, high, margin) == verdict


def test_the_probability_is_that_of_the_posterior() -> None:
    found = difference(scores(0.50, 0.52, 0.57), scores(0.48, 0.51, 0.51))  # pairs .02, .01, .06
    rng = np.random.default_rng(0)
    # flat in mean and log(deviation): variance is 2 x .0007 / chi-squared(2), the mean normal round .03
    variance = 2 * 0.0007 / rng.chisquare(2, 400_000)
    means = rng.normal(0.03, np.sqrt(variance / 3))
    assert not_above(found) == pytest.approx((means <= 0).mean(), abs=0.002)
    turned = difference(scores(0.48, 0.51, 0.51), scores(0.50, 0.52, 0.57))
    assert not_above(found) + not_above(turned) == pytest.approx(1)


def test_the_probability_at_its_ends() -> None:
    assert math.isnan(not_above(difference(scores(0.5), scores(0.4))))
    alike = scores(0.5, 0.5, 0.5)
    assert not_above(difference(alike, alike)) == 1
    assert not_above(difference(scores(0.75, 0.75), scores(0.5, 0.5))) == 0
    assert not_above(difference(scores(0.5, 0.5), scores(0.75, 0.75))) == 1
    apart = difference(scores(0.5, 0.6), scores(0.4, 0.45, first=8))
    assert not_above(apart) == apart.p_t / 2


def test_the_expected_maximum_by_its_closed_forms() -> None:
    assert expected_maximum(1) == pytest.approx(0, abs=1e-12)
    assert expected_maximum(2) == pytest.approx(1 / math.sqrt(math.pi))
    assert expected_maximum(3) == pytest.approx(1.5 / math.sqrt(math.pi))
    assert expected_maximum(5) == pytest.approx(1.16296, abs=1e-5)  # David and Nagaraja's table
    assert expected_maximum(200) == pytest.approx(2.746, abs=1e-3)


def test_a_winner_by_hand() -> None:
    # means .3, .2; without seed 1 the second is best (.25 to .1), without seed 2 the first (.5 to .15)
    validation = np.array([[0.5, 0.1], [0.15, 0.25]])
    test = np.array([[0.4, 0.0], [0.2, 0.3]])
    found = winner(validation, test)
    assert (found.place, found.chosen, found.tested) == (0, pytest.approx(0.3), pytest.approx(0.2))
    assert found.left_out == pytest.approx((0.2 + 0.0) / 2)
    # strategies' means .3 and .2, seeds' .325 and .175, all .25: residuals +-.125; squares sum to .0625, 1 degree
    assert found.luck == pytest.approx(0.25 / math.sqrt(math.pi) / math.sqrt(2))
    with pytest.raises(ValueError, match="strategies, seeds"):
        winner(validation[:, :1], test[:, :1])


@pytest.mark.parametrize(("count", "seeds"), [(2, 3), (8, 3), (8, 10)])
def test_the_luck_of_the_best_among_equals_is_its_optimism(count: int, seeds: int) -> None:
    rng = np.random.default_rng(count + seeds)
    repeats, told = 2000, []
    for _ in range(repeats):
        shared = rng.normal(0, 0.05, seeds)  # what a seed gives all strategies alike is no luck of the best
        validation = 0.3 + shared + rng.normal(0, 0.02, (count, seeds))
        found = winner(validation, validation)
        told.append((found.chosen - 0.3 - shared.mean(), found.luck, found.left_out - 0.3 - shared.mean()))
    optimism, luck, left = np.mean(told, axis=0)
    error = np.std(told, axis=0) / math.sqrt(repeats)
    assert optimism == pytest.approx(luck, abs=4 * (error[0] + error[1]))
    assert optimism > 4 * error[0]
    assert left == pytest.approx(0, abs=4 * error[2])
