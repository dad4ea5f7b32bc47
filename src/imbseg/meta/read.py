"""The meta that make_meta.py wrote -> tables: checked against the data set file, cut into train and validation rows."""

from __future__ import annotations

import csv
import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbseg.datasets.spec import FOLDER, Dataset
from imbseg.errors import InputError
from imbseg.files import REPOSITORY, read_json, sha256

if TYPE_CHECKING:  # a preflight reads a header only, and does without the 0.4 s that pandas takes
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

FILES = ("images.csv", "objects.csv", "classes.csv", "splits.csv")


@dataclasses.dataclass(frozen=True)
class Meta:
    """The tables of one data set: a row an image, a row an object, a row a class, and how they were made.

    Attributes:
        folder: where the files lie.
        images: images.csv: `id, subset, image, mask, height, width, pixels:<class>..., pixels:ignore, major_class,
            cluster, group, kept` and the fold columns (nullable integers: empty where an image takes no part).
        classes: classes.csv, in the order of the class indices.
        manifest: manifest.json.
        digest: sha256 of images.csv.
    """

    folder: Path
    images: pd.DataFrame
    classes: pd.DataFrame
    manifest: dict[str, Any]
    digest: str

    @functools.cached_property
    def objects(self) -> pd.DataFrame:
        """objects.csv (`id, class, object, pixels, x, y, width, height`), read when first asked for."""
        import pandas as pd

        return pd.read_csv(self.folder / "objects.csv", dtype={"id": str, "class": str}, keep_default_na=False)

    @functools.cached_property
    def splits(self) -> pd.DataFrame:
        """splits.csv, a row a fold column, read when first asked for."""
        import pandas as pd

        numbers = {f"deviation_{kind}": [""] for kind in ("presence", "pixels", "proportion", "objects")}
        types = {"column": str, "rarest_class": str}  # which may be called "NA"
        return pd.read_csv(self.folder / "splits.csv", dtype=types, keep_default_na=False, na_values=numbers)

    def root(self, dataset: Dataset) -> Path:
        """The folder the paths in images.csv start from: the data set's root, or where make_meta.py found it.

        Raises:
            InputError: neither is there.
        """
        recorded = Path(self.manifest["root"])
        if not dataset.root.is_dir() and not recorded.is_dir():
            raise dataset.missing_root()
        return dataset.root if dataset.root.is_dir() else recorded


def meta_folder(dataset: Dataset, override: str | None) -> Path:
    """The folder of a data set's meta: `override`, or data/meta/<data set>."""
    return Path(override) if override else REPOSITORY / "data" / "meta" / dataset.name


def fold_column(imbalance: str, split: str, seed: int) -> str:
    """The column of images.csv that holds a split's fold numbers.

    >>> fold_column("imbalanced", "mskf", 1), fold_column("full", "given", 1)
    ('imbalanced/mskf/seed1', 'full/given')
    """
    return f"{imbalance}/given" if split == "given" else f"{imbalance}/{split}/seed{seed}"


def make_command(dataset: Dataset, folder: Path) -> str:
    """The command that makes this meta, to copy from an error message."""
    name = dataset.name if dataset.path == FOLDER / f"{dataset.name}.yml" else str(dataset.path)
    out = "" if folder.resolve() == meta_folder(dataset, None).resolve() else f" --out {folder}"
    declared = "" if dataset.root.is_relative_to(REPOSITORY) else f" --root {dataset.root}"
    return f"python src/make_meta.py --dataset {name}{declared}{out}"


def check_header(dataset: Dataset, folder: Path, column: str) -> None:
    """Check cheaply (manifest and first line only) that a trial will find its meta and its fold column.

    Raises:
        InputError: meta is missing, broken, of another version of the data set file, or lacks the column.
    """
    read_manifest(dataset, folder)
    with (folder / "images.csv").open(encoding="utf-8", newline="") as handle:
        header = next(csv.reader(handle), [])
    _check_column(column, header, str(folder / "images.csv"))


def refuse_another_file(dataset: Dataset, folder: Path) -> None:
    """Two data set files of one name would take turns in data/meta/<name>, each replacing what the other made.

    Raises:
        InputError: the meta there was made from another file; one that was moved, but not changed, goes on, and so
            does the same file in a copy of this repository.
    """
    try:
        manifest = read_json(folder / "manifest.json")
    except (InputError, OSError):
        return  # nothing that could be read again, so nothing that could be lost
    if not isinstance(manifest, dict) or "dataset_file" not in manifest:
        return
    recorded = Path(manifest["dataset_file"])
    moved = not recorded.is_file() and manifest.get("dataset_sha256") == dataset.digest
    copied = dataset.path.parent == FOLDER and recorded.parts[-3:] == dataset.path.parts[-3:]
    if recorded.resolve() != dataset.path.resolve() and not moved and not copied:
        make = make_command(dataset, folder)
        make += "" if "--out" in make else f" --out {folder}"
        raise InputError(
            f"{folder}: holds the meta of {recorded}, not of {dataset.path}; give one of the two a 'name' "
            f"of its own, or, to replace that meta (a file moved and changed): {make}"
        )


def read_manifest(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """manifest.json, checked: every file there, and made from this very data set file.

    Raises:
        InputError: meta is missing, broken, or of another version of the data set file.
    """
    make = make_command(dataset, folder)
    missing = [name for name in ("manifest.json", *FILES) if not (folder / name).is_file()]
    if missing:
        raise InputError(f"meta of data set {dataset.name!r}: {folder / missing[0]} is missing; make it: {make}")
    manifest = read_json(folder / "manifest.json")
    if not isinstance(manifest, dict) or not {"dataset_sha256", "root", "files"} <= manifest.keys():
        raise InputError(f"{folder / 'manifest.json'}: is broken (keys are missing); make it anew: {make}")
    if manifest["dataset_sha256"] != dataset.digest:
        refuse_another_file(dataset, folder)
        raise InputError(f"meta in {folder} was made from another version of {dataset.path}; make it anew: {make}")
    return manifest


def read_meta(dataset: Dataset, folder: Path) -> Meta:
    """Read a data set's meta.

    Raises:
        InputError: it is missing (the message gives the command that makes it), made from another version of the
            data set file, or changed since it was made.
    """
    import pandas as pd

    manifest = read_manifest(dataset, folder)
    for name in FILES:
        if sha256(folder / name) != manifest["files"].get(name):
            raise InputError(
                f"{folder / name}: was changed or cut short since it was made; make it anew: "
                f"{make_command(dataset, folder)}"
            )
    texts: dict[str, Any] = {"class": str, "group": str}
    empty = {"object_size": [""]}  # of a class without objects
    classes = pd.read_csv(folder / "classes.csv", dtype=texts, keep_default_na=False, na_values=empty)
    return Meta(folder, _read_images(folder / "images.csv"), classes, manifest, manifest["files"]["images.csv"])


def fold_rows(meta: Meta, column: str, fold: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The train rows and the validation rows of one fold, in the order of images.csv.

    Args:
        column: a fold column, see fold_column.
        fold: the number of the validation fold; 0 for a data set's given validation subset.

    Raises:
        InputError: no such column (the message lists them), fold out of range, or a side without images.
    """
    _check_column(column, list(meta.images.columns), str(meta.folder / "images.csv"))
    numbers = meta.images[column]
    highest = 0 if column.endswith("/given") else int(numbers.max())
    if not 0 <= fold <= highest:
        raise InputError(f"fold: expected 0..{highest} in {column!r}, found {fold}")
    validation = meta.images[(numbers == fold).fillna(False)]
    train = meta.images[(numbers != fold).fillna(False)]
    for rows, side in ((train, "train"), (validation, "validation")):
        if rows.empty:
            raise InputError(f"{column!r}, fold {fold}: no {side} image; choose another fold, or another split")
    return train.reset_index(drop=True), validation.reset_index(drop=True)


def test_rows(meta: Meta) -> pd.DataFrame:
    """The rows of the test images."""
    return meta.images[meta.images["subset"] == "test"].reset_index(drop=True)


# pytest collects what is named test_*, also where a test module imports it
test_rows.__test__ = False  # type: ignore[attr-defined]


def pixel_counts(rows: pd.DataFrame, dataset: Dataset) -> NDArray[np.int64]:
    """(images, classes) int64: labelled pixels of each class, in the order of the class indices."""
    counts: NDArray[np.int64] = rows[[f"pixels:{name}" for name in dataset.class_names]].to_numpy("int64")
    return counts


def is_fold_column(name: str) -> bool:
    """Whether a column of images.csv holds fold numbers."""
    return name.startswith(("full/", "imbalanced/"))


def _check_column(column: str, header: list[str], where: str) -> None:
    if column in header:
        return
    there = [name for name in header if is_fold_column(name)]
    imbalance = column.split("/")[0]
    if imbalance == "imbalanced" and not any(name.startswith("imbalanced/") for name in there):
        raise InputError(
            f"{where}: has no {column!r}, since the data set file declares no 'imbalance'; choose "
            f"'full', or declare one and run make_meta.py again"
        )
    if column.endswith("/given") and column not in there:
        raise InputError(
            f"{where}: has no {column!r}, since the data set file declares no 'val' subset; choose another split"
        )
    if column.split("/")[1] == "grouped" and not any(f"{imbalance}/grouped/" in name for name in there):
        raise InputError(
            f"{where}: has no {column!r}, since the data set file declares no 'group', or the train "
            f"images have fewer groups than folds; choose another split"
        )
    raise InputError(f"{where}: lacks the split column {column!r}; there are: {', '.join(there) or 'none'}")


def _read_images(path: Path) -> pd.DataFrame:
    import pandas as pd

    header = list(pd.read_csv(path, nrows=0).columns)
    nullable = ["cluster", *(name for name in header if is_fold_column(name))]
    texts = ("id", "subset", "image", "mask", "major_class", "group")
    types: dict[str, Any] = dict.fromkeys(texts, "str") | dict.fromkeys(nullable, "Int64")
    # ids and classes may be called "NA" or "001": nothing is guessed but empty numbers
    return pd.read_csv(path, dtype=types, keep_default_na=False, na_values={name: [""] for name in nullable})
