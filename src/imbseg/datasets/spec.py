"""A data set is one YAML file: where its files lie, what its classes are, and which imbalance to make."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
from pathlib import Path
from typing import Any

import yaml

from imbseg.datasets.fields import (
    check_keys,
    class_list,
    folder_name,
    group_pattern,
    listed,
    number,
    pattern,
    trial_defaults,
    whole,
)
from imbseg.errors import InputError, unknown_name
from imbseg.files import REPOSITORY

FOLDER = REPOSITORY / "data" / "datasets"
IGNORE = 255  # the value that an ignored pixel has in every mask inside this package
GROUPS = ("head", "medium", "tail")
# By the bytes, so never stale: the checks of an experiment load one file 1,500 times.
_decoded = functools.lru_cache(maxsize=8)(yaml.safe_load)


@dataclasses.dataclass(frozen=True)
class ClassSpec:
    """One class: its name, its value in the mask files, and its colour there (R, G, B) where masks are RGB."""

    name: str
    value: int
    color: tuple[int, int, int] | None


@dataclasses.dataclass(frozen=True)
class Imbalance:
    """The deliberate imbalance: of the train images that show one of `classes`, `ratio` is kept."""

    classes: tuple[str, ...]
    ratio: float
    seed: int


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set as its YAML file declares it, with the root that was found."""

    name: str
    path: Path
    digest: str
    root: Path
    images: str
    masks: str
    objects: str | None
    mask_encoding: str
    ignore_index: int | None
    subsets: dict[str, tuple[str, ...]]
    classes: tuple[ClassSpec, ...]
    background: str | None
    group: str | None
    groups: dict[str, tuple[str, ...]] | None
    imbalance: Imbalance | None
    weak: tuple[str, ...] | None
    trial: dict[str, Any]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names in index order."""
        return tuple(one.name for one in self.classes)

    @property
    def background_index(self) -> int | None:
        """Index of the background class, None where there is none."""
        return None if self.background is None else self.class_names.index(self.background)

    def file(self, template: str, image_id: str, subset: str) -> str:
        """A file's path relative to the root."""
        return template.replace("{id}", image_id).replace("{subset}", subset)

    def group_of(self, image_id: str) -> str:
        """The patient, scene or video that an id names; its own id where no group is declared."""
        if self.group is None:
            return image_id
        found = re.search(self.group, image_id)
        if found is None:
            raise InputError(
                f"{self.path}: group pattern {self.group!r} doesn't match the id {image_id!r}; mend 'group'"
            )
        if not found.group(1):
            raise InputError(
                f"{self.path}: the parenthesis of the group pattern {self.group!r} matches nothing of the id "
                f"{image_id!r}, so it names no group; mend 'group'"
            )
        return found.group(1)

    @property
    def root_origin(self) -> str:
        """A remark for error messages where the variable IMBSEG_ROOT gave the root; else empty."""
        given = os.environ.get("IMBSEG_ROOT")
        return " (IMBSEG_ROOT gives it, for every data set)" if given and Path(given).resolve() == self.root else ""

    def missing_root(self) -> InputError:
        """The error that says that nothing lies at the root, and where the root comes from."""
        return InputError(
            f"data set {self.name!r}: root {self.root}{self.root_origin} is missing; put the data there (sample and "
            f"voc2012: src/get_data.py), or say where it lies with --root or IMBSEG_ROOT"
        )


KEYS = tuple(f.name for f in dataclasses.fields(Dataset) if f.name not in ("path", "digest"))
REQUIRED = ("root", "images", "masks", "subsets", "classes")


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
            raise InputError(f"data set file {name_or_path}: no such file; give the path of a YAML file, or one of: "
                             f"{', '.join(names())}")  # fmt: skip
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
    try:
        raw = _decoded(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date such as 2012-99-99 is a ValueError
        raise InputError(f"{path}: broken YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path}: expected keys such as {', '.join(REQUIRED)}, found {type(raw).__name__}")
    check_keys(raw, KEYS, REQUIRED, str(path))
    return _build(raw, path, hashlib.sha256(content).hexdigest(), root)


def _build(raw: dict[str, Any], path: Path, digest: str, root: str | None) -> Dataset:
    where = str(path)
    ignore_index = raw.get("ignore_index", IGNORE)
    encoding = raw.get("mask_encoding", "index")
    if encoding not in ("index", "rgb"):
        raise unknown_name(f"mask_encoding in {where}", encoding, ("index", "rgb"))
    classes = tuple(ClassSpec(*one) for one in class_list(raw["classes"], encoding, ignore_index, where))
    known = [one.name for one in classes]
    return Dataset(
        name=folder_name(raw.get("name", path.stem), where),
        path=path,
        digest=digest,
        root=_root(raw["root"], path, root),
        images=pattern(raw["images"], "images", where),
        masks=pattern(raw["masks"], "masks", where),
        objects=pattern(raw["objects"], "objects", where) if raw.get("objects") else None,
        mask_encoding=encoding,
        ignore_index=None if ignore_index is None else whole(ignore_index, "ignore_index", where, 0, 255),
        subsets=_subsets(raw["subsets"], where),
        classes=classes,
        background=_known(raw["background"], known, "background", where) if raw.get("background") else None,
        group=group_pattern(raw.get("group"), where),
        groups=_groups(raw.get("groups"), known, where),
        imbalance=_imbalance(raw.get("imbalance"), known, where),
        weak=_class_names(raw["weak"], known, "weak", where) if raw.get("weak") else None,
        trial=trial_defaults(raw.get("trial"), where),
    )


def _root(declared: Any, path: Path, override: str | None) -> Path:
    """Flag, then IMBSEG_ROOT, then the file's root (of several the first that exists), relative to its repository."""
    given = override or os.environ.get("IMBSEG_ROOT")
    if given:
        return Path(given).resolve()
    base = REPOSITORY if path.is_relative_to(REPOSITORY) else path.parent
    candidates = [(base / one).resolve() for one in listed(declared, "root", str(path))]
    return next((one for one in candidates if one.is_dir()), candidates[0])


def _subsets(raw: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(raw, dict):
        raise InputError(
            f"{where}: subsets: expected roles such as {{train: train.txt, test: test.txt}}, found {raw!r}"
        )
    check_keys(raw, ("train", "val", "test"), ("train", "test"), f"{where}: subsets")
    return {role: tuple(listed(files, f"subsets.{role}", where)) for role, files in raw.items()}


def _groups(raw: Any, known: list[str], where: str) -> dict[str, tuple[str, ...]] | None:
    if raw is None:
        return None
    check_keys(raw, GROUPS, (), f"{where}: groups")
    groups = {key: _class_names(raw.get(key) or [], known, f"groups.{key}", where) for key in GROUPS}
    flat = [name for names_ in groups.values() for name in names_]
    for name in flat:
        if flat.count(name) > 1:
            raise InputError(f"{where}: groups: class {name!r} stands in more than one place; leave it in one")
    return groups


def _imbalance(raw: Any, known: list[str], where: str) -> Imbalance | None:
    if raw is None:
        return None
    check_keys(raw, ("classes", "ratio", "seed"), ("classes", "ratio"), f"{where}: imbalance")
    classes = _class_names(raw["classes"], known, "imbalance.classes", where)
    if len(set(classes)) != max(1, len(classes)):
        raise InputError(f"{where}: imbalance.classes: expected one class or more, each once, found "
                         f"{raw['classes']!r}; mend it, or take 'imbalance' out")  # fmt: skip
    return Imbalance(
        classes=classes,
        ratio=number(raw["ratio"], "imbalance.ratio", where, 0.0, 1.0),
        seed=whole(raw.get("seed", 1), "imbalance.seed", where, 0, 2**31),
    )


def _class_names(raw: Any, known: list[str], key: str, where: str) -> tuple[str, ...]:
    return tuple(_known(name, known, key, where) for name in (listed(raw, key, where) if raw else []))


def _known(name: Any, known: list[str], key: str, where: str) -> str:
    if name not in known:
        raise unknown_name(f"class in {where}: {key}", name, known)
    return str(name)
