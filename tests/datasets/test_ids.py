"""Which images a glob finds, and what stands for {id} in their paths."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
import yaml

from imbseg.datasets.ids import ids, image_rows, passed_over
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


def test_a_glob_follows_links_and_leaves_a_circle(tmp_path: Path) -> None:
    """As in images/train/siteB -> ../../other_disk, and a link that leads back to where it lies."""
    elsewhere = tmp_path / "other_disk"
    pattern = "images/{subset}/{id}.png"
    found = data_set(tmp_path / "data", ["images/train/a/1.png"], pattern, pattern, "images/train/**/*.png")
    (elsewhere / "deep").mkdir(parents=True)
    for name in ("2.png", "deep/3.png"):
        (elsewhere / name).touch()
    (tmp_path / "data/images/train/b").symlink_to(elsewhere)
    (tmp_path / "data/images/train/a/circle").symlink_to(tmp_path / "data/images")
    (tmp_path / "data/images/train/a/circle2").symlink_to(tmp_path / "data/images/train")
    assert ids(found, "train") == ["a/1", "b/2", "b/deep/3"]


def test_the_ending_fits_in_any_case(tmp_path: Path) -> None:
    files = ["images/a.jpg", "images/b.JPG", "images/c.Jpg", "masks/a.PNG", "masks/b.png", "masks/c.png"]
    found = data_set(tmp_path, files, "images/{id}.jpg", "masks/{id}.png", "images/*.jpg")
    (tmp_path / "test.txt").write_text("x/d\n")
    for file in ("images/x/d.JPG", "masks/x/d.Png"):
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
    rows = image_rows(found)
    assert [(row.image, row.mask) for row in rows] == [
        ("images/a.jpg", "masks/a.PNG"), ("images/b.JPG", "masks/b.png"), ("images/c.Jpg", "masks/c.png"),
        ("images/x/d.JPG", "masks/x/d.Png"),
    ]  # fmt: skip
    assert passed_over(found, rows) == []
    (tmp_path / "images/a.JPG").touch()
    with pytest.raises(InputError, match="id 'a' stands twice in train"):
        image_rows(found)


def test_pictures_with_another_ending_are_told(tmp_path: Path) -> None:
    names = ("a.jpg", "b.jpg", "c.jpeg", "d.jpeg", "e.png", "txt.txt", "a.png", "b.png", "t.tif", "x/t.jpg", "x/t.png")
    files = [f"images/{name}" for name in names]
    found = data_set(tmp_path, files, "images/{id}.jpg", "images/{id}.png", "images/*.jpg")
    (tmp_path / "test.txt").write_text("x/t\n")
    told = passed_over(found, image_rows(found))
    assert [line.split(",")[0] for line in told] == [
        "2 files end in .jpeg", "1 file ends in .png", "1 file ends in .tif",
    ]  # fmt: skip


@pytest.mark.parametrize("listed", ["NFC", "NFD"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lists_of_windows_and_names_of_macos(tmp_path: Path, listed: str, encoding: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[listed]
    there, name = (unicodedata.normalize(form, "für/ü000") for form in (other, listed))
    data_set(tmp_path, both(f"{there}.png", "t.png"), "images/{id}.png", "masks/{id}.png", "trän.txt")
    (tmp_path / unicodedata.normalize(other, "trän.txt")).write_text(f"{name} x\n", encoding=encoding)
    (tmp_path / "test.txt").write_text("t\r\n", encoding=encoding)
    row, _ = image_rows(load(str(tmp_path / "x.yml")))
    assert (row.id, row.image, row.mask) == (name, f"images/{there}.png", f"masks/{there}.png")
    (tmp_path / "test.txt").write_text(f"{unicodedata.normalize(other, name)}\n")
    with pytest.raises(InputError, match="stands in train and in test"):
        image_rows(load(str(tmp_path / "x.yml")))
