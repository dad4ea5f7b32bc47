"""A report's folder: made aside, then moved in, so that an earlier report stays as it was until the new one is done."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from imbseg.errors import InputError
from imbseg.files import read_json, writable_folder, write_json
from imbseg.runs.collect import MARKERS

LIST = ".report.json"  # the names of what the last report wrote
KEPT = "examples"  # predictions, which the next report starts from


@contextlib.contextmanager
def draft(out: Path) -> Iterator[Path]:
    """Give an empty folder to write a report into; on leaving it its files become those of `out`.

    What the last report wrote and this one doesn't is gone then; files of others stay. After an error `out` is what it
    was before.

    Args:
        out: the report's folder; made where it is missing.

    Raises:
        InputError: it can't be written, is a run folder, or holds a folder where a file of the report belongs.
    """
    folder = writable_folder(out)
    if found := sorted(name for name in MARKERS if (folder / name).exists()):
        raise InputError(f"--out {out}: is a run folder (it holds {found[0]}); name another folder for the report")
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as made:
        aside = Path(made)
        if (folder / KEPT).is_dir():
            shutil.copytree(folder / KEPT, aside / KEPT)
        yield aside
        _move(aside, folder)


def _move(aside: Path, folder: Path) -> None:
    names = sorted(str(file.relative_to(aside)) for file in aside.rglob("*") if file.is_file())
    for name in names:
        if (folder / name).is_dir():
            raise InputError(f"{folder / name}: is a folder, where the report writes a file; move it, or choose "
                             f"another --out")  # fmt: skip
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (aside / name).replace(folder / name)
    for name in _listed(folder):
        if name not in names and Path(name).parent in (Path(), Path(KEPT)):
            (folder / name).unlink(missing_ok=True)
    write_json(folder / LIST, names)


def _listed(folder: Path) -> list[str]:
    """What the last report wrote; nothing where that isn't known."""
    file = folder / LIST
    try:
        found = read_json(file) if file.is_file() else []
    except (InputError, OSError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
