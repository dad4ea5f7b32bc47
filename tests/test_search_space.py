"""Every key and every choice of every search space is known to Trial; so is every flag of every trial command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from imbseg.manager.space import options
from imbseg.trial import parse_flags, resolve

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = sorted([REPOSITORY / "nni_config.yml", *(REPOSITORY / "configs").glob("*.yml")])


def choices(space: dict[str, Any]) -> list[dict[str, Any]]:
    """One sampled value at a time, the ends of a range for what is no choice."""
    return [{key: value} for key, entry in space.items() for value in values_of(entry, key)]


def values_of(entry: dict[str, Any], key: str) -> list[Any]:
    nested = isinstance(entry["_value"][0], dict)
    return options(entry, key) if nested else entry["_value"] if entry["_type"] == "choice" else entry["_value"][:2]


def space_of(config: Path) -> dict[str, Any]:
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    if "searchSpace" in content:
        return content["searchSpace"]
    return json.loads((config.parent / content["searchSpaceFile"]).read_text(encoding="utf-8"))


def check(config: Path) -> int:
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    space = space_of(config)
    script = next(i for i, word in enumerate(shlex.split(content["trialCommand"])) if word.endswith("train_nni.py"))
    flags = parse_flags(shlex.split(content["trialCommand"])[script + 1 :])
    first = {key: values_of(entry, key)[0] for key, entry in space.items()}
    for sampled in choices(space):
        resolve(flags, {**first, **sampled})
    return len(choices(space))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_choice_is_known(config: Path) -> None:
    assert check(config) > 0


def test_nothing_is_left_over() -> None:
    contents = [(config.parent, yaml.safe_load(config.read_text(encoding="utf-8"))) for config in CONFIGS]
    named = {folder / content["searchSpaceFile"] for folder, content in contents if "searchSpaceFile" in content}
    assert named == {REPOSITORY / "search_space.json", *(REPOSITORY / "configs").glob("*_space.json")}
