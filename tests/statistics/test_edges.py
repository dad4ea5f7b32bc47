"""Where one more seed, image or rounding error decides, and what the statistics give beside means."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from imbseg.metrics.counts import collect
from imbseg.statistics import bootstrap, pixels, power
from imbseg.statistics.correlation import class_statistics, coefficient, correlations
from imbseg.statistics.difference import (
    ROUNDING,
    difference,
    holm_by_family,
    pairing,
    rank_sum_p,
    sign_change_p,
    spread,
    t_interval,
)

NAN = math.nan


def scores(*values: float, first: int = 1) -> dict[tuple[int, int], float]:
    return {(seed, 0): value for seed, value in enumerate(values, first)}


@pytest.mark.parametrize(
    ("low", "high", "sure"), [(0.0, 1.0, False), (1e-9, 1.0, True), (-1.0, 0.0, False), (-1.0, -1e-9, True)]
)
def test_an_interval_that_touches_0_does_not_exclude_it(low: float, high: float, sure: bool) -> None:
    one = difference(scores(0.5, 0.6), scores(0.4, 0.4))
    assert dataclasses.replace(one, low=low, high=high).sure is sure


def test_deviations_and_unpaired_intervals() -> None:
    paired = difference(scores(0.50, 0.52, 0.57), scores(0.48, 0.51, 0.51))
    assert paired.deviation == pytest.approx(math.sqrt(0.0014 / 2))  # .02, .01, .06 about .03
    assert (paired.low, paired.high) == pytest.approx((0.03 - 0.0657239, 0.03 + 0.0657239), abs=1e-6)
    ours, theirs = (0.50, 0.52, 0.57, 0.61), (0.40, 0.43)
    apart = difference(scores(*ours), scores(*theirs, first=7))
    welch = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval(0.95)
    assert (apart.seeds, apart.low, apart.high) == (2, pytest.approx(welch.low), pytest.approx(welch.high))
    assert apart.deviation == pytest.approx(math.sqrt(np.var(ours, ddof=1) + np.var(theirs, ddof=1)))
    assert apart.smallest_p == apart.p_permutation == pytest.approx(2 / 15)  # one extreme of 15, and twice its tail
    assert apart.p_rank_sum == stats.ranksums(ours, theirs).pvalue
    alike = difference(scores(0.5, 0.5), scores(0.4, 0.4, first=7))
    assert (alike.low, alike.high, alike.p_t) == (alike.mean, alike.mean, 0)
    assert alike.mean == pytest.approx(0.1)
    single = difference(scores(0.5), scores(0.4, 0.2, first=7))
    assert (single.paired, single.seeds, single.mean) == (False, 1, pytest.approx(0.2))
    assert all(math.isnan(value) for value in (single.deviation, single.p_rank_sum, single.low, single.p_t))
    one_side = difference(scores(0.5, 0.5), scores(0.3, 0.5, first=7))  # one side without any spread
    assert one_side.p_t == pytest.approx(stats.t.sf(1, 1) * 2)


def test_rounding_ends_at_a_trillionth() -> None:
    for apart, p in ((ROUNDING / 2, 1), (ROUNDING * 4, 0)):
        found = difference(scores(0.0, 0.0, 0.0), scores(apart, apart, apart))
        assert (found.p_t, found.deviation) == (p, 0)
        assert found.mean == (0 if p else pytest.approx(-apart))


def test_seeds_pair_by_two_or_by_a_sides_only_one() -> None:
    two = {(2, 0): 0, (1, 0): 0}
    assert pairing(two, {(1, 0): 0, (2, 0): 0, (3, 0): 0}) == [(1, 0), (2, 0)]
    assert pairing(two, {(2, 0): 0}) == [(2, 0)]
    assert pairing(two, {(2, 0): 0, (2, 1): 0}) == []
    assert pairing(two, {(3, 0): 0}) == []


def test_too_few_values_have_no_spread_no_interval_and_no_test() -> None:
    assert [math.isnan(value) for value in spread([])] == [True, True, False]
    assert spread([0.3])[0] == 0.3
    assert math.isnan(spread([0.3])[1])
    assert spread(value for value in (0.1, 0.3, 0.5)) == (pytest.approx(0.3), pytest.approx(0.2), 3)
    assert [math.isnan(value) for value in t_interval([0.3])] == [False, True, True]
    assert math.isnan(sign_change_p(np.array([0.1])))
    assert math.isnan(rank_sum_p([0.1], [0.2, 0.3]))
    assert rank_sum_p([0.1, 0.2], [0.2, 0.3]) == stats.ranksums([0.1, 0.2], [0.2, 0.3]).pvalue


def test_twelve_pairs_are_tested_exactly_and_thirteen_by_chance_from_one_seed() -> None:
    assert sign_change_p(np.arange(1.0, 13)) == 2 / 4096
    assert sign_change_p(-np.arange(1.0, 13)) == 2 / 4096
    pairs = np.random.default_rng(0).normal(0.4, 1, 13)
    drawn = stats.permutation_test(
        (pairs,), np.mean, permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(0)
    )
    assert sign_change_p(pairs) == drawn.pvalue
    assert sign_change_p(pairs) == sign_change_p(pairs)


def test_large_sides_are_regrouped_by_chance_from_one_seed() -> None:
    rng = np.random.default_rng(1)
    for sizes, resamples in (((8, 7), np.inf), ((9, 8), 9999)):  # 6,435 and 24,310 regroupings
        ours, theirs = rng.normal(0.5, 1, sizes[0]), rng.normal(0, 1, sizes[1])
        drawn = stats.permutation_test(
            (ours, theirs), lambda a, b: a.mean() - b.mean(), n_resamples=resamples, rng=np.random.default_rng(0)
        )
        assert difference(scores(*ours), scores(*theirs, first=50)).p_permutation == drawn.pvalue


def test_families_are_adjusted_among_themselves_in_their_places() -> None:
    found = holm_by_family(["b", "a", "b", "a", "b"], [0.02, 0.5, 0.01, NAN, 0.9])
    assert found == pytest.approx([0.04, 0.5, 0.03, NAN, 0.9], nan_ok=True)


def test_what_seeds_can_detect_at_the_edges() -> None:
    assert [math.isnan(power.detectable(0.02, seeds)) for seeds in (1, 2)] == [True, False]
    assert math.isnan(power.detectable(NAN, 5))
    assert power.detectable(0.0, 5) == 0
    assert power.detectable(0.04, 5) == pytest.approx(2 * power.detectable(0.02, 5))
    # Two pairs: t(1) at 97.5 % is 12.7062, and noncentral t exceeds it in .8 of experiments.
    assert stats.nct.sf(12.7062047, 1, power.detectable(1.0, 2) * math.sqrt(2)) == pytest.approx(0.8, abs=1e-6)
    assert power.seeds_needed(-0.02, 0.02) == power.seeds_needed(0.02, 0.02) == 10
    assert power.seeds_needed(1e-9, 0.02) == power.MOST_SEEDS == 1000
    assert {power.seeds_needed(*bad) for bad in ((0.0, 0.02), (NAN, 0.02), (0.02, NAN))} == {1000}
    assert power.seeds_needed(10.0, 0.02) == 2


def test_what_tells_strategies_apart_at_the_edges() -> None:
    # Three seeds and two: squares .0002 + .00005 on 2 + 1 degrees; a strategy of one seed joins the means alone.
    within = math.sqrt(0.00025 / 3)
    between = np.std([0.51, 0.605, 0.7], ddof=1)
    assert power.noise_ratio([[0.50, 0.51, 0.52], [0.60, 0.61], [0.7], []]) == pytest.approx(between / within)
    assert math.isnan(power.noise_ratio([[0.5, 0.6]]))
    assert math.isnan(power.noise_ratio([[0.5, 0.5], [0.5, 0.5]]))
    assert power.noise_ratio([[0.5, 0.5], [0.5, 0.5], [0.6]]) == math.inf


def test_ten_images_can_be_drawn_from() -> None:
    ones = np.ones((1, 10, 1), np.int64)
    drawn = bootstrap.draw_images(ones, ones, 0 * ones)
    assert (drawn.units, drawn.iou.shape, drawn.observed.tolist()) == (10, (1, 2000, 1), [[0.5]])
    assert (drawn.iou == 0.5).all()


OURS = (np.array([0.4, 0.6, 0.8]), np.array([[0.3, 0.5, 0.4], [0.5, 0.7, 0.6], [0.7, 0.9, 0.8]]))
THEIRS = (np.array([0.1, 0.3]), np.array([[0.0, 0.1, 0.2], [0.2, 0.3, 0.4]]))


@pytest.mark.parametrize("times", [1, 10])
def test_an_unpaired_interval_by_hand(times: int) -> None:
    # Variances .04 / 3 on 2 degrees and .02 / 2 on 1; the sides' means move by .5 .7 .6 less .1 .2 .3: .4 .5 .3.
    parts = [(0.04 / 3, 2), (0.01, 1), (0.01 * times**2, 19)]
    drawn = OURS[1] * times, THEIRS[1] * times

    def half(some: list[tuple[float, int]]) -> float:
        total = sum(variance for variance, _ in some)
        free = total**2 / sum(variance**2 / degrees for variance, degrees in some)
        return stats.t.ppf(0.975, free) * math.sqrt(total)

    mean, low, high = bootstrap.unpaired_interval((OURS[0], THEIRS[0]), drawn, 20)
    widest = max(half(parts), half(parts[:2]), half(parts[2:]))
    assert (mean, low, high) == pytest.approx((0.4, 0.4 - widest, 0.4 + widest))
    alone = half(parts[2:])
    found = bootstrap.image_intervals((OURS[0], drawn[0]), (THEIRS[0], drawn[1]), 20, paired=False)
    assert found == pytest.approx((0.4, 0.4 - widest, 0.4 + widest, 0.4 - alone, 0.4 + alone))


def test_a_paired_interval_takes_the_pairs_and_one_seed_has_the_images_alone() -> None:
    two = (OURS[0][:2], OURS[1][:2])
    paired = bootstrap.image_intervals(two, THEIRS, 20, paired=True)
    assert paired[:3] == pytest.approx(bootstrap.crossed_interval(two[0] - THEIRS[0], two[1] - THEIRS[1], 20))
    alone = stats.t.ppf(0.975, 19) * math.sqrt(np.var([0.4 - 0.1, 0.6 - 0.2, 0.5 - 0.3], ddof=1))
    assert paired[3:] == pytest.approx((0.3 - alone, 0.3 + alone))
    for sides in ((two, (THEIRS[0][:1], THEIRS[1][:1])), ((OURS[0][:1], OURS[1][:1]), THEIRS)):
        found = bootstrap.image_intervals(*sides, 20, paired=True)
        assert [math.isnan(value) for value in found] == [False, True, True, False, False]


def test_without_any_variance_an_interval_is_its_mean() -> None:
    assert bootstrap.crossed_interval(np.array([0.5, 0.5]), np.full((2, 9), 0.5), 10) == (0.5, 0.5, 0.5)


def test_percentiles_draw_seeds_and_images() -> None:
    drawn = np.random.default_rng(0).normal(size=(3, 400))
    times = np.random.default_rng([7, 1]).multinomial(3, [1 / 3] * 3, size=400)
    means = [np.repeat(drawn[:, draw], times[draw]).mean() for draw in range(400)]
    assert bootstrap.percentile_interval(drawn, seed=7) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])))
    drawn[0, 0] = NAN  # a draw of images without the class
    assert not any(math.isnan(end) for end in bootstrap.percentile_interval(drawn))


@pytest.mark.parametrize("values", [[0.5, 0.5, 0.5], [0.5, 0.5 + 1e-13, 0.5], [0.1, 0.2]])
def test_what_does_not_vary_or_is_too_little_has_no_coefficient(values: list[float]) -> None:
    other = np.arange(len(values), dtype=float)
    for sides in ((np.array(values), other), (other, np.array(values))):
        assert all(math.isnan(value) for value in coefficient("kendall", *sides))


def test_coefficients_of_the_classes_that_both_have() -> None:
    iou = pd.DataFrame({"one": [0.1, 0.3, NAN, 0.2, 0.6]}, index=list("abcde"))
    found = class_statistics(np.array([[1.0, 3, 9, 0, 5], [0, 1, 9, 2, 6]]), np.array([10.0, 20]), list("abcde"))
    assert ("images", "sum", "shown") not in found.index
    table = correlations(iou, found).set_index(["statistic", "aggregate", "over"])
    row = table.loc[("pixels", "sum", "all")]
    given = [1.0, 4, 2, 11], [0.1, 0.3, 0.2, 0.6]
    assert (row["of"], row["classes"]) == ("one", 4)
    assert (row["pearson"], row["pearson_p"]) == pytest.approx(tuple(stats.pearsonr(*given)))
    assert (row["kendall"], row["spearman"]) == pytest.approx((1, 1))
    assert found.loc[("share", "mean", "shown")].tolist() == pytest.approx([0.1, 0.175, 0.675, 0.1, 0.4])
    assert found.loc[("images", "mean", "all")].tolist() == [0.5, 1, 1, 0.5, 1]


def test_counts_of_pixels_by_hand() -> None:
    # truth x prediction of two images: sky 6 + 0, pole 4 + 2; the third class nowhere
    one = np.array([[5, 1, 0], [1, 3, 0], [0, 0, 0], [0, 0, 0]])
    other = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 0], [9, 0, 0]])
    counts = collect(["a", "b"], [one, other])
    expected = [[5 / 7, 5 / 7, NAN], [5 / 6, 5 / 6, NAN], [5 / 6, 5 / 6, NAN], [0.5, 0.5, 0], [1, 2, 0], [2, 2, 2]]
    np.testing.assert_allclose(pixels.profile(counts), expected)
    of_truth, of_prediction = pixels.confusion_shares(np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]))
    np.testing.assert_allclose(of_truth, [[0.75, 0.25, 0], [0.25, 0.75, 0], [NAN] * 3])
    np.testing.assert_allclose(of_prediction, [[6 / 7, 0.4, NAN], [1 / 7, 0.6, NAN], [0, 0, NAN]])
    together = pixels.shown_together([counts, counts])
    np.testing.assert_allclose(together, [[1, 1, 0], [0.5, 1, 0], [NAN] * 3])


def test_pixels_by_size_by_hand() -> None:
    counts = collect(["a"], [np.zeros((3, 2), int)], np.array([[[3, 0, 0], [1, 0, 4]], [[1, 0, 0], [1, 0, 0]],
                                                               [[2, 0, 0], [1, 0, 1]]]))  # fmt: skip
    assert pixels.sized(counts)
    assert pixels.size_pixels(counts).tolist() == [[4, 0, 0], [2, 0, 4]]
    np.testing.assert_allclose(pixels.size_recall(counts), [[0.75, NAN, NAN], [0.5, NAN, 1]])
    for lacking in ("object_tp", "object_fn", "objects"):
        assert not pixels.sized(dataclasses.replace(counts, **{lacking: None}))
