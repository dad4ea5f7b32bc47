"""COCO, CVAT and folders of masks -> data sets, pixel by pixel."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from annotations import HEIGHT, WIDTH, coco, cvat, photograph
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from test_labelme_files import bring, masks

from imbseg.datasets.ids import image_rows
from imbseg.datasets.read import read_mask
from imbseg.imports.coco import _from_letters

RING = [10, 10, 20, 10, 20, 20, 10, 20]  # 100 pixels
DONUT = np.zeros((HEIGHT, WIDTH), np.uint8)
DONUT[2:8, 2:8], DONUT[4:6, 4:6] = 1, 0  # 36 - 4


def runs(pixels: np.ndarray) -> list[int]:
    flat = pixels.ravel(order="F")
    edges = np.flatnonzero(np.diff(np.r_[0, flat, 1 - flat[-1]]))
    return np.diff(np.r_[0, edges]).tolist()


def one(category: int, segmentation: object, image: int = 1, **more: object) -> dict:
    return {"image_id": image, "category_id": category, "segmentation": segmentation, "bbox": [1, 2, 3, 4], **more}


def test_coco_polygons_runs_holes_and_crowds_are_what_pycocotools_draws(tmp_path: Path) -> None:
    packed = coco_mask.encode(np.asfortranarray(DONUT[::-1]))
    letters = {"size": packed["size"], "counts": packed["counts"].decode()}
    crowd = np.zeros((HEIGHT, WIDTH), np.uint8)
    crowd[:, 30:] = 1
    annotations = [
        one(1, [RING, [0, 14, 4, 14, 4, 18, 0, 18]]),
        one(2, {"size": [HEIGHT, WIDTH], "counts": runs(DONUT)}),
        one(2, letters),
        one(1, {"size": [HEIGHT, WIDTH], "counts": runs(crowd)}, iscrowd=1),
        one(2, [[31, 1, 34, 1, 34, 4, 31, 4]]),
        one(1, [RING], image=2),
        one(1, [RING], image=3),
    ]
    file = coco(tmp_path, annotations, ("cat", "dog", "bird"), images=4)
    dataset, said = bring(tmp_path, tmp_path / "out", "coco")
    mask, objects = masks(dataset, "images/1")
    assert dataset.class_names == ("background", "cat", "dog")
    assert np.bincount(mask.ravel())[[1, 2, 255]].tolist() == [116, 32 + 32 + 9, 300 - 9]
    assert sorted(np.bincount(objects.ravel())[1:].tolist()) == [9, 32, 32, 116]
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = COCO(str(file))
    for annotation in theirs.loadAnns([1, 2, 3, 5]):
        assert (mask[theirs.annToMask(annotation).astype(bool)] == annotation["category_id"]).all()
    assert "1 crowd (iscrowd): ignored, and below all other shapes" in said
    assert any("1 image without any shape: all background" in text for text in said)
    assert any("no shape has it: bird" in text for text in said)
    dataset, _ = bring(tmp_path, tmp_path.parent / f"{tmp_path.name}-class", "coco", crowd="class")
    assert np.bincount(masks(dataset, "images/1")[0].ravel())[[1, 2]].tolist() == [116 + 291, 73]


def test_coco_has_the_smaller_above_and_subsets_by_the_names_of_its_files(tmp_path: Path) -> None:
    inner, outer = [12, 12, 16, 12, 16, 16, 12, 16], RING
    file = coco(tmp_path, [one(2, [inner]), one(1, [outer])], images=1)
    content = json.loads(file.read_text())
    photograph(tmp_path / "val2017" / "2.jpg")
    file.rename(tmp_path / "instances_train2017.json")
    content["images"][0]["file_name"] = "2.jpg"
    (tmp_path / "instances_val2017.json").write_text(json.dumps(content))
    (tmp_path / "captions_val2017.json").write_text("[]")
    dataset, said = bring(tmp_path, tmp_path / "out", "coco")
    assert np.bincount(masks(dataset, "images/1")[0].ravel())[1:].tolist() == [84, 16]
    assert {row.id: row.subset for row in image_rows(dataset)} == {"images/1": "train", "val2017/2": "test"}
    assert any(
        "32 pixels of another class covered, the smaller shape on top (dog over cat 32)" in text for text in said
    )


def test_coco_boxes_are_filled_where_that_is_said(tmp_path: Path) -> None:
    coco(tmp_path, [one(1, []), one(2, [RING], image=2)])
    dataset, _ = bring(tmp_path, tmp_path / "out", "coco", boxes=True)
    assert masks(dataset, "images/1")[0][2:6, 1:4].all()
    assert (masks(dataset, "images/1")[0] > 0).sum() == 12


def broken(**changed: object):
    def make(folder: Path) -> None:
        file = coco(folder, [one(1, [RING]), one(2, [RING], image=2)])
        content = json.loads(file.read_text())
        for key, value in changed.items():
            content["annotations"][0][key] = value
        file.write_text(json.dumps(content))

    return make


def edited(text: str, other: str):
    def make(folder: Path) -> None:
        file = coco(folder, [one(1, [RING]), one(2, [RING], image=2)])
        file.write_text(file.read_text().replace(text, other))

    return make


def xml(inner: str):
    return lambda folder: cvat(folder, inner, inner)


BAD = {
    "coco nothing": ("coco", lambda f: (f / "a.txt").write_text(""), "expected a .json file with images, annotations"),
    "coco other json": ("coco", lambda f: (f / "a.json").write_text("{}"), "expected a .json file with images"),
    "coco broken": ("coco", lambda f: (f / "a.json").write_text("{"), "a.json: expected JSON"),
    "coco box": ("coco", broken(segmentation=[]), "annotation 1 of 1.jpg: has a box and no outline; --boxes"),
    "coco odd": ("coco", broken(segmentation=[[1, 2, 3]]), "expected polygons of x, y, x, y"),
    "coco short": ("coco", broken(segmentation=[[1, 2, 3, 4]]), "expected at least 3 points, found 2"),
    "coco category": ("coco", broken(category_id=9), "category 9 isn't in 'categories'"),
    "coco image": ("coco", broken(image_id=9), "annotations of image 9, which 'images' lacks"),
    "coco runs": (
        "coco", broken(segmentation={"size": [HEIGHT, WIDTH], "counts": [5, 5]}), "they cover 10 of 1200 pixels"),
    "coco runs' size": (
        "coco", broken(segmentation={"size": [3, 3], "counts": [9]}), "run lengths of [3, 3] (height, width)"),
    **{
        f"coco counts {number}": ("coco", broken(segmentation={"size": [HEIGHT, WIDTH], "counts": counts}), sentence)
        for number, (counts, sentence) in enumerate({
            "05": "they cover 5 of 1200 pixels", "Pd": "they are cut short", "\u00e9": "found '\u00e9'", "": "found ''",
        }.items())
    },
    "coco counts fractions": (
        "coco", broken(segmentation={"size": [HEIGHT, WIDTH], "counts": [600.5, 599.5]}), "found '[600.5, 599.5]'"),
    "coco counts infinite": (
        "coco", broken(segmentation={"size": [HEIGHT, WIDTH], "counts": [float("inf")]}), "run lengths are broken"),
    "coco unhashable": ("coco", broken(category_id=[1]), "category [1] isn't in 'categories'"),
    "coco infinite": ("coco", edited('"height": 30', '"height": Infinity'), "isn't made as COCO's files are (cannot"),
    "coco half a letter": ("coco", edited('"cat"', '"\\ud800"'), "label '\\ud800' ("),
    "cvat rotation": (
        "cvat", xml('<box label="car" xtl="1" ytl="2" xbr="3" ybr="9" rotation="nan"/>'), "in degrees, found nan"),
    "cvat large mask": (
        "cvat", xml('<mask label="car" rle="0, 10000000000" left="0" top="0" width="100000" height="100000"/>'),
        "expected a mask in the image, found 100000 x 100000 pixels"),
    "coco missing": ("coco", edited('"1.jpg"', '"x.jpg"'), "its image 'x.jpg' is missing"),
    "coco size": ("coco", edited('"width": 40', '"width": 50'), "annotations are of another size than their images"),
    "coco keys": ("coco", edited('"file_name"', '"name"'), "isn't made as COCO's files are (lacks 'file_name')"),
    "cvat nothing": ("cvat", lambda f: (f / "a.txt").write_text(""), "expected CVAT's annotations.xml, found none"),
    "cvat broken": ("cvat", lambda f: (f / "a.xml").write_text("<a>"), "a.xml: broken XML"),
    "cvat video": (
        "cvat", lambda f: (f / "a.xml").write_text("<annotations><track/></annotations>"), "found tracks of a video"),
    "cvat cuboid": ("cvat", xml('<cuboid label="car"/>'), "<cuboid> has no area that is known here"),
    "cvat points": ("cvat", xml('<polygon label="car" points="1,1;2,2"/>'), "expected at least 3 points, found 2"),
    "cvat key": ("cvat", xml('<box label="car" xtl="1" ytl="2" xbr="3"/>'), "'ybr' is missing or no number"),
    "cvat runs": (
        "cvat", xml('<mask label="car" rle="1, 2" left="0" top="0" width="2" height="2"/>'),
        "run lengths of 3 pixels, expected 2 x 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_a_sentence_and_writes_nothing(name: str, tmp_path: Path, command) -> None:
    kind, make, sentence = BAD[name]
    (tmp_path / "in").mkdir()
    make(tmp_path / "in")
    status, _, error = command("import_labels.py", kind, tmp_path / "in", "--out", tmp_path / "out")
    assert status == 2
    assert sentence in error
    assert "Traceback" not in error
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("place", ["../../outside.jpg", "{folder}/outside.jpg"])
@pytest.mark.parametrize("kind", ["coco", "cvat"])
def test_images_outside_of_the_folder_stay_as_they_are(kind: str, place: str, tmp_path: Path) -> None:
    name, folder = place.format(folder=tmp_path), tmp_path / "in/labels"
    before = photograph(tmp_path / "outside.jpg", seed=9).read_bytes()
    folder.mkdir(parents=True)
    if kind == "coco":
        edited('"1.jpg"', json.dumps(name))(folder)
    else:
        file = cvat(folder, *['<box label="car" xtl="1" ytl="2" xbr="3" ybr="9"/>'] * 2)
        file.write_text(file.read_text().replace('"1.jpg"', f'"{name}"'))
    dataset, _ = bring(folder, tmp_path / "out", kind, empty="leave_out")
    assert sorted(row.id for row in image_rows(dataset)) == ["images/2", "outside"]
    assert {one.name for one in tmp_path.iterdir()} == {"in", "out", "outside.jpg"}
    assert (tmp_path / "outside.jpg").read_bytes() == before


@pytest.mark.parametrize("seed", range(5))
def test_letters_are_read_as_pycocotools_writes_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = [int(one) for one in rng.integers(0, 10 ** rng.integers(1, 6), 50)]
    letters = coco_mask.frPyObjects({"size": [sum(counts), 1], "counts": counts}, sum(counts), 1)["counts"].decode()
    assert _from_letters(letters) == counts


def test_files_that_are_none_of_cocos_are_passed_over(tmp_path: Path) -> None:
    file = coco(tmp_path, [one(1, [RING]), one(2, {"size": [HEIGHT, WIDTH], "counts": [600.0, 600.0]}, image=2)])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())  # as Windows saves it
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "._instances.json").write_bytes(b"\0\xff")  # as macOS copies it
    dataset, _ = bring(tmp_path, tmp_path / "out", "coco")
    assert (masks(dataset, "images/2")[0] == 2).sum() == 600


def test_cvat_shapes_in_their_order(tmp_path: Path) -> None:
    first = """
        <box label="car" z_order="1" xtl="10.00" ytl="10.00" xbr="20.00" ybr="14.00" rotation="90.00"/>
        <polygon label="road" z_order="0" points="0.00,0.00;40.00,0.00;40.00,20.00;0.00,20.00"/>
        <ellipse label="car" z_order="1" cx="30.00" cy="15.00" rx="5.00" ry="5.00"/>
        <mask label="car" z_order="2" rle="0, 1, 1, 3, 1" left="4" top="25" width="3" height="2"/>
        <tag label="road"/>"""
    cvat(tmp_path, first, '<polyline label="car" points="5,5;15,5"/><points label="car" points="20,20;30,20"/>', "")
    dataset, said = bring(tmp_path, tmp_path / "out", "cvat", line_width=2, on_top=None)
    mask, objects = masks(dataset, "images/1")
    assert dataset.class_names == ("background", "car", "road")
    assert np.bincount(mask.ravel()).tolist() == [400 - 4, 40 + 80 + 4, 800 - 120]
    assert mask[25:27, 4:7].tolist() == [[1, 0, 1], [1, 1, 0]]
    assert mask[7:17, 13:17].all()
    assert sorted(np.bincount(objects.ravel())[1:].tolist()) == [4, 40, 80, 680]
    assert np.bincount(masks(dataset, "images/2")[0].ravel()).tolist() == [1200 - 28, 28]
    assert any("the later shape on top (car over road 120)" in text for text in said)
    dataset, _ = bring(tmp_path, tmp_path.parent / f"{tmp_path.name}-0", "cvat", line_width=0)
    empty = [row.id for row in image_rows(dataset) if not masks(dataset, row.id)[0].any()]
    assert sorted(empty) == ["images/2", "images/3"]


def binary(folder: Path, name: str, pixels: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


def block(top: int, left: int, side: int, value: int = 255) -> np.ndarray:
    found = np.zeros((HEIGHT, WIDTH), np.uint8)
    found[top : top + side, left : left + side] = value
    return found


def test_folders_of_one_mask_a_class(tmp_path: Path) -> None:
    for name in ("s_1", "s_10", "s_2"):
        photograph(tmp_path / "images" / f"{name}.jpg")
    binary(tmp_path / "masks" / "leaf", "s_1.png", block(0, 0, 20))
    binary(tmp_path / "masks" / "leaf", "s_10_leaf.png", block(0, 0, 10, value=1))
    binary(tmp_path / "masks" / "rust", "s_1_MA.png", np.stack([block(5, 5, 4)] * 3, 2))
    binary(tmp_path / "masks" / "rust", "s_2-1.tif", block(9, 9, 3).astype(bool))
    dataset, said = bring(tmp_path, tmp_path / "out", "binary_folders")
    found = {row.id: read_mask(dataset.root / row.mask, dataset) for row in image_rows(dataset)}
    assert dataset.class_names == ("background", "leaf", "rust")
    assert dataset.objects is None
    assert {name: np.bincount(mask.ravel(), minlength=3)[1:].tolist() for name, mask in found.items()} == {
        "s_1": [384, 16], "s_10": [100, 0], "s_2": [0, 9]}  # fmt: skip
    assert any("1 image without a mask in" in text and "'leaf'" in text for text in said)
    assert any(
        "16 pixels of another class covered, the smaller shape on top (rust over leaf 16)" in text for text in said
    )


def test_smooth_masks_need_a_threshold(tmp_path: Path, refused) -> None:
    source = tmp_path / "in"
    for name in ("a", "b"):
        photograph(source / "images" / f"{name}.jpg")
        binary(source / "crack", f"{name}.jpg", block(0, 0, 16))
    arguments = ("import_labels.py", "binary_folders", source, "--out", tmp_path / "out")
    assert "is saved as JPEG, which changes values" in refused(*arguments)
    for name in ("a", "b"):
        (source / "crack" / f"{name}.jpg").unlink()
        binary(source / "crack", f"{name}.png", np.where(block(0, 0, 8) > 0, 200, block(8, 8, 8, 90)).astype(np.uint8))
    assert "expected the values 0 and one other, found 3 ([0, 90, 200] ...)" in refused(*arguments)
    whole = (source / "crack" / "a.png").read_bytes()
    (source / "crack" / "a.png").write_bytes(whole[:60])
    sentence = refused(*arguments, "--threshold", 128)
    assert "mask" in sentence
    assert "a.png: can't be decoded (cut short" in sentence
    (source / "crack" / "a.png").write_bytes(whole)
    dataset, _ = bring(source, tmp_path / "out", "binary_folders", threshold=128)
    assert (read_mask(dataset.root / "masks" / "a.png", dataset) == 1).sum() == 64


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / "images").rename(f / "pictures"), "expected a folder 'images' in it, found none; --images"),
        (lambda f: (f / "crack" / "a.png").rename(f / "crack" / "zz.png"), "zz.png: no image has its name"),
        (lambda f: binary(f / "crack", "a_2.png", block(0, 0, 2)), "the second of 'crack' for image a"),
        (lambda f: binary(f / "crack", "a.png", np.ones((3, 3), np.uint8)), "is 3 x 3, its image 40 x 30"),
        (lambda f: (f / "crack" / "a.png").write_bytes(b""), "the file is empty"),
        (
            lambda f: Image.fromarray(np.ones((HEIGHT, WIDTH), np.float32)).save(f / "crack" / "a.png", "TIFF"),
            "expected whole numbers, found floats",
        ),
        (lambda f: photograph(f / "images" / "a.png"), "have one name"),
        (lambda f: [photograph(f / "images" / "a.jpg", turned=3)], "EXIF turns it, and nothing tells whether"),
    ],
)
def test_folders_that_can_not_be_used(spoil, sentence: str, tmp_path: Path, refused) -> None:
    for name in ("a", "b"):
        photograph(tmp_path / "in" / "images" / f"{name}.jpg")
        binary(tmp_path / "in" / "crack", f"{name}.png", block(0, 0, 8))
    spoil(tmp_path / "in")
    assert sentence in refused("import_labels.py", "binary_folders", tmp_path / "in", "--out", tmp_path / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize(("stored", "side"), [("upright", (WIDTH, HEIGHT)), ("stored", (HEIGHT, WIDTH))])
def test_the_size_of_a_mask_tells_on_what_it_was_drawn(stored: str, side: tuple[int, int], tmp_path: Path) -> None:
    for name in ("a", "b"):
        photograph(tmp_path / "images" / f"{name}.jpg", turned=6)
        pixels = np.zeros(side, np.uint8)
        pixels[:3, :5] = 1
        binary(tmp_path / "crack", f"{name}.png", pixels)
    dataset, _ = bring(tmp_path, tmp_path / "out", "binary_folders")
    assert dataset.orientation == stored
    assert read_mask(dataset.root / "masks" / "a.png", dataset).sum() == 15
