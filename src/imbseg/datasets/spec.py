"""The YAML file of a data set: found by name or path, read, checked; what is wrong with it is one sentence."""

import functools
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from imbseg.datasets.key_types import GROUPS as GROUPS
from imbseg.datasets.key_types import IGNORE as IGNORE
from imbseg.datasets.key_types import ClassSpec as ClassSpec
from imbseg.datasets.key_types import Imbalance as Imbalance
from imbseg.datasets.model import Dataset as Dataset
from imbseg.datasets.sentences import sentence
from imbseg.errors import InputError, unknown_name
from imbseg.files import REPOSITORY

FOLDER = REPOSITORY / "data" / "datasets"
UNQUOTED = re.compile(rb"^\s*(\w+):\s*\{(?:id|subset)\}\S", re.MULTILINE)
EDITOR = re.compile(rb"\A# yaml-language-server:[^\n]*\n")  # says nothing of the data, so it changes no digest
# By the bytes, so never stale: the checks of an experiment load one file 1,500 times.
_decoded = functools.lru_cache(maxsize=8)(yaml.safe_load)


def names() -> list[str]:
    """The data sets that come with this repository."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def find(name_or_path: str) -> Path:
    """The YAML file of a data set, by name or by path.

    Raises:
        InputError: neither a known name nor a file.
    """
    if name_or_path.endswith((".yml", ".yaml")) or os.sep in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(
                f"data set file {name_or_path}: no such file; give the path of a YAML file, or one of: "
                f"{', '.join(names())}"
            )
        return path.resolve()
    if name_or_path not in names():
        raise unknown_name("data set", name_or_path, names())
    return FOLDER / f"{name_or_path}.yml"


def load(name_or_path: str, *, root: str | None = None) -> Dataset:
    """Read and check a data set's YAML file.

    Args:
        name_or_path: a name in data/datasets, or the path of such a file anywhere.
        root: overrides the file's root; before it the environment's IMBSEG_ROOT is asked.

    Raises:
        InputError: no such data set, or the file is broken; the message names file, key, and what to do.
    """
    path = find(name_or_path)
    content = path.read_bytes()
    raw = _decode(content, path)
    if own := sorted({"path", "digest"} & raw.keys()):
        raise InputError(f"{path}: unknown key {own[0]!r}; take it out")
    digest = hashlib.sha256(EDITOR.sub(b"", content, count=1)).hexdigest()
    found: dict[str, Any] = {"name": path.stem, **raw, "path": path, "digest": digest}
    try:
        return Dataset.model_validate(found, context=functools.partial(_root, path, root))
    except ValidationError as error:
        raise InputError(sentence(error, Dataset, str(path), raw)) from error


def _decode(content: bytes, path: Path) -> dict[str, Any]:
    try:
        raw = _decoded(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2012-99-99 is a ValueError
        brace = UNQUOTED.search(content)
        hint = f"; put the pattern of {brace[1].decode()!r} in quotes, since it starts with a brace" if brace else ""
        raise InputError(f"{path}: broken YAML: {' '.join(str(error).split())}{hint}") from error
    if not isinstance(raw, dict):
        raise InputError(
            f"{path}: expected keys such as root, images, masks, subsets, classes, found {type(raw).__name__}"
        )
    return raw


def _root(path: Path, override: str | None, declared: Sequence[str]) -> Path:
    """Flag, then IMBSEG_ROOT, then the file's root (of several the first that exists), relative to its repository."""
    if given := override or os.environ.get("IMBSEG_ROOT"):
        return Path(given).resolve()
    base = REPOSITORY if path.is_relative_to(REPOSITORY) else path.parent
    candidates = [(base / one).resolve() for one in declared]
    return next((one for one in candidates if one.is_dir()), candidates[0])
