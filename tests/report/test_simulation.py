"""The simulated experiments: their truth against brute force, and what intervals and tests promise against it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import simulation
import simulation_table
from simulation import Scenes, World

STORED = pd.read_csv(Path(__file__).resolve().parents[2] / "docs" / "statistics_simulation.csv")


def test_the_expected_score_is_the_mean_of_many_runs() -> None:
    world = World(effect=0.4)
    scenes = Scenes.drawn(world, 300, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    for effect in (0.0, 0.4):
        runs = simulation.levels(world, 4000, effect, rng)
        tp, fp, fn = (part[..., 0].sum(axis=1) for part in simulation.counts(world, scenes, runs, rng))
        iou = tp / (tp + fp + fn)
        error = iou.std() / math.sqrt(len(iou))
        assert simulation.over_seeds(world, scenes, effect) == pytest.approx(iou.mean(), abs=4 * error)
    few = runs[:5]
    again = [simulation.counts(world, scenes, few, rng) for _ in range(800)]
    means = np.mean([tp.sum(axis=1) / (tp + fp + fn).sum(axis=1) for tp, fp, fn in again], axis=0)[:, 0]
    np.testing.assert_allclose(simulation.expected(world, scenes, few), means, atol=4 * 0.006 / math.sqrt(800))


def test_a_rate_is_held_against_its_promise_by_hand() -> None:
    # Three standard errors of .9 over 400 experiments: 3 sqrt(.09 / 400) = .045; of .05: .0327; of .2: .06.
    def kept(question: str, rate: float, low: float, high: float) -> tuple[str, float]:
        row = simulation_table._row(5, 100, 400, question, "m", rate, low, high)
        return row["kept"], row["tolerance"]

    assert kept("coverage", 0.86, 0.9, 0.98) == ("yes", pytest.approx(0.045))
    assert kept("coverage", 0.85, 0.9, 0.98)[0] == "no"
    assert kept("coverage", 1.0, 0.9, 0.98)[0] == "yes"
    assert kept("false alarm", 0.08, 0.0, 0.05) == ("yes", pytest.approx(0.03269, abs=1e-4))
    assert kept("false alarm", 0.09, 0.0, 0.05)[0] == "no"
    assert kept("power", 0.15, 0.2, 1.0) == ("yes", pytest.approx(0.06))
    assert kept("power", 0.13, 0.2, 1.0)[0] == "no"
    assert kept("power", 0.0, math.nan, 1.0)[0] == "not promised"


def test_intervals_that_are_too_narrow_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulation.crossed_interval

    def halved(observed: np.ndarray, drawn: np.ndarray, units: int) -> tuple[float, float, float]:
        mean, low, high = whole(observed, drawn, units)
        return mean, (mean + low) / 2, (mean + high) / 2

    monkeypatch.setattr(simulation, "crossed_interval", halved)
    found = simulation_table.simulation_table(60, cells=[(5, 100)], say=lambda line: None)
    broken = found[found["kept"] == "no"]["method"]
    assert broken.str.startswith(("crossed", "images alone")).sum() == 6
    assert len(broken) == 6


@pytest.mark.slow
@pytest.mark.parametrize("experiments", [60, pytest.param(150, marks=pytest.mark.long)])
def test_promises_are_kept_where_the_truth_is_known(experiments: int) -> None:
    """A smaller `make simulate`: the same cells and promises, with wider tolerances."""
    said: list[str] = []
    found = simulation_table.simulation_table(experiments, say=said.append)
    assert found[found["kept"] == "no"].empty, found[found["kept"] == "no"].to_string()
    assert set(found["kept"]) == {"yes", "not promised"}
    assert len(said) == 6
    same = STORED[["seeds", "images", "question", "method", "low", "high"]]
    pd.testing.assert_frame_equal(found[same.columns], same)  # what is stored was held against the same promises
