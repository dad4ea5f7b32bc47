"""Every kind of bad input that make_meta.py meets: exit status 2, one sentence that names the file, nothing written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from tiny_tree import make_tiny, tiny_masks, write_list

from imbseg.errors import InputError
from imbseg.meta.table import FEW, in_processes

Run = Callable[..., str]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A good data set, for a test to break."""
    make_tiny(tmp_path / "data", tiny_masks(20), test=2, val=2)
    return tmp_path / "data"


@pytest.fixture
def refused(data: Path, tmp_path: Path, command) -> Run:
    """Run the command, hold what every refusal has in common, and give its sentence."""

    def run(*arguments: str, out: Path = tmp_path / "out/meta", workers: str = "1") -> str:
        given = arguments or ("--dataset", data / "tiny.yml")
        status, said, sentence = command("make_meta.py", *given, "--out", out, "--workers", workers)
        assert (status, said) == (2, "")
        assert sentence.startswith("error: ")
        assert "Traceback" not in sentence
        assert not out.is_dir() or [path.name for path in out.iterdir()] == ["others"]
        assert not list(tmp_path.rglob(".*"))  # no temporary file or folder
        return sentence

    return run


def change_yaml(data: Path, **keys: object) -> None:
    path = data / "tiny.yml"
    spec = yaml.safe_load(path.read_text()) | keys
    path.write_text(yaml.safe_dump({key: value for key, value in spec.items() if value is not None}))


def lists(name: str, *ids: str) -> Callable[[Path], None]:
    return lambda data: write_list(data / name, list(ids))


def keys(**changed: object) -> Callable[[Path], None]:
    return lambda data: change_yaml(data, **changed)


def too_few(data: Path) -> None:
    """And no val subset, which would do without folds."""
    lists("train.txt", "000", "001")(data)
    change_yaml(data, subsets={"train": "train.txt", "test": "test.txt"})


def gone(file: str) -> Callable[[Path], None]:
    return lambda data: (data / file).unlink()


def written(file: str, content: str) -> Callable[[Path], object]:
    return lambda data: (data / file).write_text(content)


def mask(pixels: np.ndarray) -> Callable[[Path], None]:
    """In place of one."""
    return lambda data: Image.fromarray(pixels.astype(np.uint8)).save(data / "masks/004.png")


def cut(file: str, share: float) -> Callable[[Path], object]:
    return lambda data: (data / file).write_bytes((content := (data / file).read_bytes())[: int(len(content) * share)])


def rgb_masks(data: Path) -> None:
    colors = [{"name": name, "color": [index, 0, 0]} for index, name in enumerate(("ground", "ball", "rod"))]
    change_yaml(data, mask_encoding="rgb", classes=colors)
    for path in sorted((data / "masks").iterdir()):
        Image.fromarray(np.zeros((12, 16, 3), np.uint8)).save(path)


def each(*steps: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda data: [step(data) for step in steps]


STRANGE = np.zeros((12, 16))
STRANGE[3, 3] = 37
CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "root missing": (keys(root="/nowhere/at/all"), "root /nowhere/at/all is missing; put"),
    "list missing": (gone("train.txt"), "train.txt: the id list of subset 'train' is missing"),
    "list empty": (lists("train.txt"), "train.txt: the id list of subset 'train' is empty"),
    "id twice": (lists("train.txt", "000", "001", "001"), "id '001' stands twice in train"),
    "id in train and test": (lists("test.txt", "000", "019"), "id '000' stands in train and in test"),
    "image missing": (gone("images/004.png"), "images/004.png of id '004' is missing"),
    "mask missing": (gone("masks/004.png"), "masks/004.png of id '004' is missing"),
    "sizes differ": (mask(np.zeros((12, 17))), "004.png: expected the size of its image images/004.png, 16 x 12"),
    "value no class": (mask(STRANGE), "masks/004.png: value 37 is no class value (0..2) nor the ignore index 255"),
    "rgb for index": (mask(np.zeros((12, 16, 3))), "masks/004.png: is an RGB picture, mask_encoding 'index'"),
    "index for rgb": (each(rgb_masks, mask(np.zeros((12, 16)))), "masks/004.png: holds one number a pixel (mode L)"),
    "unknown colour": (each(rgb_masks, mask(np.full((12, 16, 3), (1, 2, 3)))), "004.png: colour [1, 2, 3] is no class"),
    "image cut short": (cut("images/004.png", 0.6), "images/004.png: can't be decoded"),
    "mask cut short": (cut("masks/004.png", 0.6), "masks/004.png: can't be decoded"),
    "image empty": (cut("images/004.png", 0), "images/004.png: the file is empty"),
    "mask empty": (cut("masks/004.png", 0), "masks/004.png: the file is empty"),
    "no picture": (written("images/004.png", "<html>404</html>"), "images/004.png: can't be decoded"),
    "broken yaml": (written("tiny.yml", "root: [a\nimages: {"), "tiny.yml: broken YAML"),
    "yaml of something else": (written("tiny.yml", "- a"), "tiny.yml: expected keys such as root"),
    "yaml lacks a key": (keys(masks=None), "tiny.yml: lacks the key 'masks'"),
    "yaml with an unknown key": (keys(bakground="ground"), "did you mean 'background'?"),
    "class twice": (keys(classes=["ground", "ball", "ball"]), "the name 'ball' stands there 2"),
    "class called ignore": (keys(classes=["ground", "ignore"]), "'ignore' is what pixels"),
    "unknown background": (keys(background="sky"), "unknown class in"),
    "group that doesn't match": (keys(group="^(x)"), "doesn't match the id '000'"),
    "too few images": (too_few, "'tiny', full/random: 5 folds need at least 5 train images, found 2"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_data_set(name: str, data: Path, refused: Run) -> None:
    spoil, told = CASES[name]
    spoil(data)
    sentence = refused()
    assert told in sentence
    assert sentence.count("\n") == 1  # one sentence, one line


@pytest.mark.parametrize(
    ("harm", "first"), [(Path.touch, "13 images can't be used:"), (lambda _: None, "13 files are missing:")]
)
def test_ten_broken_or_missing_images_are_named_and_the_others_counted(harm, first: str, data: Path, refused) -> None:
    for number in range(13):
        (data / f"images/{number:03d}.png").unlink()
        harm(data / f"images/{number:03d}.png")
    lines = refused().splitlines()
    assert lines[0] == f"error: {first}"
    assert [f"{number:03d}.png" in line for number, line in enumerate(lines[1:11])] == [True] * 10
    assert lines[11:] == ["  ... and 3 more"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--dataset", "vok2012"), "unknown data set 'vok2012' (did you mean 'voc2012'?)"),
        (("--dataset", "nowhere/mine.yml"), "data set file nowhere/mine.yml: no such file"),
        (("--dataset", "sample", "--root", "/nowhere"), "root /nowhere is missing"),
        (("--dataset", "sample", "--seed", "-1"), "--seed: expected a number of 0.."),
    ],
)
def test_bad_arguments(arguments: tuple[str, ...], told: str, refused: Run) -> None:
    assert told in refused(*arguments)


@pytest.mark.parametrize(("workers", "told"), [("0", "a number of 1 or more, found 0"), ("two", "invalid int value")])
def test_bad_workers(workers: str, told: str, refused: Run) -> None:
    assert told in refused(workers=workers)


def test_output_folder_is_a_file(tmp_path: Path, refused: Run) -> None:
    (tmp_path / "file").write_text("mine")
    assert "file: expected an output folder, found a file" in refused(out=tmp_path / "file")
    assert "found a file" in refused(out=tmp_path / "file/meta")
    assert (tmp_path / "file").read_text() == "mine"


def test_output_folder_of_something_else_or_not_writable(tmp_path: Path, refused: Run) -> None:
    (tmp_path / "home/others").mkdir(parents=True)
    assert "home: holds files that make_meta.py didn't write" in refused(out=tmp_path / "home")
    assert (tmp_path / "home/others").is_dir()
    assert "can't write here" in refused(out=Path("/proc/imbseg/meta"))  # refused to root too


@pytest.mark.slow
def test_disk_full(small_disk: Callable[[int], Path], refused: Run) -> None:
    disk = small_disk(64)
    assert f"{disk}/meta: the disk is full" in refused(out=disk / "meta")


def test_a_reader_that_the_system_ends_is_told() -> None:
    ends: Any = os._exit
    with pytest.raises(InputError, match=r"was ended \(out of memory\?\); try --workers 1"):
        list(in_processes(ends, [1] * (FEW + 1), 2))  # type: ignore[list-item]
