"""Every key and every choice of every search space is known to Trial; so is every flag of every trial command."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from imbseg.errors import InputError
from imbseg.trial import parse_flags, resolve

REPOSITORY = Path(__file__).resolve().parents[1]
CONFIGS = sorted([REPOSITORY / "nni_config.yml", *(REPOSITORY / "configs").glob("*.yml")])


def choices(space: dict[str, Any]) -> list[dict[str, Any]]:
    """One sampled value at a time, the ends of a range for what is no choice."""
    found = []
    for key, entry in space.items():
        values = entry["_value"] if entry["_type"] == "choice" else entry["_value"][:2]
        found += [{key: value} for value in values]
    return found


def check(config: Path) -> int:
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    space = json.loads((config.parent / content["searchSpaceFile"]).read_text(encoding="utf-8"))
    script = next(i for i, word in enumerate(shlex.split(content["trialCommand"])) if word.endswith("train_nni.py"))
    flags = parse_flags(shlex.split(content["trialCommand"])[script + 1 :])
    first = {key: entry["_value"][0] for key, entry in space.items()}
    for sampled in choices(space):
        resolve(flags, {**first, **sampled})
    return len(choices(space))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_every_choice_is_known(config: Path) -> None:
    assert check(config) > 0


def test_nothing_is_left_over() -> None:
    named = {config.parent / yaml.safe_load(config.read_text())["searchSpaceFile"] for config in CONFIGS}
    assert named == {REPOSITORY / "search_space.json", *(REPOSITORY / "configs").glob("*_space.json")}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"los": {"_type": "choice", "_value": ["focal"]}}, "did you mean 'loss'"),
        ({"loss": {"_type": "choice", "_value": ["focal", "nosuch"]}}, "unknown loss 'nosuch'"),
        ({"lr": {"_type": "loguniform", "_value": [0, 1]}}, "lr: expected a number > 0"),
    ],
)
def test_this_test_sees_a_wrong_space(tmp_path: Path, space: dict[str, Any], message: str) -> None:
    (tmp_path / "space.json").write_text(json.dumps(space))
    command = "python src/train_nni.py --dataset voc2012"
    (tmp_path / "x.yml").write_text(yaml.safe_dump({"searchSpaceFile": "space.json", "trialCommand": command}))
    with pytest.raises(InputError, match=message):
        check(tmp_path / "x.yml")
