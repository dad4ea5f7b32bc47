from __future__ import annotations

import json
import shutil
import socket
import stat
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from manager.experiments import SPACE, command, write_config, write_meta

from imbseg.errors import InputError
from imbseg.manager import preflight


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_meta(tmp_path)
    return tmp_path


OWN = {"className": "imbseg.tuning.nni_tuner.OptunaTuner", "codeDirectory": "."}
REMOTE = {"platform": "remote", "reuseMode": True}
HYPERBAND = {"className": "imbseg.tuning.nni_tuner.Hyperband", "codeDirectory": "."}


def choice(*values: Any) -> dict[str, Any]:
    return {"_type": "choice", "_value": list(values)}


def test_a_sound_experiment_passes(folder: Path, free_port: int) -> None:
    assert "2 settings of the search space fit" in preflight.check(write_config(folder), free_port)[0]


def test_what_a_budget_sets_is_checked_as_epochs(folder: Path, free_port: int) -> None:
    given = {"tuner": None, "advisor": HYPERBAND}
    preflight.check(write_config(folder, **given), free_port)
    both = write_config(folder, **given, trialCommand=command(folder, more="--epochs 3"))
    with pytest.raises(InputError, match="epochs stands in trialCommand and is what the advisor's budget sets"):
        preflight.check(both, free_port)


def test_1500_settings_read_each_column_of_meta_once(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns: list[str] = []
    monkeypatch.setattr(preflight.meta, "check_header", lambda *given: columns.append(given[-1]))
    splits = ("random", "skf_major", "mskf", "mskf_pixels", "mskf_proportion")
    write_meta(tmp_path, tuple(f"full/{split}/seed{seed}" for split in splits for seed in range(1, 6)))
    grid = {
        "strategy": choice(
            *(f"full/{split}/{sampling}/none" for split in splits
              for sampling in ("none", "x2", "label", "cluster", "pixels"))
        ),
        "loss": choice("cross_entropy", "weighted_cross_entropy", "focal", "dice", "lovasz", "ohem"),
        "lr": choice(0.01, 0.001),
        "seed": choice(1, 2, 3, 4, 5),
    }  # fmt: skip
    config = write_config(tmp_path, searchSpace=grid, trialCommand=command(tmp_path, strategy=""))
    assert "1500 settings of the search space fit" in preflight.check(config, free_port)[0]
    assert len(columns) == len(set(columns)) == 5 * 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"searchSpaces": {}}, "unknown key in .*did you mean 'searchSpace'"),
        ({"trialCommand": None}, "lacks 'trialCommand'"),
        ({"trialConcurrency": 0}, "trialConcurrency: expected a whole number >= 1, found 0"),
        ({"trialConcurrency": "two"}, "trialConcurrency: expected a whole number"),
        ({"maxTrialNumber": True}, "maxTrialNumber: expected a whole number"),
        ({"tuner": None}, "expected a tuner"),
        ({"tuner": {"name": "GridSerch"}}, "unknown tuner.*did you mean 'GridSearch'"),
        ({"assessor": {"name": "Medianstop", "classArgs": {"start": 1}}}, "did you mean 'start_step'"),
        ({"logLevel": "warning"}, "logLevel: expected info"),
        ({"trainingService": {}}, "trainingService: expected {platform"),
        ({"searchSpaceFile": "x.json"}, "either searchSpaceFile or searchSpace"),
        ({"searchSpace": None, "searchSpaceFile": "x.json"}, r"x\.json: can't be read"),
        ({"trialCodeDirectory": "nowhere"}, "nowhere is no folder"),
        ({"trialCommand": "python src/other.py"}, "expected one call of src/train_nni.py"),
        ({"trialCommand": "python train_nni.py"}, r"/train_nni\.py is not there"),
        ({"trialCommand": "python src/train_nni.py 'x"}, "No closing quotation"),
        ({"trainingService": {"platform": "remote"}}, "set trainingService.reuseMode to true"),
        ({"trainingService": REMOTE}, "listens on 127.0.0.1 only; set nniManagerIp: 127.0.0.1 beside trainingService"),
        ({"trainingService": REMOTE | {"nniManagerIp": "127.0.0.1"}}, "listens on 127.0.0.1 only"),
        ({"tuner": OWN | {"classArgs": {"optimize": "tial"}}}, "unknown optimize 'tial'.*did you mean 'tail'"),
        ({"tuner": None, "advisor": {"name": "Hyperband"}}, "NNI 3.0's own Hyperband dies at its first result"),
        ({"tuner": None, "advisor": HYPERBAND | {"classArgs": {"R": 0}}}, "epochs.*found 0"),
    ],
)
def test_a_broken_config_is_refused(folder: Path, free_port: int, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        preflight.check(write_config(folder, **changes), free_port)


@pytest.mark.parametrize(
    ("text", "message"),
    [("a: [", "broken YAML"), ("- a", "expected keys"), ("", "expected keys"), ("a: 2012-99-99", "broken YAML: month")],
)
def test_a_file_that_is_no_config_is_refused(folder: Path, free_port: int, text: str, message: str) -> None:
    path = write_config(folder)
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        preflight.check(path, free_port)


def test_the_search_space_may_stand_in_a_file_beside_the_config(folder: Path, free_port: int) -> None:
    config, file = write_config(folder, searchSpace=None, searchSpaceFile="space.json"), folder / "space.json"
    file.write_text(json.dumps(SPACE))
    preflight.check(config, free_port)
    for broken in ('{"seed": ', '{"seed": %s}' % ("9" * 5000)):
        file.write_text(broken)
        with pytest.raises(InputError, match=r"space\.json: broken JSON"):
            preflight.check(config, free_port)


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"seeds": choice(1)}, "did you mean 'seed'"),
        ({"seed": choice(1, "two")}, "'seed': 'two'.*seed"),
        ({"loss": choice("cross_entropy", "focl")}, "did you mean 'focal'"),
        ({"loss": choice("cross_entropy", {"_name": "focal", "gamma": choice(2, -1)})}, "gamma"),
        ({"lr": {"_type": "loguniform", "_value": [1e-4, "a"]}}, "loguniform takes 2 numbers"),
        ({"lr": {"_type": "uniform", "_value": [0, 0.1]}}, "lr"),
        ({"batch_size": {"_type": "randint", "_value": [0, 4]}}, "batch_size"),
        ({"strategy": choice("full/mskf/none/none")}, "stands in trialCommand and in the search space"),
        ({"seed": choice(1, 9)}, "'seed': 9.*seed 9: the splits in meta have seeds 1 to 5"),
        ({"epochs": {"_type": "uniform", "_value": [1, 3]}}, r"config\.yml: epochs: uniform gives fractions, which"),
        ({"loss": choice({"_name": "ohem", "ohem_min": {"_type": "normal", "_value": [9, 2]}})}, "ohem_min: normal"),
        ({"split": choice("mskf")}, "split stands in trialCommand and in the search space"),
        ({"loss": choice({"_name": "focal", "dataset": choice("sample")})}, "dataset stands in trialCommand"),
    ],
)
def test_every_choice_is_tried_on_trial(folder: Path, free_port: int, space: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        preflight.check(write_config(folder, searchSpace=space), free_port)


def test_an_unknown_flag_of_the_command_is_refused(folder: Path, free_port: int) -> None:
    config = write_config(folder, trialCommand=command(folder, more="--sead 1"))
    with pytest.raises(InputError, match="did you mean '--seed'"):
        preflight.check(config, free_port)


def test_meta_and_root_must_be_there_with_every_column_that_some_trial_needs(folder: Path, free_port: int) -> None:
    with pytest.raises(InputError, match="full/mskf/seed3"):
        preflight.check(write_config(folder, searchSpace={"seed": choice(1, 2, 3)}), free_port)
    config = write_config(folder)
    (folder / "raw").rmdir()
    with pytest.raises(InputError, match="raw is missing"):
        preflight.check(config, free_port)
    shutil.rmtree(folder / "meta")
    with pytest.raises(InputError, match=r"python src/make_meta\.py --dataset sample"):
        preflight.check(config, free_port)


def test_a_taken_port_is_said_with_a_free_one(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is taken.*take --port ") as raised:
            preflight.check(write_config(folder), port)
    assert preflight.port_is_free(int(str(raised.value).split()[-1]))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(folder: Path, port: int) -> None:
    with pytest.raises(InputError, match="expected 1 to 65535"):
        preflight.check(write_config(folder), port)


def fake_nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")


GPU_SERVICE = {"platform": "local", "useActiveGpu": False}


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", "exec sleep 60"])
def test_a_gpu_asked_for_must_be_there(
    folder: Path, free_port: int, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    fake_nvidia_smi(folder, monkeypatch, script)
    monkeypatch.setattr(preflight, "GPU_TIMEOUT_S", 0.3)
    config = write_config(folder, trialGpuNumber=1, trainingService=GPU_SERVICE)
    with pytest.raises(InputError, match="nvidia-smi finds 0"):
        preflight.check(config, free_port)


def test_a_gpu_that_is_there_will_do(folder: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_nvidia_smi(folder, monkeypatch, "echo 'GPU 0: Some Card (UUID: GPU-1)'")
    preflight.check(write_config(folder, trialGpuNumber=1, trainingService=GPU_SERVICE), free_port)


def test_settings_of_gpus_that_contradict(folder: Path, free_port: int) -> None:
    with pytest.raises(InputError, match="needs useActiveGpu"):
        preflight.check(write_config(folder, trialGpuNumber=1), free_port)
    config = write_config(folder, trialGpuNumber=0, trialCommand=command(folder, more="--device cuda"))
    with pytest.raises(InputError, match="hides every GPU"):
        preflight.check(config, free_port)


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_full_disk_is_said(folder: Path, free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imbseg.files.shutil.disk_usage", lambda _: _Usage(1 << 40, 1 << 40, 5 << 20))
    with pytest.raises(InputError, match="5 MiB free, expected at least 1024"):
        preflight.check(write_config(folder), free_port)
