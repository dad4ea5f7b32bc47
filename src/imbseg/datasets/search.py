"""Where a named file really lies, and which files a glob finds: over links, letters' cases and ways to write an ü."""

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from imbseg.errors import InputError

PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".jp2", ".avif", ".ppm", ".pgm")


def existing(root: Path, file: str) -> str:
    """A file's path below the root as it stands on the disk; as given where there is none.

    On the disk the ending may have other cases (.JPG), and letters with marks be composed (NFC) or not (NFD, as
    macOS unpacks them): they look alike.
    """
    if (root / file).is_file():
        return file
    found = PurePosixPath()
    for part in PurePosixPath(file).parts:
        there = next((one for one in _spellings(part) if (root / found / one).exists()), None)
        if there is None:
            return file
        found /= there
    return found.as_posix()


def stem_and_ending(file: str) -> tuple[str, str]:
    """A path without its ending, and the ending.

    >>> stem_and_ending("a.b/c.JPG"), stem_and_ending("a.b/c")
    (('a.b/c', '.JPG'), ('a.b/c', ''))
    """
    ending = PurePosixPath(file).suffix
    return file.removesuffix(ending), ending


def _spellings(part: str) -> list[str]:
    forms = [part, *(unicodedata.normalize(form, part) for form in ("NFC", "NFD"))]
    stems = [stem_and_ending(one) for one in forms]
    return forms + [stem + way(ending) for stem, ending in stems for way in (str.lower, str.upper, str.title)]


def globbed(root: Path, entry: str) -> list[str]:
    """The files that a glob finds below the root, sorted, none of them hidden; links to folders are followed.

    The ending fits in any case: `*.jpg` finds a.JPG.

    Raises:
        InputError: the entry leaves the root, or is no glob.
    """
    parts = PurePosixPath(entry).parts
    if PurePosixPath(entry).is_absolute() or ".." in parts:
        raise InputError(f"expected a glob below the root {root}")
    if any("**" in part and part != "**" for part in parts):
        raise InputError("is no glob (** stands for folders and must be a part by itself)")
    files = {file for file in _found(root, "", [*parts[:-1], _any_case(parts[-1])]) if (root / file).is_file()}
    return sorted(as_text(file) for file in files if not any(part.startswith(".") for part in file.split("/")))


def as_text(file: str) -> str:
    r"""A path, if lists and tables can hold it.

    >>> as_text("caf\udce9.jpg")
    Traceback (most recent call last):
    imbseg.errors.InputError: b'caf\xe9.jpg': expected a name in UTF-8, found other bytes; rename it

    Raises:
        InputError: its bytes are no UTF-8, as of an archive of another system.
    """
    try:
        file.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{os.fsencode(file)!r}: expected a name in UTF-8, found other bytes; rename it") from error
    return file


def _found(root: Path, base: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield base
    elif parts[0] == "**":
        for folder in _folders(root, base, ()):
            yield from _found(root, folder, parts[1:])
    else:
        for found in (root / base).glob(parts[0]):
            yield from _found(root, f"{base}/{found.name}".lstrip("/"), parts[1:])


def _folders(root: Path, folder: str, above: tuple[str, ...]) -> Iterator[str]:
    """A folder and all below it; one that a link leads back to is not entered again."""
    real = os.path.realpath(root / folder)
    if real in above:
        return
    yield folder
    with os.scandir(root / folder) as entries:
        below = sorted(one.name for one in entries if one.is_dir() and not one.name.startswith("."))
    for name in below:
        yield from _folders(root, f"{folder}/{name}".lstrip("/"), (*above, real))


def _any_case(name: str) -> str:
    """A glob whose ending fits in any case.

    >>> _any_case("*.jpg"), _any_case("a.b[0]")
    ('*.[jJ][pP][gG]', 'a.b[0]')
    """
    stem, ending = stem_and_ending(name)
    if not re.fullmatch(r"\.[A-Za-z]\w*", ending):
        return name
    return stem + "".join(f"[{one.lower()}{one.upper()}]" if one.isalpha() else one for one in ending)


def left_out(root: Path, entry: str, taken: set[str]) -> dict[str, int]:
    """Pictures that a glob would find if its ending were another, and how many there are of each ending.

    Args:
        taken: paths that belong to the data set, without their endings: a mask beside its image is not left out.
    """
    stem, ending = stem_and_ending(entry)
    if ending.lower() not in PICTURES:
        return {}
    counts: dict[str, int] = {}
    for file in globbed(root, f"{stem}.*"):
        name, other = stem_and_ending(file)
        if other.lower() in PICTURES and other.lower() != ending.lower() and name not in taken:
            counts[other] = counts.get(other, 0) + 1
    return counts
