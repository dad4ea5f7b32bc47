"""A search: no parameters twice, nothing told twice, what runs counts, and it goes on where it stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from imbseg.tuning.goal import GOALS, check_arguments, score
from imbseg.tuning.search import Exhausted, Search

LR = {"lr": {"_type": "loguniform", "_value": [1e-4, 1.0]}, "loss": {"_type": "choice", "_value": ["a", "b"]}}
THREE = {"a": {"_type": "choice", "_value": [1, 2, 3]}}


def value(parameters: dict[str, Any]) -> float:
    import math

    return 1 - abs(math.log10(parameters["lr"]) + 2) / 4 + 0.1 * (parameters["loss"] == "b")


def states(search: Search) -> list[str]:
    return [one.state.name for one in search.study.trials if one.user_attrs]


def test_goals_by_hand() -> None:
    scores = {"default": 0.5, "head": 0.75, "medium": 0.1, "tail": 0.25}
    assert {goal: score(goal, scores) for goal in GOALS} == {"mIoU": 0.5, "tail": 0.25, "balanced": 0.5}
    assert score("mIoU", 0.25) == 0.25
    assert score("balanced", {"default": 0.5, "tail": 0.1}) is None
    assert score("mIoU", {"default": float("nan")}) is None
    assert score("mIoU", None) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"optimize": "tails"}, "unknown optimize 'tails'.*did you mean 'tail'"),
        ({"seed": 1.5}, "seed: expected a whole number"),
        ({"startup": -1}, "startup: expected"),
        ({"start_step": True}, "start_step: expected"),
    ],
)
def test_arguments_are_checked(given: dict[str, Any], message: str) -> None:
    from imbseg.errors import InputError

    with pytest.raises(InputError, match=message):
        check_arguments(given)


def test_no_parameters_twice_and_an_end() -> None:
    search = Search(THREE, "mIoU", 1)
    asked = [search.ask()[1]["a"] for _ in range(3)]
    assert sorted(asked) == [1, 2, 3]
    with pytest.raises(Exhausted):
        search.ask()
    assert states(search) == ["RUNNING"] * 3


def test_it_finds_what_is_better() -> None:
    search = Search(LR, "mIoU", 1)
    found = []
    for _ in range(40):
        _, parameters = search.ask()
        assert search.tell(parameters, {"default": value(parameters)})
        found.append(value(parameters))
    assert sum(found[-10:]) / 10 > sum(found[:10]) / 10 + 0.1


def test_the_same_seed_asks_the_same() -> None:
    def asked(seed: int) -> list[dict[str, Any]]:
        search, found = Search(LR, "mIoU", seed), []
        for _ in range(15):
            found.append(search.ask()[1])
            search.tell(found[-1], value(found[-1]))
        return found

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_what_runs_counts_as_bad() -> None:
    """Between answers, a constant liar asks elsewhere: without it all that is asked at once lies at one place."""
    search = Search(LR, "mIoU", 1)
    assert search._guided._constant_liar
    assert search._guided._is_multivariate(search.study)
    assert search._guided._group


@pytest.mark.parametrize("stop_after", [1, 12])
def test_it_goes_on_where_it_stopped(tmp_path: Path, stop_after: int) -> None:
    search, done = Search(LR, "mIoU", 1, file=tmp_path / "s"), {}
    assert search.fresh
    for _ in range(stop_after):
        _, parameters = search.ask()
        search.tell(parameters, value(parameters))
        done[parameters["lr"]] = value(parameters)
    _, running = search.ask()

    again = Search(LR, "mIoU", 1, file=tmp_path / "s")
    assert not again.fresh
    for lr, one in done.items():  # NNI hands over what it knows to be finished
        stored = next(trial for trial in again.study.trials if trial.params["lr"] == lr)
        assert not again.tell({"lr": lr, "loss": stored.params["loss"]}, one)
    assert again.tell(running, value(running))
    assert not again.tell(running, value(running))
    assert states(again) == ["COMPLETE"] * (stop_after + 1)
    _, fresh = again.ask()
    assert fresh["lr"] not in {*done, running["lr"]}


def test_a_trial_without_a_score_teaches_nothing() -> None:
    search = Search(LR, "tail", 1)
    _, first = search.ask()
    assert not search.tell(first, {"default": 0.5})
    trial, _ = search.ask()
    search.fail(trial)
    search.fail(trial)
    trial, _ = search.ask()
    search.prune(trial, 2, 0.125)
    search.prune(trial, 3, 0.5)
    assert states(search) == ["FAIL", "FAIL", "PRUNED"]
    assert search.study.trials[-1].intermediate_values == {2: 0.125}


def test_results_from_elsewhere_and_what_to_try_first() -> None:
    search = Search(LR, "mIoU", 1)
    told = {"lr": 0.5, "loss": "a"}
    assert search.tell(told, 0.25)
    assert not search.tell(told, 0.25)
    assert search.study.best_value == 0.25
    search.try_first({"lr": 0.01, "loss": "b"})
    assert search.ask()[1] == {"lr": 0.01, "loss": "b"}


def test_a_failed_trial_that_ran_again_counts(tmp_path: Path) -> None:
    search = Search(LR, "mIoU", 1, file=tmp_path / "s")
    trial, parameters = search.ask()
    search.fail(trial)
    again = Search(LR, "mIoU", 1, file=tmp_path / "s")
    assert again.tell(parameters, 0.5)
    assert not again.tell(parameters, 0.5)
    assert states(again) == ["FAIL", "COMPLETE"]
    assert Search(LR, "mIoU", 1, file=tmp_path / "s").known == dict.fromkeys(again.known)
