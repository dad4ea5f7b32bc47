"""Which images a glob finds, and what stands for {id} in their paths."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imbseg.datasets.ids import ids, image_rows
from imbseg.datasets.spec import Dataset, load
from imbseg.errors import InputError


def data_set(root: Path, files: list[str], images: str, masks: str, train: object, **keys: object) -> Dataset:
    """A data set of empty files; only its ids are asked for."""
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    (root / "test.txt").write_text("")
    spec = {"root": str(root), "images": images, "masks": masks, "classes": ["ground", "ball"]}
    spec |= {"subsets": {"train": train, "test": "test.txt"}, **keys}
    (root / "x.yml").write_text(yaml.safe_dump(spec))
    return load(str(root / "x.yml"))


def both(*names: str) -> list[str]:
    return [f"{folder}/{name}" for folder in ("images", "masks") for name in names]


@pytest.mark.parametrize(
    ("files", "images", "masks", "glob", "expected"),
    [
        (both("b.png", "a.png"), "images/{id}.png", "masks/{id}.png", "images/*.png", ["a", "b"]),
        (both("a1.png", "a2.png"), "images/{id}.png", "masks/{id}.png", "images/?1.png", ["a1"]),
        (both("a1.png", "a2.png", "a3.png"), "images/{id}.png", "masks/{id}.png", "images/a[12].png", ["a1", "a2"]),
        (both("train/b/2.png", "train/a/1.png"), "images/{subset}/{id}.png", "masks/{subset}/{id}.png",
         "images/train/*/*.png", ["a/1", "b/2"]),
        (both("train/a.png"), "images/{id}.png", "masks/{id}.png", "images/train/*.png", ["train/a"]),
        (both("train_a.png"), "images/{subset}_{id}.png", "./masks//{subset}_{id}.png", "images/train_*.png", ["a"]),
        (both("x/x_rgb.png"), "images/{id}/{id}_rgb.png", "masks/{id}/{id}_rgb.png", "images/**/*.png", ["x"]),
        (both("a+(1).png"), "images/{id}.png", "masks/{id}.png", "images/*", ["a+(1)"]),
        ([*both("a.png"), "images/.a.png"], "./images/{id}.png", "masks/{id}.png", "**/[a.]*.png", None),
        ([*both("a.png"), "images/.a.png"], "./images/{id}.png", "masks/{id}.png", "images/*", ["a"]),
    ],
)  # fmt: skip
def test_ids_of_a_glob(
    tmp_path: Path, files: list[str], images: str, masks: str, glob: str, expected: list[str] | None
) -> None:
    found = data_set(tmp_path, [*files, "tests/t.png"], images, masks, [glob])
    if expected is None:  # the glob finds masks too
        with pytest.raises(InputError, match=r"finds masks/a\.png, which isn't of the pattern 'images'"):
            image_rows(found)
        return
    with pytest.raises(InputError, match="id list of subset 'test' is empty"):
        image_rows(found)
    assert ids(found, "train") == expected
    rows = [found.file(found.images, one, "train") for one in expected]
    assert all((tmp_path / row).is_file() for row in rows)
    assert all((tmp_path / found.file(found.masks, one, "train")).is_file() for one in expected)


@pytest.mark.parametrize(
    ("glob", "told"),
    [
        ("/images/*.png", "expected a glob below the root"),
        ("../images/*.png", "expected a glob below the root"),
        ("images/a**.png", r"is no glob .*write it such as images/train/\*\.png"),
        ("images/*.jpg", r"finds no file that fits 'images' \(images/\{id\}\.png\)"),
        ("images/*", "finds images/b.txt, which isn't of the pattern 'images'"),
        ("images/[a", "finds no file that fits"),
    ],
)
def test_globs_that_are_refused(tmp_path: Path, glob: str, told: str) -> None:
    found = data_set(tmp_path, [*both("a.png"), "images/b.txt"], "images/{id}.png", "masks/{id}.png", glob)
    with pytest.raises(InputError, match=told) as error:
        image_rows(found)
    assert f"x.yml: subsets.train: {glob!r}" in str(error.value)


def test_a_list_whose_name_looks_like_a_glob_is_a_list(tmp_path: Path) -> None:
    found = data_set(tmp_path, both("a.png", "b.png"), "images/{id}.png", "masks/{id}.png", "train[1].txt")
    (tmp_path / "train[1].txt").write_text("a\n")
    (tmp_path / "test.txt").write_text("b\n")
    assert [(row.id, row.subset) for row in image_rows(found)] == [("a", "train"), ("b", "test")]


@pytest.mark.parametrize("place", ["nowhere", "other"])
def test_a_root_of_the_variable_is_told(tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data_set(tmp_path / "mine", both("a.png"), "images/{id}.png", "masks/{id}.png", "train.txt")
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("IMBSEG_ROOT", str(tmp_path / place))
    with pytest.raises(InputError, match=rf"{place} \(IMBSEG_ROOT gives it, for every data set\)"):
        image_rows(load(str(tmp_path / "mine/x.yml")))
    monkeypatch.setenv("IMBSEG_ROOT", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError) as error:
        image_rows(load(str(tmp_path / "mine/x.yml"), root=str(tmp_path / place)))
    assert "gives it" not in str(error.value)
