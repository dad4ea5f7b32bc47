"""The JSON schema of data set files: as committed, as strict as the models, and named by every data set file."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from imbseg.datasets.spec import FOLDER, Dataset, load
from imbseg.trial.fields import FIELDS
from imbseg.trial.schema import FILE, PLACES, schema_text

SCHEMA = json.loads(FILE.read_text(encoding="utf-8"))
NAMES = ("camvid", "coffee", "idrid", "sample", "voc2012")


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_text(), "run python tools/write_schema.py"


@pytest.mark.parametrize("name", NAMES)
def test_each_data_set_file_names_it_and_passes(name: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=dataset.schema.json\n")
    jsonschema.validate(yaml.safe_load(text), SCHEMA)


def test_every_key_and_setting_has_a_description() -> None:
    assert SCHEMA["properties"].keys() == Dataset.model_fields.keys() - {"path", "digest"}
    settings = SCHEMA["properties"]["trial"]["properties"]
    assert settings.keys() == {*FIELDS, "strategy"} - {*PLACES}
    inner = [one for part in SCHEMA["$defs"].values() for one in part["properties"].values()]
    assert all(one["description"] for one in (*SCHEMA["properties"].values(), *settings.values(), *inner))


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({"classes": ["sky", {"name": "road", "value": 255, "color": [1, 2, 3]}]}, True),
        ({"trial": {"crop": "256x192", "resize": None, "loss": "focal+dice", "lr": 0.1, "optimizer": "adamw"}}, True),
        ({"trial": {"loss": {"_name": "focal", "gamma": 2}}}, True),
        ({"weak": "road", "groups": {"tail": None}, "root": ["a", "b"], "objects": None, "ignore_index": None}, True),
        ({"trial": {"crp": 256}}, False),
        ({"trial": {"lr": 0}}, False),
        ({"trial": {"epochs": 1.5}}, False),
        ({"bakground": "sky"}, False),
        ({"orientation": "left"}, False),
        ({"subsets": {"train": "a"}}, False),
        ({"classes": [{"name": "a", "color": [1, 2]}]}, False),
        ({"classes": [{"name": "a", "value": 65536}]}, False),
        ({"channels": ["nir"], "range": {"percentile": [1, 99]}, "shown": "nir"}, True),
        ({"range": [0, 4095]}, True),
        ({"range": "int16"}, False),
        ({"range": [0]}, False),
        ({"imbalance": {"classes": ["road"], "ratio": 2}}, False),
    ],
)
def test_the_schema_is_as_strict_as_the_models(change: dict[str, Any], fits: bool) -> None:
    content = {"root": "x", "images": "{id}.png", "masks": "{id}.png", "subsets": {"train": "a", "test": "b"},
               "classes": ["sky", "road"]} | change  # fmt: skip
    assert jsonschema.Draft7Validator(SCHEMA).is_valid(content) == fits


def test_the_line_for_editors_changes_no_digest(tmp_path: Any) -> None:
    text = (FOLDER / "sample.yml").read_text(encoding="utf-8")
    (tmp_path / "sample.yml").write_text(text.partition("\n")[2])
    assert load(str(tmp_path / "sample.yml")).digest == load("sample").digest
    # that of the stored runs of docs/sample_runs
    assert load("sample").digest == "a48cf86ae14cf4aeb8f44500927822ffe113ff5aeb91ddacd3b73d8ea41ff496"
