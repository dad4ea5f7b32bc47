"""A trial.json of any version; what it names -> its data set and its meta, also where they were moved since."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.files import REPOSITORY
from imbseg.meta import read


def by_todays_names(about: Mapping[str, Any]) -> dict[str, Any]:
    """A trial.json as this version writes it: `amp`, which earlier versions had, is a precision now.

    >>> by_todays_names({"parameters": {"amp": True}, "sources": {"amp": "flag"}})
    {'parameters': {'precision': 'float16'}, 'sources': {'precision': 'flag'}}
    """
    words, found = {"True": "float16", "False": "float32"}, dict(about)
    for part in ("parameters", "sources"):
        if isinstance(inside := about.get(part), dict):
            found[part] = {
                "precision" if name == "amp" else name: words.get(str(value), value) if name == "amp" else value
                for name, value in inside.items()
            }
    return found


def dataset_of(about: Mapping[str, Any]) -> spec.Dataset:
    """The data set by the name or path that the trial was given, else by where its file lay.

    Raises:
        InputError: no such file, a broken one, or one that declares other classes than the trial had.
    """
    settings = about["parameters"]
    root = _there(settings.get("root"))  # data that was moved lie where IMBSEG_ROOT or the file says
    name, file = str(settings.get("dataset")), REPOSITORY / str(about.get("dataset_file"))
    try:
        dataset = spec.load(name, root=root)
    except InputError:
        if not file.is_file():
            raise
        dataset = spec.load(str(file), root=root)
    if dataset.digest != about.get("dataset_sha256") and file.is_file():
        dataset = spec.load(str(file), root=root)  # the name leads to another file by now
    if list(about.get("weights_of_classes", {})) != list(dataset.class_names):
        other = "bring back the file that it was trained with, or train again"
        raise InputError(f"{dataset.path}: declares other classes than the trial had; {other}")
    return dataset


def meta_of(about: Mapping[str, Any], dataset: spec.Dataset) -> read.Meta:
    """The meta where the trial found it, else where make_meta.py writes it.

    Raises:
        InputError: it is missing, broken, or of another version of the data set file.
    """
    return read.read_meta(dataset, read.meta_folder(dataset, _there(about["parameters"].get("meta"))))


def _there(folder: Any) -> str | None:
    return folder if isinstance(folder, str) and Path(folder).is_dir() else None
