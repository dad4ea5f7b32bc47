"""A whole race on known worlds: who is kept, what it costs, and how often the rule errs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from race_worlds import Arrays, World, best_of_one, drawn, orders, published, raced, random_halving, stored
from simulate_race import STORED, deviations, measured, prior, residual, short_ratio

from imbseg.racing.course import run_course
from imbseg.racing.rule import ERROR, LARGEST, PRIOR, SHORT, Floats, Mask, Noise, looks

EXACT = World(
    np.array([0.2, 0.5, 0.9, 0.895]), {epochs: np.tile([[0.2], [0.5], [0.9], [0.895]], (1, 5)) for epochs in (2, 4, 8)}
)


def test_a_race_without_noise_step_by_step() -> None:
    plan = looks(8, 5)
    field = Arrays(EXACT, plan, 20.0)
    steps = run_course(field, plan, 4, 0)
    # The first bar is z(1 - .05 / 7 / 3) x .032 x 2.4 x sqrt(2) - .01 = .297: .5 leaves, the baseline stays.
    assert [step.beaten.tolist() for step in steps[:2]] == [[False, True, False, False], [False] * 4]
    assert [step.alive.tolist() for step in steps] == [[True, False, True, True]] * 7
    assert not any(step.unaffordable.any() or step.failed.any() for step in steps)
    assert [step.look for step in steps] == plan
    assert field.spent == 4 * 0.25 + 3 * 0.75 + 4 * 3


def test_the_budget_is_never_exceeded_and_ends_the_race() -> None:
    plan = looks(8, 5)
    for budget in (2.0, 2.5, 4.0, 9.0):
        field = Arrays(EXACT, plan, budget)
        steps = run_course(field, plan, 4, 0)
        assert field.spent <= budget
        assert all(step.alive[0] for step in steps)
        if budget >= 2.5:  # all at the first look, the baseline and the leader to the end
            assert max(step.look.share for step in steps) == 1.0
            assert steps[-1].alive[2]
    assert run_course(Arrays(EXACT, plan, 0.4), plan, 4, 0) == []


class Failing(Arrays):
    """One candidate's trial fails at the second look."""

    def __init__(self, who: int) -> None:
        super().__init__(EXACT, looks(8, 5), 20.0)
        self.who = who

    def run(self, number: int, chosen: Mask) -> Floats:
        scores = super().run(number, chosen)
        scores[self.who] = math.nan if number else scores[self.who]
        return scores


def test_a_failed_trial_takes_its_candidate_out() -> None:
    steps = run_course(Failing(2), looks(8, 5), 4, 0)
    assert steps[1].failed.tolist() == [False, False, True, False]
    assert steps[-1].alive.tolist() == [True, False, False, True]


def test_without_its_baseline_the_race_is_over() -> None:
    steps = run_course(Failing(0), looks(8, 5), 4, 0)
    assert len(steps) == 2
    assert not steps[-1].alive[0]
    assert not steps[-1].beaten.any()


def test_a_race_of_the_baseline_alone_is_over() -> None:
    far = World(np.array([0.9, 0.1]), {epochs: np.tile([[0.9], [0.1]], (1, 3)) for epochs in (2, 4, 8)})
    steps = run_course(Arrays(far, looks(8, 3), 20.0), looks(8, 3), 2, 0)
    assert len(steps) == 1
    assert steps[0].beaten.tolist() == [False, True]


@pytest.mark.parametrize("deviation", [0.005, 0.013])
def test_the_error_budget_holds_where_hours_are_enough(deviation: float) -> None:
    rng, wronged, left = np.random.default_rng(7), 0, 0
    for _ in range(150):
        race = raced(drawn(rng, 0.03, deviation, ladder=False, candidates=6, seeds=5), 30.0)
        wronged, left = wronged + race.wronged, left + race.left
    assert wronged / 150 <= ERROR
    assert left / 150 < 4.0 if deviation > 0.01 else left / 150 < 2.2  # it isn't kept by never dropping anybody


def test_without_an_error_budget_the_best_is_lost() -> None:
    rng, lost = np.random.default_rng(7), 0
    plan = looks(20, 5)
    for _ in range(60):
        world = drawn(rng, 0.03, 0.013, ladder=False, candidates=6, seeds=5)
        steps = run_course(Arrays(world, plan, 30.0), plan, 6, 0, error=17.0)
        lost += not world.good[steps[-1].alive].any()
    assert lost / 60 > 2 * ERROR


def test_the_goal_at_a_third_of_the_cost() -> None:
    rng = np.random.default_rng(3)
    races = [raced(drawn(rng, 0.01, 0.013, ladder=True, candidates=10, seeds=5), 50 / 3) for _ in range(100)]
    assert np.mean([race.kept for race in races]) >= 0.95
    assert max(race.cost for race in races) <= 50 / 3


def test_the_rules_beside_it() -> None:
    rng = np.random.default_rng(5)
    assert best_of_one(EXACT).won
    assert best_of_one(EXACT).cost == 4
    halved = random_halving(EXACT, 20.0, rng)
    assert halved.left <= 2
    assert halved.cost <= 20


def test_the_published_trials_raced_again() -> None:
    world = published()
    assert world.full.shape == (8, 5)
    races = [raced(one, 40 / 3) for one in orders(world)]
    assert len(races) == 120
    assert all(race.kept for race in races)


def test_run_folders_raced_again() -> None:
    for name in ("coffee", "idrid"):
        world = stored(STORED[name])
        assert world.full.shape == (8, 3)
        assert (np.diff([world.after[epochs] for epochs in sorted(world.after)], axis=0) >= 0).all()  # the best so far
        assert all(raced(one, 8.0).kept for one in orders(world))


def test_the_constants_of_the_rule_are_those_of_the_finished_runs() -> None:
    lines = "\n".join(measured("mIoU"))
    assert f"prior {PRIOR['mIoU'].deviation:.4f}, {PRIOR['mIoU'].free:.1f} degrees" in lines
    assert max(deviations().values()) == pytest.approx(LARGEST["mIoU"].deviation, abs=5e-4)
    for share in (0.25, 0.5):
        line = next(line for line in lines.splitlines() if f"{share:g} of the epochs: " in line)
        assert float(line.split()[-1]) == pytest.approx(SHORT[share], abs=0.05)
    lines = "\n".join(measured("tail"))
    assert f"prior {PRIOR['tail'].deviation:.4f}, {PRIOR['tail'].free:.1f} degrees" in lines


def test_noise_that_was_put_in_is_measured() -> None:
    rng = np.random.default_rng(11)
    worlds = [drawn(rng, 0.02, 0.01, ladder=True, candidates=40, seeds=5) for _ in range(30)]
    found = [residual(world.full) for world in worlds]
    assert np.mean([one.deviation for one in found]) == pytest.approx(0.01, rel=0.03)
    for share in (0.25, 0.5):
        assert np.mean([short_ratio(world, share) for world in worlds]) == pytest.approx(SHORT[share], rel=0.05)


def test_the_prior_of_equal_and_of_unequal_deviations() -> None:
    assert prior([Noise(0.01, 10.0)] * 3) == Noise(pytest.approx(0.01), 3)
    rng = np.random.default_rng(13)
    # sigma^2 = 4 x .01^2 / chi2(4), each seen with 50 degrees of freedom
    true = 0.01 * np.sqrt(4 / rng.chisquare(4, 4000))
    seen = true * np.sqrt(rng.chisquare(50, 4000) / 50)
    found = prior([Noise(float(one), 50.0) for one in seen])
    assert found.free == pytest.approx(4, rel=0.1)
    assert found.deviation == pytest.approx(0.01, rel=0.03)
