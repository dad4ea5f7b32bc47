from __future__ import annotations

import math
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
        ("randint", [1, 6], [1, 2, 3, 5]),
        ("randint", [1, 2], [1]),
        ("randint", [0, 5000], [0, 1, 4999]),
        ("uniform", [0, 1], [0.0, 1 / 3, 1.0]),
        ("quniform", [2, 8, 2], [2.0, 4.0, 6.0, 8.0]),
        ("quniform", [32, 64, 12], [32.0, 36.0, 48.0, 64.0]),  # NNI rounds to steps, then clips into the range
        ("loguniform", [0.01, 0.31], [0.01, 0.11, 0.31]),
        ("qloguniform", [1, 9, 1], [1.0, 2.0, 3.0, 9.0]),
        ("normal", [0.5, 0.1], [0.1, 0.36666, 0.9]),  # four standard deviations to each side
        ("lognormal", [0, 1], [math.exp(-4), 18.21174, math.exp(4)]),
        ("qnormal", [3, 1, 1], [-1.0, 0.0, 1.0, 7.0]),
        ("qlognormal", [0, 1, 20], [20.0, 40.0]),
    ],
)
def test_a_range_gives_its_ends(kind: str, given: list[float], ends: list[float]) -> None:
    assert space.options({"_type": kind, "_value": given}, "x") == pytest.approx(ends, rel=1e-4)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (("epochs", "uniform", [1, 3]), "epochs: uniform gives fractions, which it doesn't take; use randint or quni"),
        (("epochs", "loguniform", [1, 3]), "epochs: loguniform gives fractions.*use randint or qloguniform"),
        (("seed", "normal", [3, 1]), "seed: normal gives fractions, which it doesn't take; use randint or qnormal"),
        (("batch_size", "lognormal", [3, 1]), "batch_size: lognormal gives fractions.*use randint or qlognormal"),
        (("crop", "uniform", [32, 64]), "crop: uniform gives fractions, which it doesn't take"),
        (("resize", "loguniform", [32, 64]), "resize: loguniform gives fractions, which it doesn't take"),
        (("crop", "quniform", [16, 64, 16]), "crop: quniform gives 16: expected sides of at least 32 pixels"),
        (("crop", "quniform", [32, 64, 0.5]), "crop: quniform gives 32.5: expected a size in pixels"),
        (("crop", "randint", [31, 64]), "crop: randint gives 31: expected sides of at least 32 pixels"),
        (("epochs", "quniform", [1, 3, 0.5]), "epochs: quniform gives 1.5: expected a whole number >= 1, found 1.5"),
        (("epochs", "qnormal", [3, 1, 1]), "epochs: qnormal gives -1: expected a whole number >= 1, found -1"),
        (("output_stride", "randint", [8, 17]), "output_stride: randint gives 9: expected 8 or 16, found 9"),
        (("fold", "randint", [0, 6]), "fold: randint gives 5: expected a whole number >= 0 and <= 4, found 5"),
        (("flip", "normal", [0.5, 0.2]), "flip: normal gives -0.3: expected a number >= 0 and <= 1, found -0.3"),
        (("lr", "quniform", [0, 0.1, 0.01]), "lr: quniform gives 0: expected a number > 0"),
        (("gamma", "uniform", [0, 2]), "gamma: uniform gives 0.666667: expected 0 or a number >= 1"),
        (("loss", "uniform", [0, 1]), "loss: uniform gives 0: expected one of cross_entropy"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("nested", [False, True])
def test_a_range_that_its_field_cant_take_is_refused(
    node: tuple[str, str, list[float]], message: str, nested: bool
) -> None:
    inner = {node[0]: {"_type": node[1], "_value": node[2]}}
    deep = {"x": choice("a", {"_name": "b", "y": choice({"_name": "c", **inner})})}
    with pytest.raises(InputError, match=message):
        space.check_ranges(deep if nested else inner)


@pytest.mark.parametrize(
    "node",
    [
        ("epochs", "quniform", [1, 3, 1]), ("crop", "quniform", [32, 64, 8]), ("seed", "randint", [1, 6]),
        ("lr", "loguniform", [1e-5, 1]), ("lr", "lognormal", [-5, 1]), ("flip", "uniform", [0, 1]),
        ("resize", "quniform", [40, 64, 8]), ("nosuch", "uniform", [0, 1]), ("gamma", "quniform", [0, 3, 1]),
        ("channels_last", "randint", [0, 2]),
    ],
)  # fmt: skip
def test_a_range_that_fits_passes(node: tuple[str, str, list[float]]) -> None:
    space.check_ranges({node[0]: {"_type": node[1], "_value": node[2]}})


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
        ({"x": {"_type": "quniform", "_value": [0, 1, 0]}}, "quniform takes a step above 0"),
    ],
)
def test_what_is_no_search_space_is_refused(broken: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(space.samples(broken))
