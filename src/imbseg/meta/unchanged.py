"""Whether the masks are still those that meta was made from: weights, samplers and folds come from their pixels."""

import csv
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.meta.read import make_command, read_manifest

FILE = "masks.csv"  # in the folder of meta: mask, sha256
STAMP = "mask_stamp"  # of manifest.json
THREADS = 8  # that read files; the disk is slower than any digest


def mask_digest(path: Path) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a mask's file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def stamp(files: Sequence[Path]) -> str:
    """What sizes and times of files say together: while it stays, no file needs to be read again."""
    return hashlib.sha256(repr([_size_and_time(file) for file in files]).encode()).hexdigest()


def write_masks(folder: Path, masks: Sequence[str], digests: Sequence[str]) -> None:
    """Write masks.csv: the path of each mask relative to the data set's root, and its digest."""
    with (folder / FILE).open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows([("mask", "sha256"), *zip(masks, digests, strict=True)])


def check_masks(dataset: Dataset, folder: Path) -> None:
    """Hold the masks on the disk against meta: by size and time, and where those differ (a copy) by their content.

    Files that are missing are left to whoever reads them.

    Args:
        folder: of its meta; one of an earlier version, without masks.csv, is taken as it is.

    Raises:
        InputError: masks changed; the message counts them and names the first.
    """
    manifest = read_manifest(dataset, folder)
    if not (folder / FILE).is_file():
        return
    root = dataset.root if dataset.root.is_dir() else Path(manifest["root"])
    with (folder / FILE).open(encoding="utf-8", newline="") as handle:
        rows = [(root / row["mask"], row["sha256"]) for row in csv.DictReader(handle)]
    if stamp([file for file, _ in rows]) == manifest.get(STAMP):
        return
    with ThreadPoolExecutor(THREADS) as pool:
        found = pool.map(lambda row: not row[0].is_file() or mask_digest(row[0]) == row[1], rows)
        changed = [str(file) for (file, _), same in zip(rows, found, strict=True) if not same]
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise InputError(
            f"{len(changed)} of {len(rows)} masks changed since their meta in {folder} was made ("
            f"{', '.join(changed[:3])}{more}): weights and folds would be those of the old masks; "
            f"make it anew: {make_command(dataset, folder)}"
        )


def _size_and_time(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
