"""Id lists on disk -> one row an image: id, subset, and where its files lie."""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePosixPath

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
        raise dataset.missing_root()
    rows = [_row(dataset, image_id, role) for role in ("train", "val", "test") for image_id in ids(dataset, role)]
    _no_id_twice(rows, dataset)
    _files_exist(rows, dataset)
    return rows


def ids(dataset: Dataset, role: str) -> list[str]:
    """The ids of one subset: a list file's first column, or the {id} parts of the files a glob finds.

    Raises:
        InputError: list missing, empty or no text; a glob that leaves the root, finds nothing, or finds other files.
    """
    found: list[str] = []
    for entry in dataset.subsets.get(role, ()):
        is_glob = any(sign in entry for sign in "*?[") and not (dataset.root / entry).is_file()
        found += _from_glob(dataset, entry, role) if is_glob else _from_list(dataset, entry, role)
    if role in dataset.subsets and not found:
        raise InputError(f"{dataset.root / dataset.subsets[role][0]}: the id list of subset {role!r} is empty")
    return found


def _from_list(dataset: Dataset, entry: str, role: str) -> list[str]:
    path = dataset.root / entry
    if not path.is_file():
        raise InputError(
            f"{path}: the id list of subset {role!r} is missing; see 'subsets' in {dataset.path}, or is the root "
            f"{dataset.root}{dataset.root_origin} that of another data set?"
        )
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file with one id a line, found bytes that are no text") from error
    return [line.split()[0] for line in lines if line.strip()]


def _from_glob(dataset: Dataset, entry: str, role: str) -> list[str]:
    """What stands for {id} in the paths of the files found, in the order of the paths; hidden files are none."""
    where = f"{dataset.path}: subsets.{role}: {entry!r}"
    if PurePosixPath(entry).is_absolute() or ".." in PurePosixPath(entry).parts:
        raise InputError(f"{where}: expected a glob below the root {dataset.root}, such as images/{role}/*.png")
    try:
        if any("**" in part and part != "**" for part in PurePosixPath(entry).parts):
            raise ValueError("'**' stands for whole folders only")  # Python 3.13 would take it as '*'
        files = sorted(path.relative_to(dataset.root).as_posix() for path in dataset.root.glob(entry) if path.is_file())
    except ValueError as error:
        raise InputError(f"{where}: is no glob ({error}); write it such as images/{role}/*.png") from error
    files = [file for file in files if not any(part.startswith(".") for part in file.split("/"))]
    matches = {file: id_regex(dataset.images, role).fullmatch(file) for file in files}
    other = [file for file, match in matches.items() if match is None]
    if other or not files:
        told = f"finds {other[0]}, which isn't of the pattern 'images'" if other else "finds no file that fits 'images'"
        raise InputError(f"{where}: {told} ({dataset.images}) below the root {dataset.root}{dataset.root_origin}; "
                         f"mend one of the two")  # fmt: skip
    return [match["id"] for match in matches.values() if match]


def id_regex(template: str, role: str) -> re.Pattern[str]:
    """A path pattern as a regular expression over paths relative to the root; `id` may reach over folders.

    >>> id_regex("{subset}/{id}/{id}_x.png", "val").fullmatch("val/a/b/a/b_x.png")["id"]
    'a/b'
    >>> id_regex("{subset}/{id}/{id}_x.png", "val").fullmatch("val/a/b_x.png")
    """
    plain = PurePosixPath(template.replace("{subset}", role)).as_posix()  # without ./ and //, as found paths are
    before, *behind = [re.escape(part) for part in plain.split("{id}")]
    return re.compile(f"{before}(?P<id>.+){'(?P=id)'.join(behind)}", re.DOTALL)


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


def _files_exist(rows: list[ImageRow], dataset: Dataset) -> None:
    root = dataset.root
    problems = [
        f"{what} {root / file} of id {row.id!r} is missing{dataset.root_origin}"
        for row in rows
        for what, file in (("image", row.image), ("mask", row.mask), ("object mask", row.objects))
        if file and not (root / file).is_file()
    ]
    if problems:
        raise first_ten(problems, "files are missing")
