from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_tree import tiny_dataset, tiny_masks

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.manager import plan
from imbseg.manager.candidates import candidates
from imbseg.meta.build import Built, build
from imbseg.meta.ceiling_words import ceiling_figure
from imbseg.meta.diagnosis import markdown_table
from imbseg.meta.figures import class_figure, cooccurrence_figure, draw
from imbseg.meta.read import read_meta
from imbseg.verdict.advice import advised, sentences


def built(root: Path, masks: dict[str, np.ndarray] | None = None, **keys: object) -> tuple[Dataset, Built]:
    dataset = tiny_dataset(root / "raw", masks, **keys)
    return dataset, build(dataset, root / "meta", workers=1, seed=1)


def test_names_the_three_troubles_apart(tmp_path: Path, no_figures: None) -> None:
    masks = {}
    for number in range(112):  # balls are everywhere and large; rods too, but of 1 pixel; the star is in 4 images
        mask = np.zeros((20, 20), np.uint8)
        mask[:8, :10] = 1
        mask[15, 15] = 2
        mask[18:, :10] = 3 if number < 4 else 0
        masks[f"{number:03d}"] = mask
    _, found = built(tmp_path, masks, classes=["ground", "ball", "rod", "star"], test=12)
    assert "than 50): star\n" in found.diagnosis
    assert "of an equal share): star, rod\n" in found.diagnosis
    assert "of its image): rod\n" in found.diagnosis
    assert found.classes["rare_by"].tolist() == ["", "", "pixels size", "images pixels"]
    told = [advised(one) for one in sentences(found.diagnosis)]  # what the verdict reads out of them
    assert (["star"], ("sampling rare_class", "sampling repeat_factor")) in told
    assert (["rod"], ("loss weighted_cross_entropy",)) in told
    assert (["rod"], ("geometry",)) in told
    headings = re.findall("^## (.*)$", found.diagnosis, re.MULTILINE)
    assert len(set(headings)) == len(headings)


def test_says_so_where_nothing_is_rare(tmp_path: Path, no_figures: None) -> None:
    mask = np.arange(3).repeat(40).reshape(12, 10)
    masks = {f"{number}": mask for number in range(60)}
    _, found = built(tmp_path, masks)
    assert "No class is rare by images, pixels or object size" in found.diagnosis
    assert "Few images" not in found.diagnosis


GROUP = {"group": "^(.)_"}
GROUPS: dict[str, tuple[str, dict[str, object], tuple[str, ...]]] = {  # a letter an image: its group
    "given leaks less": ("aabbbbbbcc", {"test": 2, "val": 2, **GROUP}, (
        "Use the split `given`: 1 group on both sides, not 2.", "train pool and test set share 0 groups")),
    "no given subset": ("a" * 10, GROUP, (
        "declare a `val` subset made of whole groups", "Train pool and test set share 1 group")),
    "groups enough": ("01234567" * 4 + "0", GROUP, (
        "Use the split `grouped`: no leak. Other folds put images of the same group on both sides",)),
    "no group": ("a" * 12, {}, ("No `group` is declared, so there is no split `grouped`",)),
    "groups too few": ("012" * 11, GROUP, (
        "No split `full/grouped`: 5 folds need 5 groups, its train images come from 3.",)),
}  # fmt: skip


@pytest.mark.parametrize("kind", GROUPS)
def test_which_split_the_groups_ask_for(kind: str, tmp_path: Path, no_figures: None) -> None:
    letters, keys, sentences = GROUPS[kind]
    masks = {f"{letters[number]}_{number}": mask for number, mask in enumerate(tiny_masks(len(letters)).values())}
    _, found = built(tmp_path, masks, **keys)
    assert all(one in found.diagnosis for one in sentences)
    assert kind != "groups enough" or "No split `" not in found.diagnosis
    if kind == "given leaks less":
        assert found.splits.set_index("column").loc["full/given", "leaking_groups"] == 1


def test_a_class_that_is_nowhere_and_one_with_a_bar(tmp_path: Path, no_figures: None) -> None:
    _, found = built(tmp_path, classes=["ground", "ball|red", "rod", "ghost"])
    assert r"| ball\|red |" in found.diagnosis
    assert "| ball|red" not in found.diagnosis
    assert "No train image shows ghost" in found.diagnosis
    assert found.classes.set_index("class").loc["ghost", ["images", "rare_by"]].tolist() == [0, ""]
    assert not re.search("(Few images|few pixels|Small objects).*ghost", found.diagnosis)


def test_where_nothing_is_shown_nothing_is_advised(tmp_path: Path, no_figures: None) -> None:
    dataset, found = built(tmp_path, {f"{number}": np.full((8, 8), 255 * (number % 2)) for number in range(13)})
    assert "No train image shows ball, rod" in found.diagnosis
    for word in ("nan", "`positive`", "rare_class", "weighted_cross_entropy", "start with plain", "most even"):
        assert word not in found.diagnosis
    with pytest.raises(InputError, match=r"tiny.yml: No train image shows ball, rod, so it cannot be learned\."):
        plan.check_anything(read_meta(dataset, tmp_path / "meta"), dataset)


def test_ignored_images_are_no_background(tmp_path: Path, no_figures: None) -> None:
    """Of 14 train images 5 are wholly ignored, 1 shows ground alone, 8 show a ball."""
    masks = {f"{number:02d}": np.zeros((8, 8), np.uint8) for number in range(15)}
    for number, mask in enumerate(masks.values()):
        mask[:2, :3] = 0 if number == 5 else 1
        mask[:] = 255 if number < 5 else mask
    dataset, found = built(tmp_path, masks, classes=["ground", "ball"])
    assert "1 of 9 train images (11%) have no foreground class. 5 more have no labelled pixel." in found.diagnosis
    assert "5 of 14 train images have no labelled pixel: nothing is learned from them. Leave them" in found.diagnosis
    assert "`positive`" not in found.diagnosis
    assert "positive" not in {one.sampling for one in candidates(read_meta(dataset, tmp_path / "meta"), dataset)}


def test_the_split_is_advised_by_pixels_where_images_tie(tmp_path: Path, no_figures: None) -> None:
    masks = {}
    for number in range(26):  # every image shows every class; of the rod now 1 row, now 9
        mask = np.zeros((20, 20), np.uint8)
        mask[:4], mask[10 : 11 + number % 5 * 2] = 1, 2
        masks[f"{number:02d}"] = mask
    dataset, found = built(tmp_path, masks)
    assert re.search(
        r"The most even split is `full/(?!random)\w+`: on average a fold deviates by [\d.]+% from its share of "
        r"a class's pixels \(`full/random`: [\d.]+%\)\. By images all splits are alike \(0.0%\)",
        found.diagnosis,
    )
    assert plan.split_of(read_meta(dataset, tmp_path / "meta"), dataset)[0] == "mskf_pixels"


def test_the_smallest_object_is_a_pixel(tmp_path: Path, no_figures: None) -> None:
    masks = {f"{number}": np.zeros((500, 500), np.uint8) for number in range(7)}
    for mask in masks.values():
        mask[300, 300], mask[:200] = 2, 1
    _, found = built(tmp_path, masks)
    assert "(the smallest class: typically 1 x 1 pixels)" in found.diagnosis
    assert found.classes["object_size"].tolist()[1:] == [0.4, 4e-6]
    row = next(line for line in found.diagnosis.splitlines() if line.startswith("| rod "))
    assert [cell.strip() for cell in row.split("|")][5:7] == ["0.0004%", "0.0004%"]


def test_many_classes_show_the_rare_ones_only(tmp_path: Path, no_figures: None) -> None:
    names = ["ground", "ball", "rod", *(f"more {number}" for number in range(40))]
    masks = {f"{number}": np.arange(43).repeat(8).reshape(8, 43) for number in range(60)}
    masks["0"] = np.full((8, 43), 1)
    _, found = built(tmp_path, masks, classes=names)
    assert "43 classes that aren't rare are omitted" in found.diagnosis


def test_markdown_tables_align_and_hold_whatever_a_class_is_called() -> None:
    text = markdown_table(["a", "b"], [["long name", "1"], ["c", "1234"]])
    assert len({len(line) for line in text.splitlines()}) == 1
    assert markdown_table(["a"], [["ball|rod\nx"]]).splitlines()[2] == r"| ball\|rod x |"


def test_a_figure_of_many_classes_has_the_200_rarest(tmp_path: Path, no_figures: None) -> None:
    masks = {f"{number}": np.arange(250).reshape(25, 10) for number in range(12)}
    masks["0"] = np.where(masks["0"] < 50, masks["0"], 5).astype(np.int64)  # of a pixel less: classes 50 to 249
    names = [f"c{number:03d}" for number in range(250)]
    dataset, found = built(tmp_path, masks, classes=names, background=names[0])
    pool = found.images[found.images["subset"].ne("test")]
    for figure in (class_figure(found.classes, dataset), cooccurrence_figure(pool, dataset)):
        shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
        assert sorted(shown) == names[50:]
        assert "; the 200 rarest of 250 classes" in figure.words
    assert "; the 200 lowest of 250 classes" in ceiling_figure(found.ceiling, "x").words
    assert len(ceiling_figure(found.ceiling, "x").axes[0].get_yticklabels()) == 200


@pytest.mark.parametrize("classes", [2, 7, pytest.param(150, marks=pytest.mark.slow)])
def test_figures_of_few_and_many_classes(classes: int, tmp_path: Path, no_figures: None) -> None:
    rng = np.random.default_rng(0)
    masks = {f"{number}": rng.integers(0, classes, (9, 11)) for number in range(12)}
    names = ["$x_{1$ <b>", *(f"class number {number}" for number in range(1, classes))]
    cut = {"classes": names[1:2], "ratio": 0.5} if classes == 7 else None
    dataset, found = built(tmp_path, masks, classes=names, background=names[0], imbalance=cut)
    draw(found.images, found.objects, found.classes, found.splits, dataset, tmp_path)
    for name in ("classes", "cooccurrence", "object_sizes", "folds"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            picture.load()
            assert min(picture.size) > 200
            assert max(picture.size) < 6000
            assert len(np.unique(np.asarray(picture.convert("L")))) > 10
