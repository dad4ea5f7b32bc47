"""What is told of sampled settings: nothing of a grid, little of few trials, no more than chance gives of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from run_folders import make_run

from imbseg.runs.collect import collect
from imbseg.tuning.importance import basis, chance_of, importances, is_log, is_number, sampled


def settings(seed: int, trials: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    found = {"lr": 10 ** rng.uniform(-4, -2, trials), "loss": rng.choice(["a", "b", "c"], trials),
             "color": rng.uniform(0, 1, trials)}  # fmt: skip
    return pd.DataFrame(found, dtype=object)


def folders(root: Path, trials: list[dict[str, Any]], **more: Any) -> list[Any]:
    for place, given in enumerate(trials):
        sources = dict.fromkeys(given, "sampled") | {"dataset": "flag"}
        make_run(root / f"run{place}", about={"sources": sources}, **{**given, **more})
    return collect(root)


def test_what_was_sampled(tmp_path: Path) -> None:
    trials = [{"lr": 0.001 * (1 + n), "seed": n, "loss": "focal", "gamma": 1.0 + n} for n in range(5)]
    found = sampled(folders(tmp_path, [*trials, {"lr": 0.5, "seed": 9, "loss": "cross_entropy"}]))
    assert list(found) == ["loss", "gamma", "lr"]
    assert found["gamma"].tolist()[:5] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert found["gamma"].isna().tolist() == [False] * 5 + [True]


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.3, 0.4], [0.1] * 5])
def test_a_grid_is_no_search(tmp_path: Path, values: list[float]) -> None:
    trials = [{"lr": value, "loss": "focal" if n % 2 else "dice"} for n, value in enumerate(values)]
    assert sampled(folders(tmp_path, trials)).empty


def test_numbers_and_scales() -> None:
    assert is_number(pd.Series([1, 2, 3, 4.0, 5, None], dtype=object))
    assert not is_number(pd.Series([1, 2, 3, 4, 4], dtype=object))
    assert not is_number(pd.Series(["1", "2", "3", "4", "5"], dtype=object))
    assert is_log(pd.Series([1, 3, None, 10], dtype=object))
    assert not is_log(pd.Series([1, 3, 9.9], dtype=object))


def test_explained_by_hand() -> None:
    """Two choices whose means are 1.5 and 3.5 of ranks 1 to 4: 4 of the 5 squares."""
    half = basis(pd.Series(["a", "a", "b", "b"], dtype=object))
    assert half.shape == (4, 1)
    explained, _, _ = chance_of([half], np.array([0.1, 0.2, 0.3, 0.4]))
    assert explained == pytest.approx([0.8])
    # A parabola through a score that is best in the middle of a log scale explains all of its ranks.
    rates = pd.Series([10.0**power for power in (-4, -3.5, -3, -2.5, -2)], dtype=object)
    explained, _, _ = chance_of([basis(rates)], np.array([1.0, 2.0, 3.0, 2.0, 1.0]))
    assert explained[0] > 0.95
    assert basis(pd.Series([*range(6), None], dtype=object)).shape == (7, 3)


def test_what_matters_is_told_and_noise_is_not() -> None:
    found = settings(1, 40)
    score = -((np.log10(found["lr"].astype(float)) + 3) ** 2) + 0.1 * np.random.default_rng(2).normal(size=40)
    table = importances(found, {"tail": score.tolist()}).set_index("setting")
    assert table["importance"].sum() == pytest.approx(1)
    assert table.index[0] == "lr"
    assert table.loc["lr", "p_chance"] == pytest.approx(1 / 2000)
    assert (table.loc[["loss", "color"], "p_chance"] > 0.05).all()
    assert table.loc["lr", "explained"] > table.loc["lr", "detectable"]


def test_optunas_own_call_gives_the_same() -> None:
    import optuna

    found, score = settings(3, 30), np.random.default_rng(4).normal(size=30)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    rates = found["lr"].astype(float)
    for value, row in zip(score, found.to_dict("records"), strict=True):
        study.enqueue_trial(row)
        trial = study.ask()
        trial.suggest_float("lr", rates.min(), rates.max(), log=True)
        trial.suggest_float("color", found["color"].min(), found["color"].max())
        trial.suggest_categorical("loss", list(dict.fromkeys(found["loss"])))
        study.tell(trial, value)
    judge = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=0.25)
    theirs = optuna.importance.get_param_importances(study, evaluator=judge)
    ours = importances(found, {"tail": score.tolist()}).set_index("setting")["importance"].to_dict()
    assert ours == pytest.approx(theirs)


def test_false_alarms_are_as_rare_as_said() -> None:
    bases = [basis(column) for _, column in settings(5, 24).items()]
    rng = np.random.default_rng(6)
    alarms = sum(min(chance_of(bases, rng.normal(size=24))[1]) <= 0.05 for _ in range(200))
    assert 2 <= alarms <= 20  # 10 expected; binomial: outside of 2 to 20 with p .003


@pytest.mark.parametrize("trials", [3, 6])
def test_few_trials_tell_nothing(trials: int) -> None:
    found = settings(7, trials)
    table = importances(found, {"tail": list(range(trials))})
    assert (table["p_chance"] > 0.05).all()
    assert table["detectable"].max() > 0.8


def test_trials_without_a_score_are_left_out() -> None:
    found = settings(8, 12)
    scores = [float("nan"), *range(11)]
    assert set(importances(found, {"tail": scores})["trials"]) == {11}
    assert importances(found, {"tail": [float("nan")] * 12}).empty


@pytest.mark.parametrize(("order", "splits"), [("aaaabbbb", 2), ("aaababbb", 4), ("aabbaabb", 24)])
def test_p_of_one_setting_is_the_exact_permutation_p(order: str, splits: int) -> None:
    """Of the 70 ways to give four of eight trials one choice, those whose rank sum is as far from the middle."""
    from itertools import combinations

    ours = sum(place for place, one in enumerate(order) if one == "a")
    far = [one for one in combinations(range(8), 4) if abs(sum(one) - 14) >= abs(ours - 14)]
    assert len(far) == splits
    _, (p,), _ = chance_of([basis(pd.Series(list(order), dtype=object))], np.arange(8.0))
    assert p == pytest.approx(splits / 70, abs=4 * (splits / 70 * (1 - splits / 70) / 2000) ** 0.5)
