from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_tree import tiny_dataset, tiny_masks

from imbseg.datasets.spec import REPOSITORY, Dataset, load
from imbseg.errors import InputError
from imbseg.files import sha256
from imbseg.meta import build as build_module
from imbseg.meta.read import (
    check_header,
    fold_column,
    fold_rows,
    make_command,
    meta_folder,
    pixel_counts,
    read_meta,
    test_rows,
)


@pytest.fixture
def dataset(tmp_path: Path, no_figures: None) -> Dataset:
    """A data set with a val subset and without imbalance, whose meta lies in tmp_path/meta."""
    found = tiny_dataset(tmp_path / "raw", tiny_masks(12), test=2, val=2)
    build_module.build(found, tmp_path / "meta", workers=1, seed=1)
    return found


@pytest.fixture
def folder(dataset: Dataset, tmp_path: Path) -> Path:
    return tmp_path / "meta"


def test_where_meta_lies_and_the_command_that_makes_it(dataset: Dataset, tmp_path: Path) -> None:
    assert meta_folder(dataset, None) == REPOSITORY / "data/meta/tiny"
    assert meta_folder(dataset, "elsewhere") == Path("elsewhere")
    assert make_command(load("sample"), meta_folder(load("sample"), None)) == (
        "python src/make_meta.py --dataset sample"
    )
    assert make_command(dataset, tmp_path / "meta") == (
        f"python src/make_meta.py --dataset {dataset.path} --root {dataset.root} --out {tmp_path / 'meta'}"
    )


def test_rows_of_a_fold(dataset: Dataset, folder: Path) -> None:
    meta = read_meta(dataset, folder)
    column = fold_column("full", "mskf", 3)
    validated = []
    for fold in range(5):
        train, validation = fold_rows(meta, column, fold)
        assert len(train) + len(validation) == 10
        assert not set(train["id"]) & set(validation["id"])
        validated += list(validation["id"])
    assert sorted(validated) == [f"{number:03d}" for number in range(10)]
    assert test_rows(meta)["id"].tolist() == ["010", "011"]


def test_given_rows(dataset: Dataset, folder: Path) -> None:
    train, validation = fold_rows(read_meta(dataset, folder), "full/given", 0)
    assert validation["id"].tolist() == ["008", "009"]
    assert train["id"].tolist() == [f"{number:03d}" for number in range(8)]
    assert train.index.tolist() == list(range(8))


@pytest.mark.parametrize(("column", "fold"), [("full/mskf/seed1", 5), ("full/mskf/seed1", -1), ("full/given", 1)])
def test_fold_out_of_range(column: str, fold: int, dataset: Dataset, folder: Path) -> None:
    with pytest.raises(InputError, match=rf"fold: expected 0\.\.[40] in '{column}', found {fold}"):
        fold_rows(read_meta(dataset, folder), column, fold)


def test_a_side_without_images(dataset: Dataset, folder: Path) -> None:
    meta = read_meta(dataset, folder)
    images = meta.images.assign(**{"full/random/seed1": meta.images["full/random/seed1"].where(lambda x: x > 1, 2)})
    with pytest.raises(InputError, match="fold 0: no validation image"):
        fold_rows(dataclasses.replace(meta, images=images), "full/random/seed1", 0)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("imbalanced/mskf/seed1", "declares no 'imbalance'; choose 'full'"),
        ("full/grouped/seed1", "declares no 'group', or the train images have fewer groups than folds"),
        ("full/mskf/seed6", "lacks the split column 'full/mskf/seed6'; there are: full/random/seed1"),
    ],
)
def test_column_that_is_not_there(column: str, told: str, dataset: Dataset, folder: Path) -> None:
    for look in (
        lambda: check_header(dataset, folder, column),
        lambda: fold_rows(read_meta(dataset, folder), column, 0),
    ):
        with pytest.raises(InputError, match=told):
            look()


def test_given_without_a_val_subset(tmp_path: Path, dataset: Dataset) -> None:
    plain = tiny_dataset(tmp_path / "plain")
    build_module.build(plain, tmp_path / "plain_meta", workers=1, seed=1)
    with pytest.raises(InputError, match="declares no 'val' subset"):
        check_header(plain, tmp_path / "plain_meta", "full/given")


def test_missing_meta_tells_the_command(dataset: Dataset, tmp_path: Path) -> None:
    told = r"meta of data set 'tiny': .*manifest.json is missing; make it: python src/make_meta.py --dataset .*tiny.yml"
    with pytest.raises(InputError, match=told):
        read_meta(dataset, tmp_path / "nowhere")
    with pytest.raises(InputError, match=told):
        check_header(dataset, tmp_path / "nowhere", "full/given")


def test_meta_of_another_version_of_the_file(dataset: Dataset, folder: Path) -> None:
    dataset.path.write_text(dataset.path.read_text() + "# changed\n")
    changed = load(str(dataset.path))
    for look in (lambda: check_header(changed, folder, "full/given"), lambda: read_meta(changed, folder)):
        with pytest.raises(InputError, match=r"made from another version of .*tiny.yml; make it anew: python"):
            look()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("manifest.json", "{", "expected JSON"),
        ("manifest.json", "[]", "is broken"),
        ("images.csv", "id\n", r"images.csv: was changed or cut short"),
        ("objects.csv", "", r"objects.csv: was changed or cut short"),
    ],
)
def test_broken_meta(name: str, content: str, told: str, dataset: Dataset, folder: Path) -> None:
    (folder / name).write_text(content)
    with pytest.raises(InputError, match=told):
        read_meta(dataset, folder)


def test_what_is_read(dataset: Dataset, folder: Path) -> None:
    meta = read_meta(dataset, folder)
    assert meta.digest == sha256(folder / "images.csv")
    assert pixel_counts(meta.images, dataset)[0].tolist() == [12 * 15 - 10, 6, 4]
    assert meta.objects.iloc[0].tolist() == ["000", "ball", 1, 6, 2, 1, 3, 2]
    assert meta.classes["class"].tolist() == ["ground", "ball", "rod"]
    assert meta.images["id"].tolist()[1] == "001"
    assert test_rows(meta)["cluster"].isna().all()


def test_ids_and_classes_called_na_stay_texts(tmp_path: Path, dataset: Dataset) -> None:
    masks = dict(zip(["NA", "nan", "01", "1", "None", "-"], tiny_masks(6).values(), strict=True))
    odd = tiny_dataset(tmp_path / "odd", masks, classes=["ground", "NA", "null"])
    build_module.build(odd, tmp_path / "odd_meta", workers=1, seed=1)
    meta = read_meta(odd, tmp_path / "odd_meta")
    assert meta.images["id"].tolist() == ["NA", "nan", "01", "1", "None", "-"]
    assert meta.images["major_class"].tolist() == ["NA", "ground", "NA", "null", "NA", "ground"]
    assert set(meta.objects["class"]) == {"NA", "null"}


def test_root_recorded_serves_where_the_declared_one_is_missing(dataset: Dataset, folder: Path, tmp_path: Path) -> None:
    meta = read_meta(dataset, folder)
    moved = dataset.model_copy(update={"root": tmp_path / "nowhere"})
    assert meta.root(dataset) == dataset.root
    assert meta.root(moved) == dataset.root
    lost = dataclasses.replace(meta, manifest=meta.manifest | {"root": str(tmp_path / "nowhere_too")})
    with pytest.raises(InputError, match=r"nowhere is missing; put the data there .* or say where it lies with --root"):
        lost.root(moved)


def test_the_cheap_check_imports_no_pandas(dataset: Dataset, folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from imbseg.datasets.spec import load; "
        "from imbseg.meta.read import check_header; "
        f"check_header(load({str(dataset.path)!r}), Path({str(folder)!r}), 'full/given'); "
        "sys.exit('pandas' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "src", check=False).returncode == 0
