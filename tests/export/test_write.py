"""export.py: the folder, its card, the library's format, the card's ten lines without imbseg; every refusal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import segmentation_models_pytorch as smp
import torch
from safetensors.torch import load_file

import imbseg.predict
from imbseg.datasets.read import read_image
from imbseg.export.card import OPEN, confusions, interval, seeds_of
from imbseg.export.library import save
from imbseg.export.onnx_file import Session
from imbseg.metrics.counts import load_counts
from imbseg.models.decoders import build_network
from imbseg.runs.collect import collect
from imbseg.statistics.difference import t_interval


@pytest.fixture(scope="module")
def folder(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What export.py writes of one run with a correction."""
    out = tmp_path_factory.mktemp("export") / "model"
    command = [sys.executable, "src/export.py", "--run", runs / "seed1", "--out", out, "--post_hoc", "prior"]
    found = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert "model.onnx: at most" in found.stdout
    assert re.search(r"(99\.9|100\.)\d+ % of the pixels of 5 test images", found.stdout), found.stdout
    return out


def card_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "MODEL_CARD.json").read_text()))


def test_the_card_is_written_from_the_runs(folder: Path, runs: Path) -> None:
    card, found = card_of(folder), collect(runs)
    assert card["seeds"] == [1, 2]
    assert [one["seed"] for one in card["networks"]] == [1]
    for name in ("mIoU", "IoU/crack"):
        mean, low, high = t_interval([run.test[name] for run in found])
        assert card["scores"][name] == {"mean": mean, "low": low, "high": high, "seeds": 2}
    total = sum(load_counts(run.folder / "counts_test.npz").confusion for run in found)
    missed = float(total[1, 0] / total[1].sum())
    assert {"truth": "crack", "predicted_as": "background", "share": missed} in card["confusions"]
    about = json.loads((runs / "seed1" / "trial.json").read_text())
    assert card["training"]["settings"]["lr"] == about["parameters"]["lr"]
    assert card["data"]["train_images"] == about["train_images"]
    ceilings = [float(pd.read_csv(run.folder / "ceiling.csv")["test:background"].iloc[0]) for run in found]
    assert card["ceiling"]["background"] == pytest.approx(np.mean(ceilings))
    assert card["ceiling"]["background"] > 0
    assert card["correction"]["post_hoc"] == "prior"
    assert [one["name"] for one in card["classes"]] == ["background", "crack"]
    text = (folder / "MODEL_CARD.md").read_text()
    row = card["scores"]["IoU/crack"]
    assert f"| IoU/crack | {row['mean']:.3f} | [{row['low']:.3f}, {row['high']:.3f}] | 2 |" in text
    assert all(card[name] is None and f"| {name} | *to be filled in* |" in text for name in OPEN)


def test_the_library_loads_the_folder(folder: Path, runs: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = smp.from_pretrained(str(folder)).eval()
    stored = imbseg.predict.load(str(runs / "seed1")).members[0].stored.model
    given = torch.rand(1, 3, 64, 96)
    with torch.inference_mode():
        torch.testing.assert_close(model(given), stored(given))
    assert not (folder / "README.md").exists()


def test_a_decoder_of_ours_is_kept_as_weights_alone(tmp_path: Path) -> None:
    model = build_network("deeplabv3plus", "resnet18", classes=3, decoder_stride=2)
    assert not save(model, tmp_path)
    assert {one.name for one in tmp_path.iterdir()} == {"model.safetensors"}
    assert load_file(tmp_path / "model.safetensors").keys() == model.state_dict().keys()


def test_the_cards_lines_run_beside_the_folder(folder: Path, runs: Path) -> None:
    """In this environment; `test_..._in_an_environment_without_imbseg` is the slow one."""
    assert ten_lines(folder, runs, Path(sys.executable))


@pytest.mark.slow
def test_the_cards_lines_run_in_an_environment_without_imbseg(folder: Path, runs: Path, tmp_path: Path) -> None:
    """numpy and onnxruntime alone: copies of what the lock names, in a virtual environment of their own."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    site = next((tmp_path / "venv").glob("lib/python3*/site-packages"))
    for name in ("numpy", "numpy.libs", "onnxruntime", "onnxruntime.libs", "flatbuffers", "packaging", "google"):
        there = Path(np.__file__).parents[1] / name
        if there.is_dir():
            (site / name).symlink_to(there)
    python = tmp_path / "venv" / "bin" / "python"
    assert ten_lines(folder, runs, python)
    assert subprocess.run([python, "-c", "import torch"], capture_output=True).returncode


def ten_lines(folder: Path, runs: Path, python: Path) -> bool:
    """Run the card's lines on an image; whether they count the pixels that predict.py labels so."""
    code = re.search(r"```python\n(.*?)```", (folder / "MODEL_CARD.md").read_text(), re.DOTALL)
    assert code
    assert len([line for line in code[1].splitlines() if line]) <= 10
    about = json.loads((runs / "seed1" / "trial.json").read_text())
    image = read_image(sorted(Path(about["parameters"]["dataset"]).parent.glob("images/*.png"))[0])
    np.save(folder / "image.npy", image)
    found = subprocess.run([python, "-I", "-c", code[1]], cwd=folder, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    labels = imbseg.predict.load(str(runs / "seed1"), post_hoc="prior")(image).labels
    shares = {line.split()[0]: float(line.split()[1]) for line in found.stdout.splitlines()}
    return all(abs(shares[name] - (labels == at).mean()) < 0.001 for at, name in enumerate(("background", "crack")))


def test_int8_with_its_scores_beside_the_others(runs: Path, tmp_path: Path, command: Any) -> None:
    out = tmp_path / "out"
    status, said, complaint = command("export.py", "--run", runs / "seed1", "--out", out, "--quantize", "int8")
    assert status == 0, complaint
    about, run = card_of(out)["files"]["model_int8.onnx"], collect(runs)[0]
    assert about["float32"]["mIoU"] == pytest.approx(run.test["mIoU"], abs=0.005)
    assert about["float32"]["tail"] == pytest.approx(run.test["tail"], abs=0.005)
    assert f"mIoU {about['float32']['mIoU']:.3f} -> {about['int8']['mIoU']:.3f}" in said
    image = np.random.default_rng(1).integers(0, 256, (1, 64, 80, 3), np.uint8)
    sides = [Session.of(out / name, 1).run(image)[1] for name in ("model.onnx", "model_int8.onnx")]
    assert 0 < np.abs(sides[0] - sides[1]).mean() < 0.1
    assert (out / "model_int8.onnx").stat().st_size < 0.5 * (out / "model.onnx").stat().st_size


def test_scores_of_one_seed_have_no_interval(runs: Path) -> None:
    assert interval([0.25]) == {"mean": 0.25, "low": None, "high": None, "seeds": 1}
    assert interval([float("nan")]) is None
    both = collect(runs)
    assert [run.seed[0] for run in seeds_of(both[:1])] == [1, 2]
    assert [run.seed[0] for run in seeds_of(both[::-1])] == [2, 1]
    assert all(0 < one["share"] <= 1 and one["truth"] != one["predicted_as"] for one in confusions(both))


def test_what_cannot_be_exported_is_one_sentence(runs: Path, tmp_path: Path, refused: Any) -> None:
    words = ("export.py", "--run", runs / "seed1", "--out", tmp_path / "out")
    assert "post_hoc rank: searches each image" in refused(*words, "--post_hoc", "rank")
    assert "--seeds: expected numbers" in refused(*words, "--seeds", "one")
    assert "expected a run folder" in refused("export.py", "--run", tmp_path / "no", "--out", tmp_path / "out")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("mine")
    assert "isn't of export.py and would be replaced" in refused(*words[:-1], mine)
    (mine / "MODEL_CARD.json").write_text('{"files": {"model.onnx": {}, "networks/1/model.safetensors": {}}}')
    for name in ("model.onnx", "networks/1/config.json"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).touch()
    assert "would be replaced, and thesis.tex in it isn't of export.py" in refused(*words[:-1], mine)
    assert (mine / "thesis.tex").read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["mine"]


def test_without_onnx_nothing_is_written(runs: Path, tmp_path: Path, refused: Any, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    sentence = refused("export.py", "--run", runs / "seed1", "--out", tmp_path / "out")
    assert "onnxruntime isn't installed" in sentence
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("share", [0.3, 1.5])  # of the weights: in model.onnx, in model.safetensors
def test_a_full_disk_leaves_nothing(share: float, runs: Path, refused: Any, small_disk: Any) -> None:
    disk = small_disk(int(share * (runs / "seed1" / "best.pt").stat().st_size / 1024))
    sentence = refused("export.py", "--run", runs / "seed1", "--out", disk / "out")
    assert f"{disk}/out: the disk is full; nothing was left half written" in sentence
    assert not list(disk.iterdir())
