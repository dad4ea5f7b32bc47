"""Id lists on disk -> one row an image: id, subset, and where its files lie."""

import codecs
import dataclasses
import re
import unicodedata
from pathlib import PurePosixPath

from imbseg.datasets.search import existing, globbed, left_out, stem_and_ending
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
        found += _from_glob(dataset, entry, role) if _is_glob(dataset, entry) else _from_list(dataset, entry, role)
    if role in dataset.subsets and not found:
        raise InputError(f"{dataset.root / dataset.subsets[role][0]}: the id list of subset {role!r} is empty")
    return found


def passed_over(dataset: Dataset, rows: list[ImageRow]) -> list[str]:
    """A sentence for each glob beside whose files there are pictures with another ending."""
    taken = {stem_and_ending(file)[0] for row in rows for file in (row.image, row.mask, row.objects) if file}
    globs = [entry for entries in dataset.subsets.values() for entry in entries if _is_glob(dataset, entry)]
    return [
        f"{'1 file ends' if count == 1 else f'{count} files end'} in {ending}, which the glob {entry!r} leaves out. To "
        f"take them, save all images with one ending."
        for entry in globs
        for ending, count in left_out(dataset.root, entry, taken).items()
    ]


def _is_glob(dataset: Dataset, entry: str) -> bool:
    return any(sign in entry for sign in "*?[") and not (dataset.root / entry).is_file()


def _from_list(dataset: Dataset, entry: str, role: str) -> list[str]:
    path = dataset.root / existing(dataset.root, entry)
    if not path.is_file():
        raise InputError(
            f"{path}: the id list of subset {role!r} is missing; see 'subsets' in {dataset.path}, or is the root "
            f"{dataset.root}{dataset.root_origin} that of another data set?"
        )
    try:
        lines = text_of(path.read_bytes()).splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file with one id a line, found bytes that are no text") from error
    return [line.split()[0] for line in lines if line.strip()]


def text_of(data: bytes) -> str:
    r"""UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows writes lists.

    >>> text_of(b"\xef\xbb\xbf007"), text_of("007".encode("utf-16"))
    ('007', '007')
    """
    return data.decode("utf-16" if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig")


def _from_glob(dataset: Dataset, entry: str, role: str) -> list[str]:
    """What stands for {id} in the paths of the files found, in the order of the paths."""
    where, like = f"{dataset.path}: subsets.{role}: {entry!r}", f"such as images/{role}/*.png"
    try:
        files = globbed(dataset.root, entry)
    except InputError as error:
        raise InputError(f"{where}: {error}; write it {like}") from error
    matches = {file: id_regex(dataset.images, role).fullmatch(file) for file in files}
    other = [file for file, match in matches.items() if match is None]
    if other or not files:
        told = f"finds {other[0]}, which isn't of the pattern 'images'" if other else "finds no file that fits 'images'"
        raise InputError(
            f"{where}: {told} ({dataset.images}) below the root {dataset.root}{dataset.root_origin}; "
            f"mend one of the two"
        )
    return [match["id"] for match in matches.values() if match]


def id_regex(template: str, role: str) -> re.Pattern[str]:
    """A path pattern as a regular expression over paths relative to the root; `id` may reach over folders.

    The ending fits in any case.

    >>> id_regex("{subset}/{id}/{id}_x.png", "val").fullmatch("val/a/b/a/b_x.png")["id"]
    'a/b'
    >>> id_regex("{subset}/{id}/{id}_x.png", "val").fullmatch("val/a/b_x.png")
    """
    plain = PurePosixPath(template.replace("{subset}", role)).as_posix()  # without ./ and //, as found paths are
    stem, ending = stem_and_ending(plain)
    before, *behind = [re.escape(part) for part in (plain if "{" in ending else stem).split("{id}")]
    ending = "" if "{" in ending else ending
    return re.compile(f"{before}(?P<id>.+){'(?P=id)'.join(behind)}(?i:{re.escape(ending)})", re.DOTALL)


def _row(dataset: Dataset, image_id: str, role: str) -> ImageRow:
    patterns = (dataset.images, dataset.masks, *([dataset.objects] if dataset.objects else []))
    files = [existing(dataset.root, dataset.file(one, image_id, role)) for one in patterns]
    return ImageRow(image_id, role, files[0], files[1], files[2] if dataset.objects else None)


def _no_id_twice(rows: list[ImageRow], dataset: Dataset) -> None:
    """Composed letters and others are the same id: they lead to the same file."""
    seen: dict[str, str] = {}
    problems = []
    for row in rows:
        same = unicodedata.normalize("NFC", row.id)
        if same in seen:
            where = f"twice in {row.subset}" if seen[same] == row.subset else f"in {seen[same]} and in {row.subset}"
            problems.append(f"id {row.id!r} stands {where}; an image belongs to one subset, once")
        seen[same] = row.subset
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
