"""tools/prepare_idrid.py and prepare_coffee.py on archives of a few pixels, laid out as their authors pack them."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from imbseg.datasets.spec import load
from imbseg.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
LETTERS = {"1. Microaneurysms": "MA", "2. Haemorrhages": "HE", "3. Hard Exudates": "EX", "4. Soft Exudates": "SE"}
LETTERS |= {"5. Optic Disc": "OD"}


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module(request.param)


def saved(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def opened(path: Path) -> tuple[str, list]:  # type: ignore[type-arg]
    with Image.open(path) as image:
        return image.mode, np.array(image).tolist()


def block(*cells: tuple[int, int]) -> np.ndarray:
    """A truth of 8 x 12 whose 4 x 4 cells (row, column) are marked."""
    mask = np.zeros((8, 12), np.uint8)
    for row, column in cells:
        mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 76
    return mask


@pytest.fixture
def idrid(tmp_path: Path) -> Path:
    """Two photographs of 2 x 3 cells: lesions overlap in the first, the second has a disc and nothing else."""
    root = tmp_path / "A. Segmentation"
    for folder, name in (("a. Training Set", "IDRiD_01"), ("b. Testing Set", "IDRiD_55")):
        saved(root / "1. Original Images" / folder / f"{name}.jpg", np.full((8, 12, 3), 90, np.uint8))
        for lesion in LETTERS:
            (root / "2. All Segmentation Groundtruths" / folder / lesion).mkdir(parents=True)
    first, second = (root / "2. All Segmentation Groundtruths" / end for end in ("a. Training Set", "b. Testing Set"))
    shown = {
        "5. Optic Disc": block((0, 0), (0, 1), (0, 2), (1, 0), (1, 1)),
        "2. Haemorrhages": block((0, 1), (0, 2), (1, 0), (1, 1)),
        "3. Hard Exudates": block((0, 2), (1, 0), (1, 1)),
        "4. Soft Exudates": block((1, 0), (1, 1)),
        "1. Microaneurysms": block((1, 1)),
    }
    for lesion, mask in shown.items():
        saved(first / lesion / f"IDRiD_01_{LETTERS[lesion]}.tif", mask)
    saved(second / "5. Optic Disc" / "IDRiD_55_OD.tif", block((0, 2)))
    return tmp_path


@pytest.mark.parametrize("tool", ["prepare_idrid"], indirect=True)
def test_lesions_lie_over_each_other(tool: ModuleType, idrid: Path, tmp_path: Path) -> None:
    out = tool.prepare(idrid, tmp_path / "out")
    assert opened(out / "masks" / "IDRiD_01.png") == ("P", [[1, 2, 3], [4, 5, 0]])
    assert opened(out / "masks" / "IDRiD_55.png") == ("P", [[0, 0, 1], [0, 0, 0]])
    assert np.shape(opened(out / "images" / "IDRiD_01.jpg")[1]) == (2, 3, 3)
    assert [(out / f"{name}.txt").read_text() for name in ("train", "test")] == ["IDRiD_01\n", "IDRiD_55\n"]
    assert load("idrid").class_names[5] == "microaneurysm"


@pytest.mark.parametrize("tool", ["prepare_idrid"], indirect=True)
def test_what_an_archive_lacks_is_named(tool: ModuleType, idrid: Path, tmp_path: Path) -> None:
    truth = idrid / "A. Segmentation" / "2. All Segmentation Groundtruths"
    (truth / "b. Testing Set" / "5. Optic Disc" / "IDRiD_55_OD.tif").unlink()
    with pytest.raises(InputError, match="has no mask of IDRiD_55"):
        tool.prepare(idrid, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (truth / "b. Testing Set" / "4. Soft Exudates").rmdir()
    with pytest.raises(InputError, match=r"lacks 2\. All .*/b\. Testing Set/4\. Soft Exudates; expected IDRiD's"):
        tool.prepare(idrid, tmp_path / "out")
    with pytest.raises(InputError, match=r"lacks 1\. Original Images/a\. Training Set"):
        tool.prepare(tmp_path / "A. Segmentation" / "1. Original Images", tmp_path / "out")


@pytest.mark.parametrize("tool", ["prepare_idrid"], indirect=True)
def test_sizes_must_agree_and_nothing_is_overwritten(tool: ModuleType, idrid: Path, tmp_path: Path) -> None:
    truth = idrid / "A. Segmentation" / "2. All Segmentation Groundtruths" / "b. Testing Set"
    saved(truth / "5. Optic Disc" / "IDRiD_55_OD.tif", np.zeros((4, 4), np.uint8))
    with pytest.raises(InputError, match=r"is of \(4, 4\) pixels, its photograph of \(12, 8\)"):
        tool.prepare(idrid, tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="found one with content"):
        tool.prepare(idrid, tmp_path / "out")


LEAVES = {"1": (0, 0, 0, 0), "20": (0, 1, 0, 0), "3": (0, 0, 0, 1), "4": (1, 1, 0, 0)}  # miner, rust, phoma, cercospora


@pytest.fixture
def coffee(tmp_path: Path) -> Path:
    """Four leaves of 1024 x 512: a quarter each of background, leaf, symptom, leaf."""
    root = tmp_path / "segmentation" / "dataset"
    mask = np.zeros((512, 1024, 3), np.uint8)
    mask[:, 256:] = 0, 176, 0
    mask[:, 512:768] = 255, 0, 0
    for leaf, subset in (("1", "train"), ("20", "train"), ("3", "val"), ("4", "test")):
        saved(root / "images" / subset / f"{leaf}.jpg", np.full((512, 1024, 3), 120, np.uint8))
        saved(root / "annotations" / subset / f"{leaf}_mask.png", mask)
    rows = [f"{leaf},1,{','.join(map(str, flags))},1" for leaf, flags in LEAVES.items()]
    header = "id,predominant_stress,miner,rust,phoma,cercospora,severity"
    (root / "dataset.csv").write_text("\n".join([header, *rows]) + "\n")
    return tmp_path


@pytest.mark.parametrize("tool", ["prepare_coffee"], indirect=True)
def test_a_leafs_only_flag_names_its_symptoms(tool: ModuleType, coffee: Path, tmp_path: Path) -> None:
    out = tool.prepare(coffee, tmp_path / "out")
    rows = {leaf: opened(out / "masks" / f"{leaf}.png")[1][7][::128] for leaf in LEAVES}
    assert rows == {"1": [0, 1, 255, 1], "20": [0, 1, 2, 1], "3": [0, 1, 5, 1], "4": [0, 1, 255, 1]}
    assert np.shape(opened(out / "images" / "4.jpg")[1]) == (256, 512, 3)
    assert (out / "train.txt").read_text() == "1\n20\n"


@pytest.mark.parametrize("tool", ["prepare_coffee"], indirect=True)
def test_other_colours_and_missing_rows_are_refused(tool: ModuleType, coffee: Path, tmp_path: Path) -> None:
    root = coffee / "segmentation" / "dataset"
    saved(root / "annotations" / "test" / "4_mask.png", np.full((512, 1024, 3), 9, np.uint8))
    with pytest.raises(InputError, match="has colour 9 9 9; expected background"):
        tool.prepare(coffee, tmp_path / "out")
    (root / "annotations" / "test" / "4_mask.png").unlink()
    with pytest.raises(InputError, match=r"lacks annotations/test/4_mask\.png; expected segmentation/dataset of"):
        tool.prepare(coffee, tmp_path / "out")
    (root / "images" / "test" / "4.jpg").unlink()
    (root / "dataset.csv").write_text("id,rust,miner,phoma,cercospora\n1,0,0,0,0\n")
    with pytest.raises(InputError, match=r"has no row of leaf 20"):
        tool.prepare(coffee, tmp_path / "out")
    (root / "dataset.csv").write_text("id,rust\n1,0\n")
    with pytest.raises(InputError, match="lacks cercospora, miner, phoma"):
        tool.prepare(coffee, tmp_path / "out")


@pytest.mark.parametrize("tool", ["prepare_coffee"], indirect=True)
def test_a_broken_table_and_other_sizes_are_refused(tool: ModuleType, coffee: Path, tmp_path: Path) -> None:
    root, out = coffee / "segmentation" / "dataset", tmp_path / "out"
    table = root / "dataset.csv"
    whole = table.read_text(encoding="utf-8")
    short = whole.splitlines()[0].encode() + b"\n1,0\n"
    for content, message in ((b"\xff\xfe\x00", "can't be read as CSV"), (short, "row of leaf 1 has too few cells")):
        table.write_bytes(content)
        with pytest.raises(InputError, match=message):
            tool.prepare(coffee, out)
    table.write_text("\ufeff" + whole, encoding="utf-8")  # as spreadsheets save it
    saved(root / "images" / "train" / "1.jpg", np.zeros((80, 10, 3), np.uint8))
    with pytest.raises(InputError, match=r"its photograph of \(10, 80\)"):
        tool.prepare(coffee, out)
    for picture in (root / "images" / "train").glob("*.jpg"):
        picture.unlink()
    with pytest.raises(InputError, match=r"train: holds no \.jpg"):
        tool.prepare(coffee, out)
    assert not out.exists()
