"""Who leaves a race: numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from imbseg.racing.rule import (
    LARGEST,
    NEAR,
    PRIOR,
    SHORT,
    Look,
    Noise,
    afforded,
    bar,
    beaten,
    looks,
    noise_at,
    seed_noise,
)

NORMAL = Noise(0.01, math.inf)


def test_the_looks_are_fixed_by_epochs_and_seeds() -> None:
    assert looks(20, 3) == [Look(5, 0.25, 1), Look(10, 0.5, 1), Look(20, 1.0, 1), Look(20, 1.0, 2), Look(20, 1.0, 3)]
    assert looks(2, 1) == [Look(1, 0.5, 1), Look(2, 1.0, 1)]  # a quarter of two epochs is the first as well


def test_residuals_of_candidates_and_seeds_by_hand() -> None:
    scores = np.array([[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]])
    # Rows' means .2 each, columns' means .2: residuals -.1, .1, 0, 0, .1, -.1; squares .04 over (3 - 1) x (2 - 1).
    found = seed_noise(scores, Noise(0.1, 2.0))
    assert found.free == 4.0
    assert found.deviation == pytest.approx(math.sqrt((2 * 0.01 + 0.04) / 4))


def test_a_shift_of_a_seed_or_a_candidate_is_no_noise() -> None:
    scores = np.array([[0.1], [0.5], [0.7]]) + np.array([0.0, 0.2, 0.1])
    assert seed_noise(scores, Noise(0.1, 1.0)).deviation == pytest.approx(math.sqrt(0.01 / 5))


def test_without_residuals_the_prior_stays() -> None:
    prior = Noise(0.02, 3.0)
    failed = np.array([[0.1, math.nan], [0.2, 0.3]])
    for scores in (np.zeros((0, 3)), np.array([[0.1, 0.2]]), np.array([[0.1], [0.2]]), failed):
        assert seed_noise(scores, prior) == Noise(pytest.approx(0.02), 3.0)


def test_one_seed_is_judged_by_the_largest_known_noise() -> None:
    found = noise_at(Look(5, 0.25, 1), np.random.default_rng(1).normal(size=(4, 1)), "tail")
    assert found == Noise(SHORT[0.25] * LARGEST["tail"].deviation, math.inf)


def test_two_seeds_tell_their_noise_themselves() -> None:
    scores = np.array([[0.1, 0.3], [0.2, 0.2], [0.3, 0.1]])
    assert noise_at(Look(8, 1.0, 2), scores, "tail") == seed_noise(scores, PRIOR["tail"])


def test_the_bar_by_hand() -> None:
    # z(1 - .05 / 2) = 1.95996, times .1 times sqrt(2 / 1), less .01
    assert bar(Noise(0.1, math.inf), 1, 2, 0.05) == pytest.approx(1.959964 * 0.1 * math.sqrt(2) - NEAR, abs=1e-6)
    # t(1 - .05) with two degrees of freedom = 2.91999, times .1 times sqrt(2 / 4)
    assert bar(Noise(0.1, 2.0), 4, 1, 0.05) == pytest.approx(2.919986 * 0.1 * math.sqrt(0.5) - NEAR, abs=1e-6)
    assert bar(Noise(1e-9, 2.0), 4, 1, 0.05) == NEAR


def test_the_bar_is_lower_with_more_seeds_and_higher_with_more_opponents() -> None:
    noise = Noise(0.1, 8.0)
    assert bar(noise, 2, 3, 0.01) > bar(noise, 3, 3, 0.01)
    assert bar(noise, 2, 4, 0.01) > bar(noise, 2, 3, 0.01) > bar(noise, 2, 3, 0.02)


def test_the_beaten_leave_and_the_baseline_stays() -> None:
    height = bar(NORMAL, 1, 3, 0.05)
    scores = np.array([[0.1], [0.5], [0.5 - height - 1e-6], [0.5 - height + 1e-6]])
    alive = np.ones(4, bool)
    assert beaten(scores, alive, 0, height).tolist() == [False, False, True, False]
    assert beaten(scores, alive, 2, height).tolist() == [True, False, False, False]


def test_who_is_out_neither_leads_nor_leaves_again() -> None:
    scores = np.array([[0.1], [0.3], [0.9], [0.12]])
    alive = np.array([True, False, False, True])
    assert not beaten(scores, alive, 0, 0.5).any()


def test_hours_hold_the_baseline_then_the_best() -> None:
    means, alive = np.array([0.3, 0.1, 0.5, 0.4]), np.ones(4, bool)
    costs, kept = np.array([1.0, 1.0, 2.0, 1.0]), np.zeros(4)
    chosen = [afforded(means, alive, 0, costs, left, kept).tolist() for left in (2.9, 3.0, 4.0, 5.0)]
    assert chosen == [[False] * 4, [True, False, True, False], [True, False, True, True], [True] * 4]


def test_hours_of_the_leader_and_the_baseline_are_kept_back() -> None:
    means, alive, costs = np.array([0.3, 0.1, 0.5]), np.ones(3, bool), np.ones(3)
    kept = np.array([1.0, 7.0, 1.0])
    assert afforded(means, alive, 0, costs, 5.0, kept).tolist() == [True, True, True]
    assert afforded(means, alive, 0, costs, 4.9, kept).tolist() == [True, False, True]
    assert afforded(means, alive, 0, costs, 2.0, kept).tolist() == [True, False, True]


def test_nobody_goes_on_alone() -> None:
    alive = np.array([True, False, False])
    assert not afforded(np.zeros(3), alive, 0, np.ones(3), 9.0, np.zeros(3)).any()


def test_where_all_have_failed_nobody_is_beaten() -> None:
    nobody = np.zeros(2, bool)
    assert not beaten(np.full((2, 1), math.nan), nobody, 0, 0.1).any()


def test_the_critical_value_is_scipys() -> None:
    assert bar(Noise(1.0, 5.0), 2, 9, 0.007) == pytest.approx(stats.t.isf(0.007 / 9, 5.0) - NEAR)
