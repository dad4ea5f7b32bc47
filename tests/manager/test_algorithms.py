"""Tuners, assessors and advisors: NNI's names and arguments, as NNI itself has them."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from imbseg.errors import InputError
from imbseg.manager import algorithms

OWN = {"className": "imbseg.tuning.nni_tuner.OptunaTuner", "codeDirectory": "."}


@pytest.mark.parametrize(
    ("role", "given"),
    [
        ("tuner", {"name": "GridSearch"}),
        ("tuner", {"name": "gridsearch", "classArgs": None}),
        ("tuner", {"name": "BatchTuner"}),
        ("tuner", {"name": "Random", "classArgs": {"seed": 1}}),
        ("tuner", {"name": "TPE", "classArgs": {"optimize_mode": "maximize", "seed": 1}}),
        ("tuner", {"name": "Anneal", "classArgs": {"optimize_mode": "maximize"}}),
        ("tuner", {"className": "mine.Tuner", "codeDirectory": ".", "classArgs": {"anything": 1}}),
        ("tuner", OWN | {"classArgs": {"optimize": "balanced", "seed": 2}}),
        ("assessor", {"className": "imbseg.tuning.nni_tuner.MedianAssessor", "classArgs": {"start_step": 5}}),
        ("assessor", {"name": "Medianstop", "classArgs": {"start_step": 5}}),
        ("advisor", {"className": "imbseg.tuning.nni_tuner.Hyperband", "classArgs": {"R": 9}}),
        ("advisor", {"name": "Hyperband", "classArgs": {"R": 9}}),
    ],
)
def test_what_nni_takes(role: str, given: dict[str, Any]) -> None:
    algorithms.check(role, given, "c.yml")


@pytest.mark.parametrize(
    ("role", "given", "message"),
    [
        ("tuner", "TPE", "c.yml: tuner: expected {name"),
        ("tuner", {}, "c.yml: tuner: expected {name"),
        ("tuner", {"name": "GridSerch"}, r"unknown tuner in c.yml 'GridSerch' \(did you mean 'GridSearch'\?\)"),
        ("tuner", {"name": 5}, "unknown tuner in c.yml '5'"),
        ("tuner", {"name": "Hyperband"}, "NNI knows Hyperband as advisor; write it under 'advisor:'"),
        ("assessor", {"name": "TPE"}, "NNI knows TPE as tuner"),
        ("assessor", {"name": "Median"}, "unknown assessor in c.yml.*choose from: Medianstop, Curvefitting"),
        ("tuner", {"name": "TPE", "classargs": {}}, "did you mean 'classArgs'"),
        ("tuner", {"name": "TPE", "classArgs": [1]}, "classArgs: expected {argument: value}, found"),
        ("tuner", {"name": "TPE", "classArgs": {"optimise_mode": "maximize"}}, "did you mean 'optimize_mode'"),
        ("tuner", {"name": "Batch", "classArgs": {"seed": 1}}, "choose from: none"),
        ("tuner", {"name": "Anneal", "classArgs": {"algorithm_name": "tpe"}}, "unknown argument .*algorithm_name"),
        ("tuner", {"name": "PPO"}, "c.yml: tuner PPO: needs 'optimize_mode' in classArgs"),
        ("tuner", OWN | {"classArgs": {"optimise": "tail"}}, "unknown argument .*did you mean 'optimize'"),
        ("tuner", OWN | {"classArgs": {"optimize": "IoU"}}, "unknown optimize 'IoU'"),
        ("tuner", OWN | {"className": "imbseg.tuning.nni_tuner.Tuner"}, "imbseg has no such class"),
        # NNI's own default: it would look for the worst mIoU.
        ("tuner", {"name": "TPE"}, "optimize_mode is 'minimize'"),
        ("tuner", {"name": "Evolution", "classArgs": {"optimize_mode": "maximise"}}, "optimize_mode is 'maximise'"),
    ],
)
def test_what_nni_would_die_of(role: str, given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        algorithms.check(role, given, "c.yml")
    assert "\n" not in str(raised.value)


def test_the_names_are_nnis_own() -> None:
    from nni.tools.package_utils import get_all_algo_meta

    theirs = {(one.name, one.is_advisor, one.class_name) for one in get_all_algo_meta()}
    assert {(one.name, one.role == "advisor", one.place) for one in algorithms.known()} == theirs


@pytest.mark.parametrize("name", ["TPE", "GridSearch", "Evolution", "Hyperband", "Medianstop", "Curvefitting"])
def test_the_arguments_are_those_of_the_class(name: str) -> None:
    import importlib

    (place,) = [one.place for one in algorithms.known() if one.name == name]
    module, _, cls = place.rpartition(".")
    theirs = list(inspect.signature(getattr(importlib.import_module(module), cls)).parameters)
    assert list(algorithms.parameters(place) or ()) == theirs


def test_an_algorithm_of_ones_own_is_left_to_nni() -> None:
    assert algorithms.parameters("mine.tuners.Mine") is None
