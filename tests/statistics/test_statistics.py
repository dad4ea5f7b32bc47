"""Intervals, tests, families and power: by hand, against scipy, and against experiments whose truth is known."""

from __future__ import annotations

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from imbseg.errors import InputError
from imbseg.metrics.scores import mean
from imbseg.statistics import bootstrap, power
from imbseg.statistics.difference import difference, holm, least_permutation_p, sign_change_p
from imbseg.statistics.power import noise_ratio


def scores(*values: float) -> dict[tuple[int, int], float]:
    return {(seed, 0): value for seed, value in enumerate(values, 1)}


def test_a_paired_difference_by_hand() -> None:
    found = difference(scores(0.50, 0.52, 0.57), scores(0.48, 0.51, 0.51))
    # Pairs .02, .01, .06: mean .03, standard deviation .0264575, t = .03 / (.0264575 / sqrt 3) = 1.9640; t(2) is
    # 4.30265 at 97.5 %.
    assert (found.paired, found.seeds) == (True, 3)
    assert found.mean == pytest.approx(0.03)
    assert found.high - found.mean == pytest.approx(4.30265 * 0.0264575 / math.sqrt(3), rel=1e-4)
    assert found.p_t == pytest.approx(0.18850, rel=1e-3)
    assert found.p_permutation == 2 / 8  # all three of one sign: the two extremes of eight sign changes
    assert found.smallest_p == 0.25
    assert found.p_rank_sum == stats.ranksums([0.50, 0.52, 0.57], [0.48, 0.51, 0.51]).pvalue


def test_without_shared_seeds_nothing_is_paired() -> None:
    ours, theirs = [0.50, 0.52, 0.57], [0.40, 0.41, 0.42]
    found = difference(scores(*ours), {(seed, 0): value for seed, value in zip((7, 8, 9), theirs, strict=True)})
    assert not found.paired
    assert found.mean == pytest.approx(0.12)
    assert found.p_t == pytest.approx(stats.ttest_ind(ours, theirs, equal_var=False).pvalue)
    assert found.p_permutation == pytest.approx(2 / 20)  # 6 over 3 regroupings, the two extremes
    assert found.smallest_p == pytest.approx(2 / 20)


@pytest.mark.parametrize(("ours", "theirs"), [((0.5,), (0.4,)), ((0.5,), (0.4, 0.3))])
def test_one_seed_gives_a_mean_and_no_test(ours: tuple[float, ...], theirs: tuple[float, ...]) -> None:
    found = difference(scores(*ours), scores(*theirs))
    assert found.mean == pytest.approx(0.1)  # seed 1 against itself, whatever seed 2 of the other side says
    assert all(math.isnan(value) for value in (found.low, found.high, found.p_t, found.p_permutation, found.smallest_p))


def test_no_score_is_no_difference() -> None:
    with pytest.raises(ValueError, match="needs a score"):
        difference({}, scores(0.1))


def test_a_thousand_seeds_are_not_too_many() -> None:
    rng = np.random.default_rng(0)
    ours, theirs = (dict(scores(*rng.normal(mean, 0.1, 1200))) for mean in (0.5, 0.4))
    assert difference(ours, theirs).smallest_p == 0
    assert difference(ours, {(seed, 1): value for (seed, _), value in theirs.items()}).smallest_p == 0


def test_differences_without_spread() -> None:
    same = difference(scores(0.5, 0.5, 0.5), scores(0.5, 0.5, 0.5))
    assert (same.mean, same.p_t, same.p_permutation) == (0, 1, 1)
    moved = difference(scores(0.75, 0.75, 0.75), scores(0.5, 0.5, 0.5))
    assert (moved.mean, moved.low, moved.p_t, moved.p_permutation) == (0.25, 0.25, 0, 0.25)


def test_what_only_rounding_tells_apart_is_the_same() -> None:
    """Means of the same two classes summed in other orders: .7 and the float before it."""
    here, there = (0.7, 0.7, np.nextafter(0.7, 0)), (np.nextafter(0.7, 0), 0.7, 0.7)
    paired = difference(scores(*here), scores(*there))
    apart = difference(scores(*here), {(seed, 1): value for seed, value in enumerate(there)})
    for found in (paired, apart):
        assert (found.mean, found.deviation, found.p_t, found.p_permutation) == (0, 0, 1, 1)


@pytest.mark.parametrize("seeds", [2, 4, 7])
def test_sign_changes_equal_their_enumeration(seeds: int) -> None:
    pairs = np.random.default_rng(seeds).normal(0.3, 1, seeds)
    means = [np.mean(pairs * signs) for signs in itertools.product((1, -1), repeat=seeds)]
    at_least = np.mean([abs(mean) >= abs(pairs.mean()) - 1e-12 for mean in means])
    assert sign_change_p(pairs) == pytest.approx(at_least)
    assert sign_change_p(np.abs(pairs)) == least_permutation_p(seeds)


def test_holm_by_hand_and_with_tests_that_are_none() -> None:
    assert holm([0.01, math.nan, 0.02, 0.5]) == pytest.approx([0.03, math.nan, 0.04, 0.5], nan_ok=True)
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("family", [1, 9])
def test_the_detectable_difference_is_found_in_four_of_five_experiments(family: int) -> None:
    effect = power.detectable(0.02, 5, family=family)
    pairs = np.random.default_rng(0).normal(effect, 0.02, (20_000, 5))
    found = stats.ttest_1samp(pairs, 0, axis=1).pvalue <= 0.05 / family
    assert found.mean() == pytest.approx(0.8, abs=0.01)  # three standard errors
    assert power.seeds_needed(effect, 0.02, family=family) == 5
    assert power.seeds_needed(effect * 0.99, 0.02, family=family) == 6


def test_the_noise_ratio_by_hand() -> None:
    # Within: variances .0002 and .0002, pooled sd .0141421; means .51 and .61, sd .0707107.
    assert noise_ratio([[0.50, 0.52], [0.60, 0.62]]) == pytest.approx(5.0)
    assert math.isnan(noise_ratio([[0.5], [0.6]]))
    assert noise_ratio([[0.5, 0.5], [0.6, 0.6]]) == math.inf


def counts(runs: int, images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    tp, fp, fn = (rng.integers(0, high, (runs, images, classes)) for high in (4000, 1500, 1500))
    return tp, fp, fn


def test_a_draw_recounts_the_whole_sets_iou() -> None:
    tp, fp, fn = counts(2, 12, 3)
    tp[:, :, 2] = fp[:, :, 2] = fn[:, :, 2] = 0
    drawn = bootstrap.draw_images(tp, fp, fn, seed=5, draws=4)
    times = np.random.default_rng(5).multinomial(12, np.full(12, 1 / 12), size=4)
    for draw in range(4):
        chosen = np.repeat(np.arange(12), times[draw])
        assert len(chosen) == 12
        for run in range(2):
            hits, union = tp[run, chosen, 0].sum(), (tp + fp + fn)[run, chosen, 0].sum()
            assert drawn.iou[run, draw, 0] == hits / union
    assert np.isnan(drawn.iou[:, :, 2]).all()
    assert mean(drawn.iou[..., [0, 2]], axis=-1)[1, 3] == drawn.iou[1, 3, 0]


def test_groups_are_drawn_whole() -> None:
    tp, fp, fn = counts(1, 40, 1)
    names = np.repeat([f"video{number:02}" for number in range(20)], 2)
    drawn = bootstrap.draw_images(tp, fp, fn, draws=50, groups=names)
    by_group = bootstrap.draw_images(*(part.reshape(1, 20, 2, 1).sum(axis=2) for part in (tp, fp, fn)), draws=50)
    assert drawn.units == 20
    np.testing.assert_array_equal(drawn.iou, by_group.iou)


@pytest.mark.parametrize(
    ("groups", "what"), [(None, "10 images, found 9"), (np.array(["a", "b", "c"] * 3), "10 groups of")]
)
def test_too_few_to_draw_from_is_refused(groups: np.ndarray | None, what: str) -> None:
    with pytest.raises(InputError, match=what):
        bootstrap.draw_images(*counts(1, 9, 1), groups=groups)


def test_the_crossed_interval_by_hand() -> None:
    # Seeds .1 and .3: variance .02, of the mean .01 with 1 degree of freedom. Draws of images: the seeds' mean is .1 or
    # .3 as often, variance .0105263 of 20 draws (n - 1), with 9 degrees.
    observed = np.array([0.1, 0.3])
    drawn = np.array([[0.0, 0.2] * 10, [0.2, 0.4] * 10])
    mean, low, high = bootstrap.crossed_interval(observed, drawn, units=10)
    total = 0.01 + 0.2 / 19
    free = total**2 / (0.01**2 / 1 + (0.2 / 19) ** 2 / 9)
    both, seeds_alone = stats.t.ppf(0.975, free) * math.sqrt(total), 12.7062 * 0.1
    assert both < seeds_alone  # the images' 9 degrees make the sum's interval the narrower one
    assert mean == pytest.approx(0.2)
    assert (high - low) / 2 == pytest.approx(seeds_alone, rel=1e-5)


def test_the_crossed_interval_of_more_seeds_is_the_wider_one() -> None:
    # .1, .2, .3, .2: variance .02 / 3, of the mean .02 / 12 with 3 degrees; images as above
    observed = np.array([0.1, 0.2, 0.3, 0.2])
    drawn = np.tile([[-0.1, 0.1] * 10], (4, 1)) + observed[:, None]
    _, low, high = bootstrap.crossed_interval(observed, drawn, units=10)
    total = 0.02 / 12 + 0.2 / 19
    free = total**2 / ((0.02 / 12) ** 2 / 3 + (0.2 / 19) ** 2 / 9)
    assert (high - low) / 2 == pytest.approx(stats.t.ppf(0.975, free) * math.sqrt(total))
    assert (high - low) / 2 > max(3.1824 * math.sqrt(0.02 / 12), 2.2622 * math.sqrt(0.2 / 19))


def test_the_published_size_needs_no_table_of_draws_times_images_times_classes() -> None:
    """Ten strategies, five seeds, VOC 2012's 1,449 images and 21 classes, 2,000 draws: every pair."""
    tp, fp, fn = counts(50, 1449, 21)
    tracemalloc.start()
    drawn = bootstrap.draw_images(tp, fp, fn)
    observed, moved = mean(drawn.observed, axis=-1), mean(drawn.iou, axis=-1)
    seeds = np.arange(5)
    found = [
        bootstrap.crossed_interval(observed[5 * a + seeds] - observed[5 * b + seeds],
                                   moved[5 * a + seeds] - moved[5 * b + seeds], drawn.units)
        for a, b in itertools.combinations(range(10), 2)
    ]  # fmt: skip
    assert len(found) == 45
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2000 * 1449 * 21
