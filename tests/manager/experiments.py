"""Configs and meta of a small experiment, made in a test's own folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from imbseg.datasets import spec
from imbseg.meta.read import FILES

COLUMNS = ("full/mskf/seed1", "full/mskf/seed2", "full/random/seed1")
SPACE = {"seed": {"_type": "choice", "_value": [1, 2]}}


def write_config(folder: Path, **changes: Any) -> Path:
    """A config that passes every check; a change of None takes a key out."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "train_nni.py").touch()
    config = {
        "searchSpace": SPACE,
        "trialCommand": command(folder),
        "trialConcurrency": 2,
        "tuner": {"name": "GridSearch"},
        "trainingService": {"platform": "local"},
        **changes,
    }
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({key: value for key, value in config.items() if value is not None}))
    return path


def command(folder: Path, *, strategy: str = "--strategy full/mskf/none/none", more: str = "") -> str:
    """A trial command on the sample, with data and meta in the test's folder."""
    return (
        f"python src/train_nni.py --dataset sample --root {folder}/raw --meta {folder}/meta {strategy} {more}".strip()
    )


def write_meta(folder: Path, columns: tuple[str, ...] = COLUMNS) -> None:
    """As much of the sample's meta as is checked before a start, and its root."""
    (folder / "raw").mkdir(exist_ok=True)
    meta = folder / "meta"
    meta.mkdir(exist_ok=True)
    for name in FILES:
        (meta / name).touch()
    (meta / "images.csv").write_text(",".join(("id", "subset", *columns)) + "\n")
    manifest = {"dataset_sha256": spec.load("sample").digest, "root": str(folder / "raw"), "files": {}}
    (meta / "manifest.json").write_text(json.dumps(manifest))
