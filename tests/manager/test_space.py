from __future__ import annotations

from typing import Any

import pytest

from imbseg.errors import InputError
from imbseg.manager import space


def choice(*values: Any) -> dict[str, Any]:
    return {"_type": "choice", "_value": list(values)}


def test_a_grid_gives_every_combination_last_key_fastest() -> None:
    found = list(space.samples({"a": choice(1, 2), "b": choice("x", "y")}))
    assert found == [{"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"}]


def test_nested_choices_are_opened_to_the_last_one() -> None:
    deep = {"_name": "focal", "gamma": choice(1, {"_name": 2, "alpha": choice(0.25, 0.5)})}
    assert list(space.samples({"loss": choice("dice", deep)})) == [
        {"loss": "dice"},
        {"loss": {"_name": "focal", "gamma": 1}},
        {"loss": {"_name": "focal", "gamma": {"_name": 2, "alpha": 0.25}}},
        {"loss": {"_name": "focal", "gamma": {"_name": 2, "alpha": 0.5}}},
    ]


def test_a_large_space_still_shows_every_choice() -> None:
    found = list(space.samples({str(key): choice(*range(10)) for key in range(6)}))
    assert len(found) == 1 + 6 * 9
    assert {(key, value) for sample in found for key, value in sample.items()} == {
        (str(key), value) for key in range(6) for value in range(10)
    }


@pytest.mark.parametrize(
    ("kind", "given", "ends"),
    [
        ("randint", [1, 6], [1, 5]),
        ("uniform", [0, 1], [0.0, 1.0]),
        ("quniform", [2, 8, 2], [2.0, 8.0]),
        ("loguniform", [1e-5, 1e-1], [1e-5, 1e-1]),
        ("qloguniform", [1, 9, 1], [1.0, 9.0]),
        ("normal", [0.5, 0.1], [0.5]),
        ("lognormal", [0, 1], [1.0]),
        ("qnormal", [3, 1, 1], [3.0]),
    ],
)
def test_a_range_gives_its_ends(kind: str, given: list[float], ends: list[float]) -> None:
    assert space.options({"_type": kind, "_value": given}, "x") == ends


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, "search space: expected"),
        ([1], "search space: expected"),
        ({"x": [1, 2]}, "x: expected {_type"),
        ({"x": {"_type": "choice"}}, "x: expected {_type"),
        ({"x": {"_type": "choise", "_value": [1]}}, "_type of x.*did you mean 'choice'"),
        ({"x": choice()}, "isn't empty"),
        ({"x": choice({"gamma": choice(1)})}, "needs a _name"),
        ({"x": choice({"_name": "focal", "gamma": 2})}, r"x\.gamma: expected"),
        ({"x": {"_type": "uniform", "_value": [1]}}, "uniform takes 2 numbers"),
        ({"x": {"_type": "uniform", "_value": ["a", 1]}}, "uniform takes 2 numbers"),
        ({"x": {"_type": "uniform", "_value": [1, 0]}}, "lower, upper"),
        ({"x": {"_type": "loguniform", "_value": [0, 1]}}, "the lower above 0"),
        ({"x": {"_type": "quniform", "_value": [0, 1]}}, "quniform takes 3 numbers"),
    ],
)
def test_what_is_no_search_space_is_refused(broken: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(space.samples(broken))
