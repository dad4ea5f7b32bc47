"""Id lists on disk -> one row an image: id, subset, and where its files lie."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, first_ten


@dataclasses.dataclass(frozen=True)
class ImageRow:
    """One image: its id, its subset's role, and its files' paths relative to the data set's root."""

    id: str
    subset: str
    image: str
    mask: str
    objects: str | None


def image_rows(dataset: Dataset) -> list[ImageRow]:
    """Every image of a data set, in the order of its lists; roles in the order train, val, test.

    Raises:
        InputError: root, list or file missing, a list empty, an id twice or in two subsets.
    """
    if not dataset.root.is_dir():
        raise InputError(
            f"data set {dataset.name!r}: root {dataset.root} is missing; put the data there, "
            f"or say where it lies with --root or IMBSEG_ROOT"
        )
    rows = [_row(dataset, image_id, role) for role in ("train", "val", "test") for image_id in ids(dataset, role)]
    _no_id_twice(rows, dataset)
    _files_exist(rows, dataset.root)
    return rows


def ids(dataset: Dataset, role: str) -> list[str]:
    """The ids of one subset: a list file's first column, or the {id} parts of the files a glob finds."""
    found: list[str] = []
    for entry in dataset.subsets.get(role, ()):
        found += _from_glob(dataset, entry) if "*" in entry else _from_list(dataset.root / entry, role)
    if role in dataset.subsets and not found:
        raise InputError(f"{dataset.root / dataset.subsets[role][0]}: the id list of subset {role!r} is empty")
    return found


def _from_list(path: Path, role: str) -> list[str]:
    if not path.is_file():
        raise InputError(f"{path}: the id list of subset {role!r} is missing; see 'subsets' in the data set file")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file with one id a line, found bytes that are no text") from error
    return [line.split()[0] for line in lines if line.strip()]


def _from_glob(dataset: Dataset, entry: str) -> list[str]:
    """Ids are what stands for {id} in the images' file names (folders below the subset's own stay part of it)."""
    name = Path(dataset.images).name
    before, after = name.split("{id}") if "{id}" in name else ("", "")
    found = sorted(path.name for path in dataset.root.glob(entry) if path.is_file())
    return [
        file[len(before) : len(file) - len(after)] for file in found if file.startswith(before) and file.endswith(after)
    ]


def _row(dataset: Dataset, image_id: str, role: str) -> ImageRow:
    objects = dataset.file(dataset.objects, image_id, role) if dataset.objects else None
    files = (dataset.file(dataset.images, image_id, role), dataset.file(dataset.masks, image_id, role))
    return ImageRow(image_id, role, *files, objects)


def _no_id_twice(rows: list[ImageRow], dataset: Dataset) -> None:
    seen: dict[str, str] = {}
    problems = []
    for row in rows:
        if row.id in seen:
            where = f"twice in {row.subset}" if seen[row.id] == row.subset else f"in {seen[row.id]} and in {row.subset}"
            problems.append(f"id {row.id!r} stands {where}; an image belongs to one subset, once")
        seen[row.id] = row.subset
    if problems:
        raise first_ten(problems, f"ids of data set {dataset.name!r} stand in more than one place")


def _files_exist(rows: list[ImageRow], root: Path) -> None:
    problems = [
        f"{what} {root / file} of id {row.id!r} is missing"
        for row in rows
        for what, file in (("image", row.image), ("mask", row.mask), ("object mask", row.objects))
        if file and not (root / file).is_file()
    ]
    if problems:
        raise first_ten(problems, "files are missing")
