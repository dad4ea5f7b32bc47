"""NNI's search space in Optuna: every type, there and back."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest

from imbseg.errors import InputError
from imbseg.tuning.space import distribution, drawn, nested, same, suggest

RANGES = {
    "uniform": [0.5, 2.0],
    "loguniform": [0.001, 0.1],
    "quniform": [0.3, 2.2, 0.5],
    "qloguniform": [1, 100, 5],
    "normal": [3.0, 2.0],
    "lognormal": [0.0, 1.0],
    "qnormal": [10, 4, 2],
    "qlognormal": [2, 1, 1],
    "randint": [1, 5],
}
NESTED = {
    "strategy": {
        "_type": "choice",
        "_value": [
            {"_name": "plain", "loss": {"_type": "choice", "_value": ["dice", "focal"]}},
            {
                "_name": "rare",
                "loss": {
                    "_type": "choice",
                    "_value": ["dice", {"_name": "focal", "gamma": {"_type": "uniform", "_value": [1.0, 4.0]}}],
                },
                "rare_objects": {"_type": "randint", "_value": [2, 9]},
            },
            {"_name": "none"},
        ],
    },
    "lr": {"_type": "choice", "_value": [0.01, 0.1]},
}


def draws(space: dict[str, Any], n: int = 300) -> list[tuple[optuna.trial.Trial, dict[str, Any]]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    trials = [study.ask() for _ in range(n)]
    return [(trial, suggest(trial, space)) for trial in trials]


@pytest.mark.parametrize("kind", RANGES)
def test_a_range_gives_what_nnis_own_would(kind: str) -> None:
    from nni.common.hpo_utils import deformat_parameters, format_search_space

    space = {"x": {"_type": kind, "_value": RANGES[kind]}}
    spec = format_search_space(space)
    for trial, parameters in draws(space):
        raw = trial.params["x"]
        if kind == "randint":
            raw -= 1
        elif "normal" in kind:
            from scipy.stats import norm

            raw = norm.ppf(raw, *RANGES[kind][:2])
        elif "log" in kind:
            raw = math.log(raw)
        assert parameters["x"] == pytest.approx(deformat_parameters({("x",): raw}, spec)["x"], rel=1e-6)


@pytest.mark.parametrize("kind", [kind for kind in RANGES if not kind.startswith("q")])
def test_a_range_there_and_back(kind: str) -> None:
    space = {"x": {"_type": kind, "_value": RANGES[kind]}}
    for trial, parameters in draws(space):
        value, dist = drawn(parameters, space)["x"]
        assert value == pytest.approx(trial.params["x"], rel=1e-9)
        assert dist == trial.distributions["x"]


def test_branches_there_and_back() -> None:
    seen = set()
    for trial, parameters in draws(NESTED):
        found = drawn(parameters, NESTED)
        assert {name: value for name, (value, _) in found.items()} == trial.params
        assert {name: dist for name, (_, dist) in found.items()} == trial.distributions
        seen.add(tuple(trial.params))
        flat = {"lr": parameters["lr"]}
        chosen = parameters["strategy"]
        inner = chosen if isinstance(chosen, dict) else {"_name": chosen}
        flat["strategy"] = inner["_name"]
        for name, value in inner.items():
            if isinstance(value, dict):
                flat |= {name: value["_name"], "gamma": value["gamma"]}
            elif name != "_name":
                flat[name] = value
        assert same(nested(flat, NESTED)) == same(parameters)
    rare = "strategy=rare/"
    assert seen == {
        ("strategy", "lr"),
        ("strategy", "strategy=plain/loss", "lr"),
        ("strategy", f"{rare}loss", f"{rare}rare_objects", "lr"),
        ("strategy", f"{rare}loss", f"{rare}loss=focal/gamma", f"{rare}rare_objects", "lr"),
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"lr": 0.01}, "strategy: is missing"),
        ({"strategy": "none", "lr": 0.02}, "lr: 0.02 is none of its choices"),
        ({"strategy": "rare", "lr": 0.01}, "loss: is missing"),
        ({"strategy": {"_name": "rare", "loss": "dice", "rare_objects": 9}, "lr": 0.01}, "rare_objects: 9 is outside"),
        ({"strategy": {"_name": "rare", "loss": "dice", "rare_objects": 2.5}, "lr": 0.01}, "2.5 is outside of randint"),
        ({"strategy": {"_name": "rare", "loss": "dice", "rare_objects": "2"}, "lr": 0.01}, "2 is no number"),
    ],
)
def test_what_does_not_fit(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        drawn(parameters, NESTED)


def test_labels_of_choices_by_hand() -> None:
    node = {"_type": "choice", "_value": ["a", 1, 0.5, True, None, {"_name": "b"}]}
    assert distribution(node).choices == ("a", '{"": 1}', '{"": 0.5}', '{"": true}', '{"": null}', "b")  # type: ignore[attr-defined]


def test_javascript_writes_a_whole_number_without_its_point() -> None:
    assert same({"a": {"_name": "b", "c": [1.0]}}) == same({"a": {"_name": "b", "c": [1]}})
    assert same({"a": {"_name": "b"}}) == same({"a": "b"})
    assert same({"a": 1}) != same({"a": True})
