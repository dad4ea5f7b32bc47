"""The JSON schema of data set files, by which editors complete and check them: data/datasets/dataset.schema.json."""

import json
import math
from typing import Any

from imbseg.datasets.spec import FOLDER, Dataset
from imbseg.trial.fields import FIELDS, KINDS
from imbseg.trial.values import Kind, show

FILE = FOLDER / "dataset.schema.json"
TYPES = {"int": "integer", "float": "number", "bool": "boolean"}
PLACES = ("dataset", "root", "meta")  # say where the data lies: no defaults of a data set
STRATEGY = {"description": "imbalance/split/sampling/copy_paste in one value, such as full/mskf/label/none."}
NULL = {"type": "null"}


def schema_text() -> str:
    """What the file holds."""
    schema = _untitled(Dataset.model_json_schema())
    settings = {name: _setting(name) for name in FIELDS if name not in PLACES}
    trial = schema["properties"]["trial"]
    trial["properties"], trial["additionalProperties"] = settings | {"strategy": STRATEGY}, False
    schema["properties"]["classes"]["items"] = {"anyOf": [{"type": "string"}, schema["properties"]["classes"]["items"]]}
    for name in ("objects", "background", "weak", "trial"):  # a key without a value is as good as none
        property_ = schema["properties"][name]
        property_["anyOf"] = [*property_.get("anyOf", [{"type": property_.pop("type", "object")}]), NULL]
    for said_otherwise in (schema["properties"]["name"], schema["$defs"]["ClassSpec"]["properties"]["value"]):
        del said_otherwise["default"]  # the file's name, the place in the list
    head = {"$schema": "http://json-schema.org/draft-07/schema#"}
    return json.dumps(head | schema, indent=1, ensure_ascii=False) + "\n"


def _setting(name: str) -> dict[str, Any]:
    kind, field = KINDS[name], FIELDS[name]
    told = f"{field.description}: {kind.describe()} (default {show(field.default)})"
    return {"description": told[0].upper() + told[1:] + ".", **_accepted(kind)}


def _accepted(kind: Kind) -> dict[str, Any]:
    """The names of a menu are offered, and what else it takes (a sum, an own function, a nested choice) is let pass."""
    if kind.choices:
        return {"anyOf": [{"enum": list(kind.choices)}, {"type": ["string", "object"]}]}
    if kind.type not in TYPES:
        return {"type": ["string", "integer", "null"]}
    low = {"exclusiveMinimum" if kind.open_low else "minimum": kind.low} if kind.low > -math.inf else {}
    high = {"maximum": kind.high} if kind.high < math.inf else {}
    words = [{"enum": [*kind.words, *(["none", None] if kind.optional else [])]}]
    return {"anyOf": [{"type": TYPES[kind.type], **low, **high}, *(words if words[0]["enum"] else [])]}


def _untitled(node: Any) -> Any:
    """Without the titles that pydantic gives every key: its name, capitalized."""
    if isinstance(node, list):
        return [_untitled(one) for one in node]
    if not isinstance(node, dict):
        return node
    return {key: _untitled(one) for key, one in node.items() if key != "title" or not isinstance(one, str)}
