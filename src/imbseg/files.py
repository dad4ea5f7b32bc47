"""Files are written whole or not at all: a temporary name beside the target, fsync, rename; and where they go."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from imbseg.errors import InputError, disk_full

REPOSITORY = Path(__file__).resolve().parents[2]
ANEW = "remove the file or make it anew"
WRITTEN = ".report.json"  # the names of what the last report wrote


def runs_folder() -> Path:
    """Where run folders go by default: data/runs, or IMBSEG_RUNS, which counts from the repository where relative."""
    return REPOSITORY / (os.environ.get("IMBSEG_RUNS") or "data/runs")


def free_bytes(folder: Path) -> int:
    """Of the disk that a folder lies on, or will lie on."""
    return shutil.disk_usage(next(one for one in (folder, *folder.parents) if one.exists())).free


def portable(path: Path) -> str:
    """A path as a record keeps it: from the repository on where it lies in it, so that a copy elsewhere finds it."""
    whole = path.resolve()
    return str(whole.relative_to(REPOSITORY)) if whole.is_relative_to(REPOSITORY) else str(whole)


def _aside(path: Path, what: str) -> Path:
    """A name of this process beside a path: the end of its own, since a name has 255 bytes at most."""
    end = os.fsdecode(os.fsencode(path.name)[-200:])
    return path.with_name(f".{os.getpid()}.{what}.{end}")


@contextlib.contextmanager
def whole_file(path: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `path`; on leaving it becomes `path`, after an error it is gone.

    Args:
        path: the file to write; its folder is made where it is missing.

    Raises:
        OSError: the folder can't be made or written, or the disk is full; `path` is then what it was before, and the
            error names it, whatever the writer said.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The temporary name keeps the ending: writers such as OpenCV, matplotlib and numpy choose their format by it.
    temporary = _aside(target, "tmp")
    try:
        yield temporary
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        temporary.replace(target)
    except OSError as error:
        # The user knows the target; a full disk names no file at all, the temporary one says nothing.
        if error.filename in (None, str(temporary), temporary):
            error.filename = str(target)
        raise
    finally:
        with contextlib.suppress(OSError):  # of a disk that is only read; the error above says so
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """Give a temporary folder beside `out`; on leaving it takes the place of `out`, after an error it is gone.

    Raises:
        OSError: it can't be written; the error names `out`, not the temporary name.
    """
    temporary, old = _aside(out, "tmp"), _aside(out, "old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if out.exists():
            out.replace(old)
        temporary.replace(out)
    except OSError as error:
        if old.exists() and not out.exists():
            old.replace(out)
        raise OSError(error.errno, error.strerror, str(out)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a UTF-8 text file whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: Any) -> None:
    """Write indented JSON whole or not at all; NaN is refused, since JSON has none."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path | str) -> Any:
    """Read a JSON file; a broken one is bad input that names the file."""
    try:
        return json.loads(Path(path).read_bytes())  # UTF-8 with or without a byte order mark, or UTF-16
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: expected JSON, found {error}; {ANEW}") from error


def read_object(path: Path | str, *objects: str) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        objects: keys that must be there, each with an object as its value.

    Raises:
        InputError: it holds something else, or lacks a key.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a JSON object, found {type(found).__name__}; {ANEW}")
    for key in objects:
        if not isinstance(found.get(key), dict):
            raise InputError(f"{path}: lacks {key!r} or holds something else there than an object; {ANEW}")
    return found


def seal(content: Mapping[str, Any]) -> str:
    """The SHA-256 of a JSON object without its own `sha256`, by which damage is found."""
    rest = {key: value for key, value in content.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def check_separator(header: Sequence[str], where: str) -> None:
    """Refuse a CSV whose columns other signs than commas part, as spreadsheets of many countries save them.

    Raises:
        InputError: the header is one cell, with semicolons or tabs in it.
    """
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            raise InputError(
                f"{where}: expected columns parted by commas, found {name}; save it with commas, and with "
                f"decimal points"
            )


def sha256(path: Path | str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def replaceable_folder(path: Path | str) -> Path:
    """The folder itself where `path` is a link to it, for what a whole folder is written to.

    Raises:
        InputError: a link leads to itself, or this process was started in the folder, and would be left in none.
    """
    try:
        folder = Path(path).resolve()
        if folder.is_symlink():
            raise RuntimeError("a loop")  # as Python 3.11 and 3.12 say; 3.13 leaves the link
    except RuntimeError as error:
        raise InputError(f"{path}: is a link that leads to itself; choose another folder") from error
    if Path.cwd().is_relative_to(folder):
        why = "is the folder that you stand in, or above it, and would be replaced as a whole"
        raise InputError(f"{folder}: {why}; name one below it, such as {Path(path) / 'new'}, or start from elsewhere")
    return folder


def writable_folder(path: Path | str) -> Path:
    """Make a folder and prove that it can be written, before hours of work end in it.

    Raises:
        InputError: it is a file, can't be made, or can't be written.
        OSError: the disk is full.
    """
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected an output folder, found a file; choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.probe"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        if disk_full(error):
            raise
        raise InputError(f"{folder}: can't write here ({error.strerror}); choose another output folder") from error
    return folder


@contextlib.contextmanager
def draft(out: Path, kept: str) -> Iterator[Path]:
    """Give an empty folder to write a report into; on leaving it its files become those of `out`.

    What the last report wrote and this one doesn't is gone then; files of others stay. After an error `out` is what it
    was before.

    Args:
        out: the report's folder; made where it is missing.
        kept: a folder in it that the next report starts from.

    Raises:
        InputError: it can't be written, or holds a folder where a file of the report belongs.
    """
    folder = writable_folder(out)
    with tempfile.TemporaryDirectory(prefix=".report-", dir=folder) as made:
        aside = Path(made)
        if (folder / kept).is_dir():
            shutil.copytree(folder / kept, aside / kept)
        yield aside
        _move(aside, folder, kept)


def _move(aside: Path, folder: Path, kept: str) -> None:
    names = sorted(str(file.relative_to(aside)) for file in aside.rglob("*") if file.is_file())
    for name in names:
        if (folder / name).is_dir():
            raise InputError(
                f"{folder / name}: is a folder, where the report writes a file; move it, or choose another --out"
            )
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (aside / name).replace(folder / name)
    for name in _listed(folder):
        if name not in names and Path(name).parent in (Path(), Path(kept)):
            (folder / name).unlink(missing_ok=True)
    write_json(folder / WRITTEN, names)


def _listed(folder: Path) -> list[str]:
    """What the last report wrote; nothing where that isn't known."""
    file = folder / WRITTEN
    try:
        found = read_json(file) if file.is_file() else []
    except (InputError, OSError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
