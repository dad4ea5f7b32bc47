"""A folder of labelme files -> a data set, pixel by pixel."""

from __future__ import annotations

import base64
import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from annotations import HEIGHT, WIDTH, labelme, photograph, png, shape, square
from PIL import Image

from imbseg.datasets import spec
from imbseg.datasets.ids import image_rows
from imbseg.datasets.read import read_mask, read_objects
from imbseg.errors import InputError
from imbseg.imports import paint, run
from imbseg.imports.found import Choices
from imbseg.imports.run import import_labels


def bring(folder: Path, out: Path, kind: str = "labelme", **choices: object) -> tuple[spec.Dataset, list[str]]:
    said: list[str] = []
    file = import_labels(kind, folder, out, Choices(**choices), said.append)
    return spec.load(str(file)), said


def masks(dataset: spec.Dataset, image_id: str) -> tuple[np.ndarray, np.ndarray]:
    row = next(one for one in image_rows(dataset) if one.id == image_id)
    return read_mask(dataset.root / row.mask, dataset), read_objects(dataset.root / str(row.objects))


def test_every_kind_of_shape_in_its_place(tmp_path: Path) -> None:
    bitmap = np.array([[1, 0, 1], [1, 1, 0]], np.uint8) * 255
    labelme(
        tmp_path, "a",
        square("crack", 10, 10, 10),                                            # 100 pixels
        shape("crack", (8, 6), (2, 2), kind="rectangle"),                       # 24, corners the other way round
        shape("rust", (30, 15), (35, 15), kind="circle"),                       # 80
        shape("rust", (2, 25), (12, 25), kind="line"),                          # 20 at two pixels wide
        shape("rust", (20, 3), kind="point"),                                   # 4
        shape("crack", (4, 7), (6, 8), kind="mask", mask=png(bitmap)),          # 4
    )  # fmt: skip
    labelme(tmp_path, "b", square("rust", 0, 0, 5))
    dataset, said = bring(tmp_path, tmp_path / "out" / "mine", line_width=2)
    mask, objects = masks(dataset, "a")
    assert dataset.class_names == ("background", "crack", "rust")
    assert np.bincount(mask.ravel()).tolist() == [1200 - 128 - 104, 128, 104]
    assert np.bincount(objects.ravel()).tolist() == [1200 - 232, 100, 24, 80, 20, 4, 4]
    assert mask[10:20, 10:20].all()
    assert (mask[7:9, 4:7] == bitmap // 255).all()
    assert (dataset.ignore_index, dataset.background, dataset.name) == (None, "background", "mine")
    assert said[0] == "mine: 2 images (1 train, 1 test), 3 classes"
    assert (dataset.root / "images" / "a.jpg").read_bytes() == (tmp_path / "a.jpg").read_bytes()


def test_later_shapes_lie_above_and_one_of_the_background_cuts_a_hole(tmp_path: Path) -> None:
    labelme(
        tmp_path, "a", square("leaf", 0, 0, 10), square("rust", 5, 5, 10), square("_background_", 7, 7, 2),
        square("__ignore__", 30, 20, 3), square("gone", 20, 0, 2), square("leaf", 19, 0, 5),
    )  # fmt: skip
    labelme(tmp_path, "b", square("rust", 0, 0, 5))
    dataset, said = bring(tmp_path, tmp_path / "later")
    mask, objects = masks(dataset, "a")
    names = dict(enumerate(dataset.class_names)) | {255: "ignored"}
    counts = {names[value]: int(count) for value, count in enumerate(np.bincount(mask.ravel())) if count}
    assert counts == {"background": 1200 - 200 + 4 - 9, "leaf": 75 + 25, "rust": 96, "ignored": 9}
    assert dataset.ignore_index == 255
    assert sorted(np.bincount(objects.ravel())[1:].tolist()) == [0, 25, 75, 96]
    above = "overlaps: 33 pixels of another class covered, the later shape on top (rust over leaf 25, "
    assert any(text.startswith(above) and "background over rust 4" in text for text in said)
    assert "1 object hidden completely under others" in said
    dataset, said = bring(tmp_path, tmp_path / "smaller", on_top="smaller")
    assert np.bincount(masks(dataset, "a")[0].ravel(), minlength=4)[1:4].tolist() == [4, 75 + 21, 96]


def test_parts_of_one_group_are_one_object(tmp_path: Path) -> None:
    parts = [
        square("car", 0, 0, 4, group_id=1),
        square("car", 10, 0, 4, group_id=1),
        square("car", 20, 0, 4, group_id=2),
    ]
    labelme(tmp_path, "a", *parts, square("tree", 30, 0, 4, group_id=1))
    labelme(tmp_path, "b", square("car", 0, 0, 4))
    dataset, _ = bring(tmp_path, tmp_path / "out")
    assert np.bincount(masks(dataset, "a")[1].ravel())[1:].tolist() == [32, 16, 16]


def test_the_photograph_inside_a_file_and_paths_of_windows(tmp_path: Path) -> None:
    inside = photograph(tmp_path / "away" / "x.png").read_bytes()
    (tmp_path / "away" / "x.png").rename(tmp_path / "away.png.kept")
    file = labelme(tmp_path, "a", square("car", 0, 0, 4), imageData=base64.b64encode(inside).decode())
    (tmp_path / "a.jpg").unlink()
    photograph(tmp_path / "pictures" / "b 1.jpg")
    labelme(tmp_path, "b", square("car", 0, 0, 4), imagePath="..\\pictures\\b 1.jpg")
    (tmp_path / "b.jpg").rename(tmp_path / "pictures" / "other.jpg")
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.json").rename(tmp_path / "sub" / "b 1.json")
    dataset, said = bring(tmp_path, tmp_path / "out")
    assert sorted(row.id for row in image_rows(dataset)) == ["a.png", "sub/b_1.jpg"]  # two endings: part of the ids
    assert (dataset.root / "images" / "a.png").read_bytes() == inside
    assert any("that no annotation names" in one and "left out: 1 image" in one for one in said), said
    assert file.exists()


@pytest.mark.parametrize("turned", [3, 6])
def test_photographs_that_exif_turns_were_labelled_upright(turned: int, tmp_path: Path) -> None:
    photograph(tmp_path / "a.jpg", size=(WIDTH, HEIGHT), turned=turned)
    size = {"imageHeight": WIDTH, "imageWidth": HEIGHT} if turned == 6 else {}
    labelme(tmp_path, "a", square("car", 0, 0, 4), **size)
    labelme(tmp_path, "b", square("car", 0, 0, 4))
    dataset, _ = bring(tmp_path, tmp_path / "out")
    assert dataset.orientation == "upright"
    with Image.open(dataset.root / "masks" / "a.png") as mask:
        size = mask.size
    assert size == ((HEIGHT, WIDTH) if turned == 6 else (WIDTH, HEIGHT))


def test_subsets_of_folders_are_kept_and_drawn_ones_leave_every_class_in_train(tmp_path: Path) -> None:
    for number in range(20):
        shapes = (
            [square("car", 0, 0, 4)]
            + [square("bike", 9, 9, 4)] * (number == 7)
            + [square("bus", 20, 9, 4)] * (number in (3, 4))
        )
        (tmp_path / "drawn").mkdir(exist_ok=True)
        labelme(tmp_path / "drawn", f"{number:02d}", *shapes)
    dataset, said = bring(tmp_path / "drawn", tmp_path / "out", val=0.1)
    roles = {row.id: row.subset for row in image_rows(dataset)}
    assert sorted(roles.values()).count("test") == 4
    assert sorted(roles.values()).count("val") == 2
    assert roles["07"] == "train"
    assert "train" in {roles["03"], roles["04"]}
    for subset, name in (("train", "a"), ("train", "b"), ("test", "c")):
        (tmp_path / "given" / subset).mkdir(parents=True, exist_ok=True)
        labelme(tmp_path / "given" / subset, name, square("car", 0, 0, 4))
    dataset, _ = bring(tmp_path / "given", tmp_path / "out2")
    assert {row.id: row.subset for row in image_rows(dataset)} == {
        "train/a": "train",
        "train/b": "train",
        "test/c": "test",
    }
    (tmp_path / "given" / "test").rename(tmp_path / "given" / "validation")
    dataset, said = bring(tmp_path / "given", tmp_path / "out3")
    assert {row.id: row.subset for row in image_rows(dataset)}["validation/c"] == "test"
    assert any("`val` is the test" in one for one in said)


def test_groups_stay_together(tmp_path: Path) -> None:
    for number in range(12):
        labelme(tmp_path, f"p{number // 3}_{number}", square("car", 0, 0, 4))
    dataset, _ = bring(tmp_path, tmp_path / "out", group=r"^(p\d+)_")
    sides: dict[str, set[str]] = {}
    for row in image_rows(dataset):
        sides.setdefault(dataset.group_of(row.id), set()).add(row.subset)
    assert sorted(map(len, sides.values())) == [1, 1, 1, 1]
    assert {"train"} in sides.values()
    assert {"test"} in sides.values()


def test_classes_in_an_order_of_ones_own_renamed_and_ignored(tmp_path: Path) -> None:
    labelme(
        tmp_path,
        "a",
        square("Car", 0, 0, 4),
        square("car", 10, 0, 4),
        square("dirt", 20, 0, 4),
        square("sky", 30, 0, 4),
    )
    labelme(tmp_path, "b", square("car", 0, 0, 4))
    rename = {"Car": "car", "dirt": "ignore", "sky": "background"}
    dataset, _ = bring(tmp_path, tmp_path / "out", rename=rename, classes=("bus", "car"))
    assert dataset.class_names == ("background", "bus", "car")
    assert np.bincount(masks(dataset, "a")[0].ravel())[[0, 2, 255]].tolist() == [1200 - 48, 32, 16]
    dataset, _ = bring(tmp_path, tmp_path / "out2", rename=rename | {"sky": "sky"}, unlabelled="ignore")
    assert dataset.class_names == ("car", "sky")
    assert (dataset.ignore_index, dataset.background) == (255, None)
    assert np.bincount(masks(dataset, "a")[0].ravel())[[0, 1, 255]].tolist() == [32, 16, 1200 - 48]


def test_images_without_shapes(tmp_path: Path) -> None:
    labelme(tmp_path, "a", square("car", 0, 0, 4))
    labelme(tmp_path, "b", square("car", 0, 0, 4))
    labelme(tmp_path, "empty")
    photograph(tmp_path / "nobody.jpg")
    for empty, ids in (
        (None, {"a", "b", "empty"}),
        ("background", {"a", "b", "empty", "nobody"}),
        ("leave_out", {"a", "b"}),
    ):
        dataset, _ = bring(tmp_path, tmp_path.parent / f"{tmp_path.name}-{empty}", empty=empty)
        assert {row.id for row in image_rows(dataset)} == ids


def test_an_earlier_import_is_replaced_only_where_that_is_said(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    labelme(source, "a", square("car", 0, 0, 4))
    labelme(source, "b", square("car", 0, 0, 4))
    bring(source, tmp_path / "out")
    with pytest.raises(InputError, match="holds an import already; --replace"):
        bring(source, tmp_path / "out")
    labelme(source, "c", square("car", 0, 0, 4))
    dataset, _ = bring(source, tmp_path / "out", replace=True, link=True)
    assert len(image_rows(dataset)) == 3
    assert (tmp_path / "out" / "images" / "c.jpg").is_symlink()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="found other files"):
        bring(source, tmp_path / "mine", replace=True)
    bring(source, source / "below")
    with pytest.raises(InputError, match="lies among the annotations and would be read with them"):
        bring(source, source / "below", replace=True)
    shutil.rmtree(source / "below")
    with pytest.raises(InputError, match="holds the annotations below it"):
        bring(source, tmp_path, replace=True)
    assert json.loads((tmp_path / "out" / "import.json").read_text())["classes"]["car"]["pixels"] == 48


def test_meta_is_made_of_an_import_and_counts_its_shapes(tmp_path: Path, command) -> None:
    (tmp_path / "in").mkdir()
    for number in range(8):
        touching = [square("car", 0, 0, 4), square("car", 4, 0, 4), square("bike", 20, 9, 5)]
        labelme(tmp_path / "in", f"{number}", *touching[: 2 + number % 2])
    status, said, _ = command("import_labels.py", "labelme", tmp_path / "in", "--out", tmp_path / "cars")
    assert (status, f"next: python src/make_meta.py --dataset {tmp_path}/cars/cars.yml" in said) == (0, True)
    status, _, error = command(
        "make_meta.py", "--dataset", tmp_path / "cars" / "cars.yml", "--out", tmp_path / "meta", "--workers", 1
    )
    assert (status, error) == (0, "")
    objects = (tmp_path / "meta" / "objects.csv").read_text().splitlines()[1:]
    assert sorted(line.split(",")[1] for line in objects) == ["bike"] * 4 + ["car"] * 16  # two that touch are two


def head_of(side: int) -> str:
    """A PNG that says how large it is and ends, as labelme keeps it."""
    about = b"IHDR" + struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    checked = struct.pack(">I", 13) + about + struct.pack(">I", zlib.crc32(about)) + struct.pack(">I", 9) + b"IDAT"
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + checked).decode()


BAD = {
    "no json": (lambda f: photograph(f / "a.jpg"), "expected labelme's .json files, found none"),
    "broken json": (lambda f: (f / "a.json").write_text('{"shapes": ['), "a.json: expected JSON, found Expec"),
    "no image": (
        lambda f: [labelme(f, "a", square("car", 0, 0, 4)), (f / "a.jpg").unlink()],
        "its image 'a.jpg' is missing, and the file doesn't hold it"),
    "broken imageData": (
        lambda f: [labelme(f, "a", square("car", 0, 0, 4), imageData="////"), (f / "a.jpg").unlink()],
        "its imageData is broken"),
    "two points": (
        lambda f: labelme(f, "a", shape("car", (1, 1), (2, 2))), "shape 1 (polygon): expected at least 3 points"),
    "a line": (
        lambda f: labelme(f, "a", shape("car", (1, 1), (2, 2), kind="line")),
        "shape 1: a line or point has no area (1 in all); --line_width N draws them"),
    "unknown shape": (lambda f: labelme(f, "a", square("car", 1, 1, 2, kind="cube")), "shape_type 'cube'"),
    "a broken mask": (
        lambda f: labelme(f, "a", shape("car", (1, 1), (2, 2), kind="mask", mask="%%")), "its pixels can't be decoded"),
    "a mask of another size": (
        lambda f: labelme(f, "a", shape("car", (1, 1), (9, 9), kind="mask", mask=png(np.ones((2, 2), np.uint8)))),
        "expected 9 x 9 pixels, found 2 x 2"),
    "a mask of 3,600,000,000 pixels": (
        lambda f: labelme(f, "a", shape("car", (0, 0), (59999, 59999), kind="mask", mask=head_of(60000))),
        "expected 60000 x 60000 pixels, found 60000 x 60000"),
    "an image of 3,600,000,000 pixels": (
        lambda f: [
            labelme(f, "a", square("car", 0, 0, 4), imageData=head_of(60000), imageHeight=60000, imageWidth=60000),
            (f / "a.jpg").unlink()],
        "has 60000 x 60000 pixels, more than 2^30, too many for a mask"),
    "a name in other bytes": (
        lambda f: [labelme(f, "a", square("car", 0, 0, 4)), (f / "a.jpg").rename(f / os.fsdecode(b"caf\xe9.jpg"))],
        r"b'caf\xe9.jpg': expected a name in UTF-8"),
    "no label": (lambda f: labelme(f, "a", {"points": [[1, 1]]}), "expected an object with label and points"),
    "an empty label": (lambda f: labelme(f, "a", square(" ", 1, 1, 2)), "a shape has the label ' '"),
    "another size": (
        lambda f: labelme(f, "a", square("car", 0, 0, 4), imageHeight=60, imageWidth=80),
        "a.json: is of 80 x 60 pixels, its image 40 x 30"),
    "an image of no bytes": (
        lambda f: [labelme(f, "a", square("car", 0, 0, 4)), (f / "a.jpg").write_bytes(b"")],
        "a.jpg: can't be read as a picture"),
    "two spellings": (
        lambda f: [labelme(f, "a", square("Car", 0, 0, 4)), labelme(f, "b", square("car", 0, 0, 4))],
        "differ in upper and lower case only; --rename 'car=Car' makes them one"),
    "no shape at all": (lambda f: labelme(f, "a"), "expected two classes or more, found background; are there shapes?"),
    "one image": (lambda f: labelme(f, "a", square("car", 0, 0, 4)), "expected two images or more"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence_and_writes_nothing(name: str, tmp_path: Path, refused) -> None:
    make, sentence = BAD[name]
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    assert sentence in refused("import_labels.py", "labelme", tmp_path / "in", "--out", tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_of_more_than_255_classes_masks_have_16_bits(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        shapes = [square(f"c{number:03d}", number % 38, number // 38 * 2, 1) for number in range(299)]
        labelme(tmp_path / "in", name, *shapes, square("__ignore__", 30, 20, 5))
    dataset, said = bring(tmp_path / "in", tmp_path / "out")
    assert (len(dataset.class_names), dataset.ignore_index) == (300, 65535)
    mask, _ = masks(dataset, "a")
    assert mask.dtype == np.int16
    assert (mask[20:25, 30:35] == -1).all()
    assert sorted(np.unique(mask).tolist()) == [-1, *range(300)]  # the background, 299 squares of one pixel
    assert mask[0, 1] == dataset.class_names.index("c001")
    with Image.open(tmp_path / "out/masks/a.png") as picture:
        assert picture.mode.startswith("I")
    assert said[0].endswith("300 classes")


FLAGS = {
    "no such folder": (["labelme", "nowhere", "--out", "x"], "nowhere: no such folder"),
    "no format": (["labelmee", "x", "--out", "x"], "invalid choice: 'labelmee'"),
    "another format's flag": (["labelme", "x", "--out", "x", "--boxes"], "unknown flag '--boxes'"),
    "nothing to train on": (["coco", "x", "--out", "x", "--test", "1"], "expected shares whose sum is below 1"),
    "no share": (["coco", "x", "--out", "x", "--test", "nan"], "expected shares whose sum is below 1, found nan"),
    "threshold": (["binary_folders", "x", "--out", "x", "--threshold", "999"], "expected a grey of 1 to 255"),
    "images": (["binary_folders", "x", "--out", "x", "--images", "/etc"], "expected the name of a folder in DIR"),
    "rename": (["coco", "x", "--out", "x", "--rename", "cat"], "--rename: expected OLD=NEW, found 'cat'"),
    "group": (["coco", "x", "--out", "x", "--group", "("], "--group: expected a regular expression, found '('"),
}


@pytest.mark.parametrize("name", FLAGS)
def test_wrong_flags(name: str, refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, sentence = FLAGS[name]
    assert sentence in refused("import_labels.py", *arguments)


def test_an_image_that_goes_away_meanwhile_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        labelme(tmp_path / "in", name, square("car", 0, 0, 4))
    drawn = paint.paint
    monkeypatch.setattr(run, "paint", lambda *given: [(tmp_path / "in" / "b.jpg").unlink(True), drawn(*given)][1])
    with pytest.raises(InputError, match=r"image .*b\.jpg: can't be read \(No such file or directory\)"):
        bring(tmp_path / "in", tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_several_problems_are_listed_and_images_that_lack_can_be_left_out(tmp_path: Path, command) -> None:
    (tmp_path / "in").mkdir()
    for name in "abcd":
        labelme(tmp_path / "in", name, square("car", 0, 0, 4))
    (tmp_path / "in" / "a.jpg").unlink()
    (tmp_path / "in" / "b.jpg").unlink()
    status, _, error = command("import_labels.py", "labelme", tmp_path / "in", "--out", tmp_path / "out")
    assert (status, error.count("is missing"), error.count("--skip_missing leaves it out")) == (2, 2, 2)
    assert not (tmp_path / "out").exists()
    status, said, _ = command(
        "import_labels.py", "labelme", tmp_path / "in", "--out", tmp_path / "out", "--skip_missing"
    )
    assert status == 0
    assert "out: 2 images (1 train, 1 test), 2 classes" in said
    assert "left out, since something is missing: 2 (first: " in said
