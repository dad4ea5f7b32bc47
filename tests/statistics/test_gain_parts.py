"""The parts of a gain: by hand, as one linear model, and summing up whatever the numbers."""

import math

import numpy as np
import pytest
from scipy import stats

from imbseg.statistics.difference import difference, t_interval
from imbseg.statistics.parts import parts_of_gain


def side(*values: float, first: int = 1) -> dict[tuple[int, int], float]:
    return {(seed, 0): value for seed, value in enumerate(values, first)}


def test_a_constructed_gain_by_hand() -> None:
    # plain .10 .12, geometry .11 .14 (+.01 +.02), remedy .20 .24 (+.10 +.12), both .31 .36 (+.21 +.24):
    # interaction .21 - .01 - .10 = .10 and .24 - .02 - .12 = .10
    found = parts_of_gain([side(0.10, 0.12), side(0.11, 0.14), side(0.20, 0.24), side(0.31, 0.36)])
    assert (found.paired, found.seeds) == (True, 2)
    assert found.levels == pytest.approx({"plain": 0.11, "geometry": 0.125, "remedy": 0.22, "both": 0.335})
    means = {name: part.mean for name, part in found.parts.items()}
    assert means == pytest.approx({"geometry_alone": 0.015, "remedy_alone": 0.11, "interaction": 0.10, "total": 0.225})
    alone, both = found.parts["geometry_alone"], found.parts["interaction"]
    # .01 and .02: deviation .0070711, of the mean .005; t(1) at 97.5 % is 12.7062
    assert (alone.low, alone.high) == pytest.approx((0.015 - 0.063531, 0.015 + 0.063531), abs=1e-6)
    assert alone.deviation == pytest.approx(0.0070711, abs=1e-6)
    assert (both.low, both.high, both.deviation) == pytest.approx((0.10, 0.10, 0))


def test_only_seeds_that_all_four_have_count() -> None:
    cells = [side(0.1, 0.2, 0.9), side(0.2, 0.3, 0.1), side(0.3, 0.5), side(0.5, 0.6, 0.9, first=1)]
    found = parts_of_gain(cells)
    assert (found.paired, found.seeds) == (True, 2)
    assert found.levels["plain"] == pytest.approx(0.15)
    assert found.parts["interaction"].mean == pytest.approx(((0.5 - 0.2 - 0.3 + 0.1) + (0.6 - 0.3 - 0.5 + 0.2)) / 2)


def test_what_only_rounding_tells_apart_is_no_gain() -> None:
    found = parts_of_gain([side(0.1, 0.3), side(0.1 + 1e-13, 0.3 - 1e-13), side(0.2, 0.4), side(0.5, 0.6)])
    alone = found.parts["geometry_alone"]
    assert (alone.mean, alone.low, alone.high, alone.deviation) == (0, 0, 0, 0)


def test_one_seed_has_parts_and_no_interval() -> None:
    found = parts_of_gain([side(0.1), side(0.2), side(0.3), side(0.5)])
    assert (found.paired, found.seeds) == (True, 1)
    assert found.parts["interaction"].mean == pytest.approx(0.1)
    assert all(math.isnan(part.low) and math.isnan(part.deviation) for part in found.parts.values())


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("seeds", [1, 2, 7])
def test_the_parts_sum_to_the_total(paired: bool, seeds: int) -> None:
    rng = np.random.default_rng(seeds)
    for _ in range(50):
        cells = [side(*rng.random(seeds), first=1 if paired else 1 + 100 * cell) for cell in range(4)]
        found = parts_of_gain(cells)
        assert found.paired is paired
        *alone, total = (part.mean for part in found.parts.values())
        assert sum(alone) == pytest.approx(total, abs=1e-14)
        assert total == pytest.approx(found.levels["both"] - found.levels["plain"], abs=1e-14)


def test_seeds_that_do_not_pair_equal_the_tests_of_two_sides_and_the_formula() -> None:
    rng = np.random.default_rng(3)
    cells = [side(*rng.normal(0.3, 0.02 * (cell + 1), 3 + cell), first=1 + 50 * cell) for cell in range(4)]
    found = parts_of_gain(cells)
    assert (found.paired, found.seeds) == (False, 3)
    for name, other in (("geometry_alone", 1), ("remedy_alone", 2), ("total", 3)):
        welch, part = difference(cells[other], cells[0]), found.parts[name]
        assert (part.mean, part.low, part.high) == pytest.approx((welch.mean, welch.low, welch.high))
        assert part.deviation == pytest.approx(welch.deviation)
    error = [np.var(list(one.values()), ddof=1) / len(one) for one in cells]
    free = sum(error) ** 2 / sum(part**2 / (len(one) - 1) for part, one in zip(error, cells, strict=True))
    both = found.parts["interaction"]
    assert both.high - both.mean == pytest.approx(stats.t.ppf(0.975, free) * math.sqrt(sum(error)))


def test_the_interaction_of_pairs_is_the_t_interval_of_its_contrast() -> None:
    rng = np.random.default_rng(4)
    scores = rng.random((5, 4))
    found = parts_of_gain([side(*column) for column in scores.T])
    p, g, r, t = scores.T
    both = found.parts["interaction"]
    assert (both.mean, both.low, both.high) == pytest.approx(t_interval(t - g - r + p))


def test_sides_without_spread_and_without_scores() -> None:
    apart = parts_of_gain([side(value, value, first=1 + 9 * cell) for cell, value in enumerate((0.1, 0.2, 0.4, 0.8))])
    both = apart.parts["interaction"]
    assert (both.low, both.mean, both.high, both.deviation) == pytest.approx((0.3, 0.3, 0.3, 0))
    for spread, none in ((1e-13, True), (1e-7, False)):  # rounding, and a small spread that is one
        apart = parts_of_gain(
            [side(value, value + spread, first=1 + 9 * cell) for cell, value in enumerate((1, 2, 4, 8))]
        )
        assert (apart.parts["interaction"].low == apart.parts["interaction"].mean) is none
    with pytest.raises(ValueError, match="score of each of four"):
        parts_of_gain([side(0.1), side(0.2), side(0.3), {}])
