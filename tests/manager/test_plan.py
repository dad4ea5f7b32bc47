"""Settings of a planned experiment, what a budget holds, and the config that NNI gets."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import yaml

from imbseg.manager import config, plan, plan_config
from imbseg.manager.candidates import BASELINE, PLAIN, Candidate
from imbseg.manager.plan_fit import Fitted, Timed
from imbseg.meta.read import Meta
from imbseg.trial.pace import Pace

REPOSITORY = Path(__file__).resolve().parents[2]
HOUR = 3600.0
FOCAL = Candidate("softmax_focal", reason="one")
DRAWN = Candidate(sampling="repeat_factor", parameters={"repeat_threshold": 0.5}, reason="two")
BOTH = Candidate("ohem", sampling="repeat_factor", parameters={"repeat_threshold": 0.5}, reason="three")


def timed(candidate: Candidate, seconds: float) -> Timed:
    """An epoch of so many seconds, of 40 steps; beside it 12 s, which every trial takes to start."""
    return Timed(candidate, Pace(40, seconds / 40, 0.0, 0.0, 0.0, 0.0, bytes=30_000_000))


TIMED = [timed(BASELINE, 2 * HOUR), timed(PLAIN, HOUR), timed(FOCAL, 3 * HOUR), timed(DRAWN, 2 * HOUR)]


def dataset(**changes: Any) -> Any:
    return SimpleNamespace(**{"name": "mine", "path": Path("mine.yml"), "subsets": {}, "group": None, "trial": {},
                              **changes})  # fmt: skip


def meta(split: str = "full/mskf/seed1", size: tuple[int, int] = (640, 480), images: int = 50) -> Meta:
    """Of so many images, a fifth of them in fold 0."""
    rows = {"width": size[0], "height": size[1], split: [number % 5 for number in range(images)]}
    found = Meta(Path("nowhere"), pd.DataFrame(rows).astype({split: "Int64"}), pd.DataFrame(), {}, "")
    off = {"full/random/seed1": 0.1, "full/mskf/seed1": 0.0} if split != "full/ties/seed1" else {"a": 0.01, "b": 0.01}
    worst = {"rarest_in_smallest": 9, "missing": 0, "leaking_groups": 0, "groups": 9, "rarest_class": "pole"}
    splits = [{"column": f"full/{name.split('/')[-1]}" if "/" not in name else name, "deviation_presence": value,
               **{f"deviation_{kind}": number / 10 for kind in ("pixels", "proportion", "objects")}, **worst}
              for number, (name, value) in enumerate(off.items())]  # fmt: skip
    found.__dict__["splits"] = pd.DataFrame(splits)  # as if it had been read
    return found


@pytest.mark.parametrize(
    ("subsets", "group", "column", "expected"),
    [
        ({"val": ("a",)}, "(a)", "full/grouped/seed1", "given"),
        ({}, "(a)", "full/grouped/seed1", "grouped"),
        ({}, "(a)", "full/mskf/seed1", "mskf"),  # fewer groups than folds
        ({}, None, "full/mskf/seed1", "mskf"),
        ({}, None, "full/ties/seed1", "mskf_pixels"),  # as many images, but not as many pixels, in each fold
    ],
)
def test_the_split(subsets: dict[str, Any], group: str | None, column: str, expected: str) -> None:
    assert plan.split_of(meta(column), dataset(subsets=subsets, group=group))[0] == expected


@pytest.mark.parametrize(
    ("said", "device", "size", "expected"),
    [
        ({}, "cpu", (640, 480), "256"),
        ({}, "gpu", (640, 480), "480"),
        ({}, "gpu", (2048, 1024), "512"),
        ({}, "cpu", (100, 150), "96"),
        ({}, "cpu", (20, 30), "32"),
        ({"resize": "256x192"}, "gpu", (640, 480), "none"),
        ({"resize": [500, 375]}, "gpu", (640, 480), "368"),  # all of it isn't a multiple of 16
        ({"resize": "240x176", "architecture": "unet"}, "cpu", (640, 480), "160"),  # of 16, but not of 32
        ({"architecture": "unet"}, "gpu", (640, 368), "352"),
        ({"architecture": "pan"}, "cpu", (100, 150), "128"),  # the least that it takes
        ({"resize": 1024}, "cpu", (640, 480), "256"),
        ({"resize": "none"}, "cpu", (640, 480), "256"),
        ({"crop": 64}, "cpu", (640, 480), None),
    ],
)
def test_the_crop(said: dict[str, Any], device: str, size: tuple[int, int], expected: str | None) -> None:
    found = plan.safe_settings(meta(size=size), dataset(trial=said), "mskf", device=device)
    assert found.get("crop", (None,))[0] == expected


def test_epochs_of_a_thousand_steps_and_what_the_data_set_says_is_left_alone() -> None:
    # 50 images, 40 of them train, twice: 10 steps of 8, 20 of 4
    assert plan.safe_settings(meta(), dataset(), "mskf", device="cpu")["epochs"][0] == "100"
    said: dict[str, Any] = {"batch_size": 4}
    assert plan.safe_settings(meta(), dataset(trial=said), "mskf", device="cpu")["epochs"][0] == "50"
    said = {"encoder": "resnet18", "lr": 0.1, "crop": 64, "epochs": 3, "patience": 4, "workers": 0}
    assert plan.safe_settings(meta(), dataset(trial=said), "mskf", device="cpu") == {}


def test_what_the_command_line_says_is_left_alone_too() -> None:
    given = {"architecture": "unet", "batch_size": "4", "crop": "64"}
    found = plan.safe_settings(meta(), dataset(), "mskf", device="cpu", given=given)
    assert found["epochs"][0] == "50"
    assert "crop" not in found
    assert plan.flags_of(dataset(), None, None, found, given)["batch_size"] == "4"


def written(tmp_path: Path, *, budget: float | None = None, seeds: int = 1, **changes: Any) -> tuple[str, Any]:
    trials = (*TIMED, timed(BOTH, 8.0), *changes.pop("more", ()))
    epochs = changes.pop("epochs", (1, 1))
    fitted = Fitted(trials, tuple(changes.pop("left", ())), seeds, *epochs, max(changes.get("gpus", 0), 1))
    settings = {"name": "mine", "split": ("mskf", "why"), "flags": {"dataset": "sample", "crop": "64"}, "gpus": 0,
                "chosen": {"crop": ("64", "small")}, "refused": [], "measured": "timed", "budget": budget,
                "baseline": "x2/none, cross_entropy"}  # fmt: skip
    experiment = plan_config.Experiment(**{**settings, **changes})
    path = tmp_path / "mine.yml"
    path.write_text(plan_config.config_text(experiment, fitted, path))
    return path.read_text(), config.read(path)


def test_nnis_grid_runs_exactly_the_planned_trials(tmp_path: Path) -> None:
    import nni
    from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner

    tuner = GridSearchTuner()
    tuner.update_search_space(written(tmp_path, seeds=2)[1].space)
    found = [tuner.generate_parameters(number) for number in range(10)]
    with pytest.raises(nni.NoMoreTrialError):
        tuner.generate_parameters(10)
    planned = [BASELINE, FOCAL, PLAIN, DRAWN, BOTH]  # strategy by strategy, all of them before the second seed
    assert found == [one.sampled("mskf", seed) for seed in (1, 2) for one in planned]


def test_the_config_has_a_reason_above_each_trial_and_paths_from_where_it_lies(tmp_path: Path) -> None:
    text, _ = written(tmp_path)
    lines, content = [line.strip() for line in text.splitlines()], yaml.safe_load(text)
    assert lines[lines.index("- softmax_focal") - 1] == "# 3.0 h: one"
    assert lines[lines.index("- ohem") - 1] == "# 20 s: three"
    assert content["trialCodeDirectory"] == str(REPOSITORY)
    assert content["trialCommand"] == "python src/train_nni.py --dataset sample --crop 64"
    assert content["trialConcurrency"] == 1
    assert "trialGpuNumber" not in content
    content = yaml.safe_load(written(tmp_path, gpus=2)[0])
    assert (content["trialConcurrency"], content["trialGpuNumber"]) == (2, 1)
    assert content["trainingService"] == {"platform": "local", "useActiveGpu": True}


def test_a_path_with_blanks_and_a_class_with_a_line_break(tmp_path: Path) -> None:
    flags = {"dataset": "/my data/a'b.yml"}
    text, read = written(tmp_path, flags=flags, refused=["can't\nrun: no"])
    assert read.flags() == ["--dataset", "/my data/a'b.yml"]
    assert "# can't run: no" in text


def test_the_head_says_what_is_left_out_and_what_more_seeds_take(tmp_path: Path) -> None:
    text, _ = written(tmp_path, budget=9.0, left=[timed(FOCAL, 3 * HOUR)])
    said = " ".join(text.replace("\n# ", " ").split())
    assert "Left out, since 9 hours are too few: x2, softmax_focal (3.0 h)." in said
    # 2 + 1 + 3 + 2 hours and 20 s
    assert "One seed gives no noise estimate. 3 seeds take 24 h, 5 seeds take 40 h." in said
    assert 'src/report.py --runs data/runs/ID --baseline "x2/none, cross_entropy"' in text
    assert "5 settings x 1 seed, about 8.0 h and 150 MB of disk (--hours 9), timed." in said
    assert "Epochs:" not in said
    long = [line for line in text.splitlines() if len(line) > 120 and str(tmp_path) not in line]
    assert not long


def test_shorter_epochs_a_busy_machine_and_a_full_disk_are_told(tmp_path: Path) -> None:
    text, _ = written(tmp_path, epochs=(5, 25), notices=["The machine was busy."])
    said = " ".join(text.replace("\n# ", " ").split())
    shortened = "Epochs: 5 instead of 25, 200 optimizer steps of the baseline, so that more trials fit."
    assert f"The machine was busy. {shortened}" in said
    experiment = plan_config.Experiment("mine", ("mskf", ""), {}, {}, [], 0, "timed", None, "", ["busy"])
    fitted = Fitted(tuple(TIMED), (), 3, 5, 25, 1)
    lines = list(plan_config.summary(experiment, fitted, tmp_path / "x.yml", free=359_000_000))
    assert f"4 settings x 3 seeds: about {plan_config.duration(fitted.hours * 3600)} and 360 MB of disk, timed" in lines
    assert lines[5:7] == ["busy", shortened + " Fewer than 200 (2000 on a GPU) would be too few for it to rise."]
    assert "Disk: 359 MB are free, 360 MB are needed; make room before you start it." in lines
    assert not [line for line in plan_config.summary(experiment, fitted, tmp_path / "x.yml", free=360_000_000)
                if line.startswith("Disk")]  # fmt: skip


def test_a_trial_in_another_geometry_is_one_of_nnis_grid(tmp_path: Path) -> None:
    from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner

    unet = {"architecture": "unet", "decoder_width": 96}
    read = written(tmp_path, more=[timed(dataclasses.replace(BASELINE, setup=unet), HOUR)])[1]
    tuner = GridSearchTuner()
    tuner.update_search_space(read.space)
    found = [tuner.generate_parameters(number) for number in range(6)]
    assert {"seed": 1, "strategy": {"_name": "full/mskf/x2/none", **unet, "loss": "cross_entropy"}} in found
    assert found[0] == BASELINE.sampled("mskf")
