"""NNI's configs and search spaces as Ray Tune gets them; what has no counterpart there is refused by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from imbseg.cluster import plan, space
from imbseg.errors import InputError
from imbseg.manager import config

REPOSITORY = Path(__file__).resolve().parents[2]
BASE = {
    "searchSpace": {"seed": {"_type": "choice", "_value": [1, 2, 3]}},
    "trialCodeDirectory": str(REPOSITORY),
    "trialCommand": "python src/train_nni.py --dataset sample --threads 2",
    "trialConcurrency": 2,
    "tuner": {"name": "GridSearch"},
    "trainingService": {"platform": "local"},
}
LR = {"lr": {"_type": "loguniform", "_value": [0.001, 0.1]}}


def choice(*values: Any) -> dict[str, Any]:
    return {"_type": "choice", "_value": list(values)}


NESTED = {
    "loss": choice("dice", {"_name": "focal", "gamma": choice(1, 2), "alpha": choice(0.25)}),
    "seed": choice(1, 2),
}


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[..., plan.Plan]:
    def make(shares: dict[str, Any] | None = None, **keys: Any) -> plan.Plan:
        content = {name: value for name, value in (BASE | keys).items() if value is not None}
        (tmp_path / "a.yml").write_text(yaml.safe_dump(content))
        return plan.make(config.read(tmp_path / "a.yml"), **{"cpus": None, "gpus": None, "retries": 3} | (shares or {}))

    return make


def test_a_grid_is_every_combination_nested_choices_opened() -> None:
    assert space.grid(NESTED) == [
        {"loss": "dice", "seed": 1},
        {"loss": "dice", "seed": 2},
        *(
            {"loss": {"_name": "focal", "gamma": gamma, "alpha": 0.25}, "seed": seed}
            for gamma in (1, 2)
            for seed in (1, 2)
        ),
    ]
    steps = {"batch_size": {"_type": "quniform", "_value": [2, 6, 2]}, "fold": {"_type": "randint", "_value": [0, 2]}}
    assert [tuple(one.values()) for one in space.grid(steps)] == [(2, 0), (2, 1), (4, 0), (4, 1), (6, 0), (6, 1)]
    many = {str(key): choice(*range(10)) for key in range(4)}
    assert len(space.grid(many)) == 10_000


def test_the_grid_is_that_of_nnis_own_tuner_in_its_order() -> None:
    import nni
    from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner

    named = NESTED | {"loss": choice({"_name": "dice"}, NESTED["loss"]["_value"][1])}  # NNI's nests all or none
    tuner = GridSearchTuner()
    tuner.update_search_space(named)
    assert [tuner.generate_parameters(number) for number in range(6)] == space.grid(named)
    with pytest.raises(nni.NoMoreTrialError):
        tuner.generate_parameters(6)


def test_what_ray_tune_is_to_do(mapped: Callable[..., plan.Plan]) -> None:
    found = mapped()
    assert (found.searcher, found.samples, found.cpus, found.gpus, found.retries) == ("grid", 1, 2.0, 0.0, 3)
    assert found.grid == [{"seed": 1}, {"seed": 2}, {"seed": 3}]
    assert mapped(maxTrialNumber=2).grid == [{"seed": 1}, {"seed": 2}]
    service = {"platform": "local", "useActiveGpu": False}
    assert mapped(trialGpuNumber=1, trainingService=service).gpus == 1.0
    assert mapped({"gpus": 0.25, "cpus": 0.5}).cpus == 0.5
    tpe = mapped(tuner={"name": "tpe", "classArgs": {"optimize_mode": "maximize", "seed": 7}}, searchSpace=LR)
    assert (tpe.searcher, tpe.samples, tpe.grid, tpe.options) == ("tpe", -1, None, {"seed": 7})
    limited = mapped(tuner={"name": "Random"}, searchSpace=LR, maxTrialNumber=5, maxExperimentDuration="90m")
    assert (limited.searcher, limited.samples, limited.seconds) == ("random", 5, 5400)
    early = {"name": "Medianstop", "classArgs": {"optimize_mode": "maximize", "start_step": 4}}
    assert (mapped(assessor=early).scheduler, mapped(assessor=early).limits) == (
        "median",
        {"grace_period": 4, "min_samples_required": 1},
    )


@pytest.mark.parametrize("name", ["sample", "camvid", "hpo", "hyperband", "geometry"])
def test_the_configs_here_run_on_ray_too(name: str) -> None:
    found = plan.make(config.read(REPOSITORY / f"configs/{name}.yml"), cpus=None, gpus=None, retries=3)
    assert found.grid or found.samples > 0
    if name == "hpo":
        assert (found.searcher, found.options, found.goal) == ("branches", {"seed": 1}, "balanced")
        assert (found.scheduler, found.limits) == ("median", {"grace_period": 3, "min_samples_required": 5})
    if name == "hyperband":
        assert (found.searcher, found.options, found.goal) == ("random", {"seed": 1}, "balanced")
        assert (found.limits, found.fixed) == ({"max_t": 9, "reduction_factor": 3}, {"epochs": 9})


def test_hyperband_is_asha_and_its_budget_the_trials_epochs(mapped: Callable[..., plan.Plan]) -> None:
    advisor = {"name": "Hyperband", "classArgs": {"optimize_mode": "maximize", "R": 27, "eta": 3}}
    found = mapped(tuner=None, advisor=advisor, searchSpace=LR, maxTrialNumber=9)
    assert (found.searcher, found.scheduler, found.samples) == ("random", "asha", 9)
    assert (found.limits, found.fixed) == ({"max_t": 27, "reduction_factor": 3}, {"epochs": 27})


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"tuner": {"name": "Evolution", "classArgs": {"optimize_mode": "maximize"}}}, "tuner Evolution has no"),
        ({"assessor": {"name": "Curvefitting", "classArgs": {"epoch_num": 9}}}, "assessor Curvefitting has no"),
        ({"tuner": {"className": "mine.Tuner", "codeDirectory": "."}}, "tuner mine.Tuner has no counterpart"),
        ({"tuner": {"name": "TPE", "classArgs": {"optimize_mode": "maximize", "tpe_args": {}}}}, "classArgs: tpe_args"),
        ({"maxTrialDuration": "1h"}, "maxTrialDuration is NNI's own"),
        ({"trainingService": {"platform": "remote", "machineList": []}}, "trainingService remote: with --ray"),
        ({"searchSpace": LR}, "lr: GridSearch on Ray takes choice, randint, quniform; found 'loguniform'"),
        ({"searchSpace": {"loss": choice({"_name": "focal", "gamma": {"_type": "normal", "_value": [2, 1]}})}},
         "gamma: GridSearch on Ray takes .*; found 'normal'"),
        ({"searchSpace": {"crop": {"_type": "randint", "_value": [0, 5000]}}}, "crop: a grid of more than 1000 values"),
        ({"maxExperimentDuration": "soon"}, "maxExperimentDuration: expected a time such as 90m"),
    ],
)  # fmt: skip
def test_what_has_no_counterpart_is_refused_by_name(
    keys: dict[str, Any], said: str, mapped: Callable[..., plan.Plan]
) -> None:
    with pytest.raises(InputError, match=said):
        mapped(**keys)


@pytest.mark.parametrize("shares", [{"cpus": 1.5}, {"cpus": 0.0}, {"gpus": -1.0}, {"gpus": float("nan")}])
def test_shares_are_fractions_of_one_or_whole(shares: dict[str, float], mapped: Callable[..., plan.Plan]) -> None:
    with pytest.raises(InputError, match=r"--trial_[cg]pus: expected a share such as 0\.5 or a whole number"):
        mapped(shares)
