"""A finished run labels images: alone, or the best strategy's seeds together; started again; every bad input."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import imbseg.predict
from imbseg.datasets.read import read_image
from imbseg.datasets.readers.tiff import Tiff
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.files import sha256
from imbseg.models import checkpoint
from imbseg.predict.predictor import Predictor, Tiling

Run = tuple[Path, dict[str, Any]]
RGB: dict[str, Any] = {"photometric": "rgb", "metadata": None}  # of a TIFF


def copy(run: Path, out: Path, seed: int = 1, iou: float | None = None, **parameters: object) -> Path:
    """A run folder as if it had been trained otherwise."""
    shutil.copytree(run, out, ignore=shutil.ignore_patterns(".lock", "events"))
    about = json.loads((out / "trial.json").read_text())
    about["parameters"] |= {"seed": seed, **parameters}
    (out / "trial.json").write_text(json.dumps(about))
    if seed > 1:
        best, noise = checkpoint.load(out / "best.pt"), torch.Generator().manual_seed(seed)
        for value in best["model"].values():
            if value.is_floating_point():
                value *= 1 + 0.3 * torch.rand(value.shape, generator=noise)
        checkpoint.save(out / "best.pt", best)
    if iou is not None:
        rows = list(csv.DictReader((out / "epochs.csv").read_text().splitlines()))
        text = [",".join(rows[0]), *(",".join((row | {"mIoU": str(iou)}).values()) for row in rows)]
        (out / "epochs.csv").write_text("\n".join(text) + "\n")
    return out


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Path:
    """A copy of the run, to be broken."""
    return copy(finished[0], tmp_path / "run")


def rows_of(out: Path) -> dict[str, dict[str, str]]:
    with (out / "predictions.csv").open(encoding="utf-8") as handle:
        return {row["image"]: row for row in csv.DictReader(handle)}


def pixels(file: Path) -> np.ndarray:
    with Image.open(file) as picture:
        return np.asarray(picture)


def grey(file: Path, height: int = 80, width: int = 80, value: int = 90) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(file)


def test_the_best_strategy_predicts_with_the_mean_of_its_seeds(
    finished: Run, data: dict[str, str], tmp_path: Path, command: Any
) -> None:
    runs = tmp_path / "runs"
    copy(finished[0], runs / "good1", 1, 0.6)
    copy(finished[0], runs / "good2", 2, 0.4, fold=1)
    copy(finished[0], runs / "bad", 3, 0.45, loss="focal")
    image = read_image(next((load(data["dataset"]).root / "images").glob("*.png")))
    both, alone = imbseg.predict.load(str(runs)), [imbseg.predict.load(str(runs / f"good{one}")) for one in (1, 2)]
    assert both.said.startswith("cross_entropy: best of 2 strategies by validation mIoU, 0.500 (next: focal, 0.450)")
    mean = (alone[0](image).probabilities + alone[1](image).probabilities) / 2
    assert np.abs(alone[0](image).probabilities - alone[1](image).probabilities).max() > 0.01
    found = both(image)
    np.testing.assert_allclose(found.probabilities, mean, atol=1e-6)
    np.testing.assert_array_equal(found.labels, mean.argmax(axis=0))
    second = imbseg.predict.load(str(runs), seeds=[2])
    np.testing.assert_array_equal(second(image).probabilities, alone[1](image).probabilities)
    assert imbseg.predict.load(str(runs), strategy="focal").said.startswith("focal: named; 1 network: bad")
    status, said, _ = command("predict.py", "--run", runs, data["dataset"].replace("cracks.yml", "images/part00*"),
                              "--out", tmp_path / "out", "--strategy", "cross_entropy", "--seeds", "1,2")  # fmt: skip
    assert (status, "2 networks: good1, good2" in said) == (0, True)


def test_runs_on_other_images_are_no_ensemble(finished: Run, tmp_path: Path) -> None:
    copy(finished[0], tmp_path / "runs/one", 1)
    other = copy(finished[0], tmp_path / "runs/two", 2)
    about = json.loads((other / "trial.json").read_text())
    limits = {"low": [0, 0, 0], "high": [65535] * 3, "shown": [0, 1, 2]}
    about["input"] = {"channels": ["red", "green", "blue"], "kind": "uint16", **limits}
    (other / "trial.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"two: takes other channels or values than .*one; name one"):
        imbseg.predict.load(str(tmp_path / "runs"))


@pytest.mark.parametrize("name", ["prior", "flip", "prior*flip", "larger", "rank"])
def test_post_hoc_with_the_strength_that_validation_chose(run: Path, data: dict[str, str], name: str) -> None:
    status = json.loads((run / "status.json").read_text())
    status["result"] |= {"prior/beta": 0.75, "prior*flip/beta": -0.5}
    (run / "status.json").write_text(json.dumps({key: status[key] for key in status if key != "sha256"}))
    image = read_image(next((load(data["dataset"]).root / "images").glob("*.png")))
    plain, found = imbseg.predict.load(str(run)), imbseg.predict.load(str(run), post_hoc=name)
    stored = torch.from_numpy(plain(image).probabilities).log()
    mirrored = torch.from_numpy(plain(np.ascontiguousarray(image[:, ::-1])).probabilities).flip(-1)
    share = json.loads((run / "trial.json").read_text())["class_priors"]
    priors = torch.tensor(list(share.values())).log().view(-1, 1, 1)
    both = ((stored.exp() + mirrored) / 2).log()
    expected = {"prior": stored - 0.75 * priors, "flip": both, "prior*flip": both + 0.5 * priors}
    labels = found(image).labels
    assert labels.shape == image.shape[:2]
    if name in expected:
        assert (labels != expected[name].argmax(dim=0).numpy()).mean() < 0.001
    if name == "larger":
        assert np.abs(found(image).probabilities - plain(image).probabilities).max() > 0.001


def test_an_image_of_another_size_is_seen_at_the_scale_of_training(finished: Run, tmp_path: Path) -> None:
    run = copy(finished[0], tmp_path / "resized", resize="96x80", crop="none")
    about = json.loads((run / "trial.json").read_text())
    assert about.pop("train_size") == [64, 64]
    member = imbseg.predict.load(str(run)).members[0]
    assert [member.input_size(*size) for size in ((64, 64), (128, 40), (1, 1))] == [(96, 80), (192, 50), (2, 1)]
    (run / "trial.json").write_text(json.dumps(about))  # of an earlier version: the meta tells it
    assert imbseg.predict.load(str(run)).members[0].factor == (1.5, 1.25)
    about["parameters"]["split_seed"], about["parameters"]["split"] = 5, "no_such"
    (run / "trial.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match="doesn't tell its train images"):
        imbseg.predict.load(str(run))


def test_started_again_it_does_only_what_lacks(finished: Run, tmp_path: Path, command: Any, refused: Any) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for number, name in enumerate(("a.png", "b.jpg", "below/c.png")):
        grey(photos / name, 20 + number, 30, 50 * number)
    words = ("predict.py", "--run", finished[0], photos, "--out", out)
    assert command(*words)[0] == 0
    assert set(rows_of(out)) == {"a", "b", "below/c"}
    files = {file: file.stat().st_mtime_ns for file in out.rglob("*.[pj][np]g")}
    (out / "overlays" / "b.jpg").unlink()
    grey(photos / "a.png", 9, 9)
    with (out / ".predicted.jsonl").open("a") as handle:
        handle.write('{"name": "below/c", "fi')  # a start that was killed
    status, said, _ = command(*words)
    assert (status, "1 of 3 images are done already" in said) == (0, True)
    changed = {file.stem for file, time in files.items() if file.stat().st_mtime_ns != time}
    assert changed == {"a", "b", "doubtful"}
    assert (pixels(out / "labels" / "a.png").shape, rows_of(out)["a"]["height"]) == ((9, 9), "9")
    made_otherwise = "holds predictions made otherwise (post_hoc was ['none', 0.0], is ['flip', 0.0])"
    assert made_otherwise in refused(*words, "--post_hoc", "flip")


@pytest.mark.parametrize("whole", [2**25, 100])
def test_a_geotiff_gives_a_geotiff(
    finished: Run, tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    monkeypatch.setattr("imbseg.windows.pixels.WHOLE", whole)  # 100: read in windows
    image = np.random.default_rng(0).integers(0, 256, (150, 200, 3), np.uint8)
    tags = [(33550, "d", 3, (0.5, 0.5, 0.0), True), (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 1), True)]
    for name, extra in (("map", tags), ("plain", [])):
        tifffile.imwrite(tmp_path / f"{name}.tif", image, tile=(64, 64), extratags=extra, **RGB)
    words = ("--run", finished[0], tmp_path / "*.tif", "--out", tmp_path / "out", "--tile", "64x64", "--overlap", "32")
    status, _, complaints = command("predict.py", *words)
    assert (status, complaints) == (0, ""), complaints
    assert {file.name for file in (tmp_path / "out" / "labels").iterdir()} == {"map.tif", "plain.png"}
    found = imbseg.predict.load(str(finished[0]), tiling=Tiling((64, 64), 32, always=True))(image).labels
    for name in ("map.tif", "plain.png"):
        np.testing.assert_array_equal(pixels(tmp_path / "out" / "labels" / name), found)
    with Tiff(tmp_path / "map.tif") as before, Tiff(tmp_path / "out" / "labels" / "map.tif") as after:
        assert before.geographic() == after.geographic() != []
    tifffile.imwrite(tmp_path / "two.tif", np.stack([image, image]), **RGB)
    tifffile.imwrite(tmp_path / "bands.tif", np.zeros((70, 70, 6), np.uint8), **RGB)
    status, _, complaint = command("predict.py", *words)
    assert (status, "two.tif: expected one picture, found 2 pages" in complaint) == (1, True)
    assert "bands.tif: expected a grey image, or red, green, blue with or without alpha, found 6 channels" in complaint


def test_three_bad_images_are_named_and_the_rest_is_done(finished: Run, tmp_path: Path, command: Any) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    for name in ("good", "better", "cut"):
        grey(photos / f"{name}.png", 20, 30)
    (photos / "cut.png").write_bytes((photos / "cut.png").read_bytes()[:50])
    (photos / "empty.png").touch()
    (photos / "text.jpg").write_text("no picture")
    status, said, complaints = command("predict.py", "--run", finished[0], photos, "--out", out, "--probabilities")
    assert (status, "2 of 5 images" in said) == (1, True)
    assert [complaints.count(one) for one in ("cut.", "empty.", "text.", "error: ")] == [1, 1, 1, 3]
    assert {file.stem for file in (out / "labels").iterdir()} == {"good", "better"} == set(rows_of(out))
    files = [out / "probabilities" / "good" / f"{one}.png" for one in ("00_background", "01_crack")]
    assert abs(sum(pixels(file).astype(np.int64) for file in files) - 65535).max() <= 1


BAD: dict[str, tuple[tuple[str, ...], str]] = {
    "an unknown run": (("{photos}", "--run", "nosuch"), "run 'nosuch': expected a run folder, or a folder of runs;"),
    "no images": (("{photos}/none/*.png",), "no such file or folder, and no file that fits it as a pattern"),
    "nothing named": ((), "expected files, patterns or folders, or --dataset, one of the two"),
    "two images of one name": (("{photos}", "{photos}/below"), "would both be written as a;"),
    "a strategy of one run": (("{photos}", "--strategy", "focal"), "is one run; leave it out"),
    "a correction that wasn't trained": (("{photos}", "--post_hoc", "tau_norm"), "validation chose no tau by mIoU"),
    "an unknown correction": (("{photos}", "--post_hoc", "pryor"), "did you mean 'prior'?"),
    "seeds that are none": (("{photos}", "--seeds", "1-3"), "--seeds: expected numbers such as 1,2,3, found '1-3'"),
    "a tile that is none": (("{photos}", "--tile", "512"), "--tile: expected numbers such as 512x512, found '512'"),
    "a subset without a data set": (("{photos}", "--subset", "test"), "subset: belongs to --dataset"),
    "a pattern that is none": (("{photos}/a**b",), "can't be taken as a pattern|no file that fits it"),
    "tiles that share less than nothing": (("{photos}/a.png", "--overlap", "-5"), "pixels that tiles share, 0 or more"),
    "no GPU": (("{photos}", "--device", "cuda"), "torch sees 0 CUDA devices"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_one_sentence(kind: str, finished: Run, tmp_path: Path, refused: Any) -> None:
    words, message = BAD[kind]
    for name in ("a", "below/a"):
        grey(tmp_path / "photos" / f"{name}.png")
    given = [word.format(photos=tmp_path / "photos") for word in words]
    run = () if "--run" in words else ("--run", finished[0])
    said = refused("predict.py", *run, *given, "--out", tmp_path / "out")
    assert any(one in said for one in message.split("|"))
    assert not list((tmp_path / "out").rglob("*.*g"))


def test_a_run_that_is_broken_or_not_finished_is_one_sentence(
    run: Path, tmp_path: Path, refused: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMBSEG_RUNS", str(tmp_path))
    grey(tmp_path / "x.png")
    words = (tmp_path / "x.png", "--out", tmp_path / "out")
    assert "in " + str(tmp_path) + ": run, latest" in refused("predict.py", "--run", "nosuch", *words)
    status = (run / "status.json").read_text()
    (run / "status.json").write_text('{"status": "running"}')
    assert "has not ended" in refused("predict.py", "--run", "latest", *words)
    (run / "status.json").write_text(status)
    (run / "best.pt").unlink()
    assert "best.pt is missing" in refused("predict.py", "--run", "run", *words)
    assert not (tmp_path / "out").exists()


SPOILT: dict[str, tuple[str, Any, str]] = {
    "another encoder": ("trial.json", {"parameters": {"encoder": "resnet18"}}, "holds another network than resnet18"),
    "another architecture": ("trial.json", {"parameters": {"architecture": "unet"}}, "holds another network than"),
    "other classes": ("trial.json", {"weights_of_classes": {"third": 1.0}}, "with 3 classes, as trial.json describes"),
    "an input that is none": ("trial.json", {"input": {"low": [0]}}, "trial.json: input: expected channels, kind, low"),
    "an input of 2 limits": (
        "trial.json", {"input": {"channels": ["a"], "kind": "uint8", "low": [0, 1], "high": [1], "shown": [0, 0, 0]}},
        "(2, 1 values of 1 channels); bring it back"),
    "a size of 0": (
        "trial.json", {"train_size": [0, 0], "parameters": {"resize": "96x80", "crop": "none"}},
        "train_size: expected a width and a height, found [0, 0]"),
    "no scores": ("epochs.csv", b"", "epochs.csv: has no row of the best epoch"),
    "scores that are no text": ("epochs.csv", b"\xff\xfe", "epochs.csv: expected a table of numbers, found"),
    "a network of another library": ("best.pt", b"\x80\x04]\x94.", "best.pt: can't be read"),
    "a threshold of a page": (
        "operating_points.json", {"points": {"crack": {"threshold": 10**400}}}, "expected a threshold of some classes"),
    "thresholds of all": (
        "operating_points.json", {"points": {name: {"threshold": 0.5} for name in ("crack", "background")}},
        "every class has one, and none is left for the other pixels"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SPOILT)
def test_a_file_of_a_run_that_is_damaged_is_one_sentence(kind: str, run: Path, tmp_path: Path, refused: Any) -> None:
    name, content, sentence = SPOILT[kind]
    file = run / name
    if isinstance(content, dict):
        about = json.loads(file.read_text()) if file.is_file() else {"network": sha256(run / "best.pt")}
        for key, value in content.items():
            about[key] = about.get(key, {}) | value if isinstance(value, dict) else value
        content = json.dumps(about).encode()
    file.write_bytes(content)
    grey(tmp_path / "x.png")
    assert sentence in refused("predict.py", "--run", run, tmp_path / "x.png", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_that_are_no_numbers_are_refused(run: Path) -> None:
    best = checkpoint.load(run / "best.pt")
    next(iter(best["model"].values())).view(-1)[0] = float("nan")
    checkpoint.save(run / "best.pt", best)
    with pytest.raises(InputError, match="holds weights that are no numbers"):
        imbseg.predict.load(str(run))


NAMES = ("a 'b\" ;#{id}[x]*?", "two\nlines", "-x", "%s", "=1+1", os.fsdecode(b"caf\xe9"), "\u00e4" * 125)


def test_names_of_every_kind(finished: Run, tmp_path: Path, command: Any) -> None:
    for name in NAMES:
        grey(tmp_path / "photos" / f"{name}.png", 8, 8)
    words = ("predict.py", "--run", finished[0], tmp_path / "photos", "--out", tmp_path / "out")
    status, said, complaint = command(*words)
    assert (status, complaint, f"{len(NAMES)} of {len(NAMES)} images" in said) == (0, "", True)
    written = {name.encode(errors="backslashreplace").decode() for name in NAMES}
    assert set(rows_of(tmp_path / "out")) == written
    assert {file.stem for file in (tmp_path / "out/labels").iterdir()} == set(NAMES)
    assert f"{len(NAMES)} of {len(NAMES)} images are done already" in command(*words)[1]


def test_an_image_that_memory_does_not_hold_is_named(
    finished: Run, tmp_path: Path, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Predictor, *_: Any) -> Any:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    grey(tmp_path / "x.png")
    monkeypatch.setattr(Predictor, "_whole", full)
    status, _, complaint = command("predict.py", "--run", finished[0], tmp_path / "x.png", "--out", tmp_path / "out")
    assert (status, "x.png: its pixels are more than the memory of this machine holds; cut it" in complaint) == (
        1,
        True,
    )


def test_a_full_disk_leaves_whole_files_and_the_next_start_goes_on(
    finished: Run, tmp_path: Path, command: Any, refused: Any, small_disk: Any
) -> None:
    disk = small_disk(200)
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (200, 200, 3), np.uint8)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / f"photos/{number}.png")
    words = ("predict.py", "--run", finished[0], tmp_path / "photos", "--probabilities", "--out", disk / "out")
    assert "the disk is full; nothing was left half written" in refused(*words)
    there = sorted(file.stem for file in (disk / "out/labels").iterdir())
    assert 0 < len(there) < 4
    assert set(there) == set(rows_of(disk / "out"))
    for file in [*(disk / "out").rglob("*.png"), *(disk / "out").rglob("*.jpg")]:
        pixels(file)
    assert not list((disk / "out").rglob(".*.tmp.*"))
    subprocess.run(["mount", "-o", "remount,size=9m", str(disk)], check=True)
    status, said, _ = command(*words)
    assert (status, f"{len(there)} of 4 images are done already" in said) == (0, True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert "can't write here (Read-only file system)" in refused(*words)


def test_labels_of_others_are_not_overwritten(finished: Run, tmp_path: Path, refused: Any) -> None:
    truth = tmp_path / "labels" / "a.png"
    grey(truth)
    grey(tmp_path / "images" / "a.png")
    before = truth.read_bytes()
    assert "would be overwritten" in refused("predict.py", "--run", finished[0], tmp_path / "images", "--out", tmp_path)
    assert truth.read_bytes() == before
    assert not (tmp_path / "predicted_with.json").exists()


def test_broken_records_of_what_is_done_count_as_none(finished: Run, tmp_path: Path, command: Any) -> None:
    grey(tmp_path / "a.png")
    out = tmp_path / "out"
    out.mkdir()
    (out / ".predicted.jsonl").write_bytes(b'5\n"text"\n{"name": "a", "row": 5}\n{"name": "a"}\n\xff\n')
    status, said, complaints = command("predict.py", "--run", finished[0], tmp_path / "a.png", "--out", out)
    assert (status, complaints, "1 of 1 images" in said) == (0, "", True)
    assert set(rows_of(out)) == {"a"}
