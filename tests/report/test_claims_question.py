"""Claims: the head against the margin, the probability of no gain, the best on validation, single changes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asked import evidence, frames_of
from run_folders import WEIGHTED, make_run

from imbseg.report.questions import statistics
from imbseg.statistics.power import detectable


def add(root: Path, name: str, val: Sequence[float], test: Sequence[float], head: float = 0.7, **settings: Any) -> None:
    """Runs of one strategy, a seed each: IoU of the pole on both subsets."""
    for seed, (before, after) in enumerate(zip(val, test, strict=True), 1):
        here = {"val": (head, head, before), "test": (head, head, after)}
        make_run(root / f"{name}{seed}", seed=seed, **here, **settings)


def trials(root: Path) -> None:
    add(root, "plain", (0.1, 0.1), (0.1, 0.1))
    add(root, "focal", (0.6, 0.2), (0.5, 0.1), head=0.68, loss="focal")  # the best of all, by the luck of seed 1
    add(root, "weighted", (0.25, 0.35), (0.3, 0.4), **WEIGHTED)
    add(root, "dice", (0.9,), (0.9,), loss="dice")  # one seed: none that validation can choose from


def test_the_best_on_validation_by_hand(tmp_path: Path) -> None:
    trials(tmp_path)
    asked = evidence(tmp_path)
    row = statistics.best_on_validation(asked).set_index("score", drop=False).loc["tail"]
    assert [row[name] for name in ("strategy", "strategies", "seeds")] == ["focal", 2, 2]
    # gains .5 .1 and .15 .25; seed 1 under seed 2's choice (weighted): .2, seed 2 under seed 1's (focal): 0
    assert [row["chosen"], row["tested"], row["left_out"]] == pytest.approx([0.3, 0.2, 0.1])
    # residuals +-.125, one degree of freedom: .25; e(2) = .5642, two seeds
    assert row["luck"] == pytest.approx(0.5642 * 0.25 / 2**0.5, abs=1e-4)
    assert statistics.flattered(frames_of(asked)["winner.csv"]) == [
        "tail +0.300 on the validation images: focal, the best of 2 there (2 seeds). Luck of the best: at most +0.100 "
        "expected. On test +0.200; +0.100 where the other seeds choose for each seed."
    ]


def test_one_strategy_or_one_seed_is_no_choice(tmp_path: Path) -> None:
    add(tmp_path, "plain", (0.1, 0.1), (0.1, 0.1))
    add(tmp_path, "focal", (0.2, 0.3), (0.2, 0.3), loss="focal")
    add(tmp_path, "dice", (0.2,), (0.2,), loss="dice")
    found = statistics.best_on_validation(evidence(tmp_path))
    assert found.empty
    assert statistics.flattered(found) == []


def test_the_head_is_held_against_the_margin_and_a_gain_against_0(tmp_path: Path) -> None:
    trials(tmp_path)
    wide = statistics.table(evidence(tmp_path, margin=0.03)).set_index(["strategy", "score"])
    narrow = statistics.table(evidence(tmp_path)).set_index(["strategy", "score"])
    head = [("focal", "head"), ("weighted_cross_entropy", "head"), ("dice", "head")]
    assert [wide.loc[at, "not_worse"] for at in head] == ["holds", "holds", "can't be told"]
    assert [narrow.loc[at, "not_worse"] for at in head] == ["fails", "holds", "can't be told"]
    assert set(narrow.xs("tail", level="score")["not_worse"]) == {""}
    tail = narrow.xs("tail", level="score")
    assert tail.loc["focal", "probability_not_above"] == pytest.approx(tail.loc["focal", "p_t"] / 2)
    assert tail["probability_not_above"].isna().tolist() == [True, False, False]


def test_the_power_of_single_changes_is_of_as_many_tests_as_their_correction(tmp_path: Path) -> None:
    trials(tmp_path)
    found = statistics.one_change(evidence(tmp_path))
    tested = found[found["p_t"].notna() & (found["score"] == "tail")]
    assert set(tested["tests"]) == {6}
    assert (tested["high"] > tested["low"]).any()
    for _, row in tested.iterrows():
        deviation = (row["high"] - row["mean"]) / 12.7062 * 2**0.5  # Student's t with one degree of freedom
        assert row["detectable"] == pytest.approx(detectable(deviation, 2, family=6), rel=1e-4, abs=1e-9)
