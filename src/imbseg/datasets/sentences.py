"""What pydantic finds wrong in a file of the user -> one sentence: which key, what was expected, what was found."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from imbseg.errors import InputError, unknown_name

FIRST = ("extra_forbidden", "invalid_key", "missing")  # a misspelt key explains the one that is missing
WORDS = {"string": "a text", "array": "a list", "boolean": "true or false"}
Node = dict[str, Any]  # of a JSON schema
Place = Sequence[int | str]


def sentence(error: ValidationError, model: type[BaseModel], where: str, raw: Mapping[str, Any]) -> str:
    """The gravest of pydantic's findings."""
    found = error.errors(include_url=False)
    keys = [one for kind in FIRST for one in found if one["type"] == kind and _is_key(one["loc"])]
    gravest, schema = (keys or found)[0], model.model_json_schema()
    kind, place = gravest["type"], _shown(gravest["loc"])
    if keys:
        return _key(kind, gravest["loc"], schema, where, raw)
    if isinstance(cause := gravest.get("ctx", {}).get("error"), InputError):
        told = str(cause)
        return told if where in told else f"{_where(where, place, raw)}: {told}"
    node = _node(schema, place)
    if kind == "literal_error":
        return str(unknown_name(f"{place[-1]} in {where}", gravest["input"], node["enum"]))
    if kind == "too_long":
        return f"{_where(where, place, raw)}: at most {node['maxItems']} fit, found {len(gravest['input'])}"
    value = _value(raw, place, gravest["input"])
    if kind == "too_short" and "examples" not in node:
        return f"{_where(where, place, raw)}: expected at least one entry, found an empty list"
    return f"{_where(where, place, raw)}: expected {_words(node)}, found {value!r}"


def _is_key(loc: Place) -> bool:
    """Whether a place is one of a key; else it is one of a number in a list: a colour of two lacks its third."""
    return not loc or isinstance(loc[-1], str) or len(loc) == 1


def _key(kind: str, loc: Place, schema: Node, where: str, raw: Mapping[str, Any]) -> str:
    """A key that is unknown (the nearest is named) or missing."""
    *place, key = loc
    node, there = _node(schema, place), _where(where, place, raw)
    if kind != "missing":
        return str(unknown_name(f"key in {there}:", key, node["properties"]))
    return f"{there}: lacks the key {key!r}; add it (needed: {', '.join(node['required'])})"


def _shown(loc: Place) -> tuple[int | str, ...]:
    """A place in a file: of a colour, the whole of it; of a list of names, the list."""
    place = tuple(loc)
    while place and isinstance(place[-1], int) and place != ("classes", place[-1]):
        place = place[:-1]
    return place


def _where(where: str, place: Place, raw: Mapping[str, Any]) -> str:
    """`x.yml: classes: value of 'sky'`."""
    if not place:
        return where
    if len(place) > 1 and isinstance(place[1], int):
        entry = _value(raw, place[:2], None)
        name = entry.get("name") if isinstance(entry, dict) else None
        if len(place) == 2 or not isinstance(name, str):
            return ": ".join([where, str(place[0]), f"entry {place[1]}", *map(str, place[2:])])
        return f"{where}: {place[0]}: {place[2]} of {name!r}"
    return f"{where}: {'.'.join(map(str, place))}"


def _value(raw: Any, place: Place, otherwise: Any) -> Any:
    try:
        for part in place:
            raw = raw[part]
    except (KeyError, IndexError, TypeError):
        return otherwise
    return raw


def _node(schema: Node, place: Place) -> Node:
    """What the schema says of a place."""
    node = schema
    for part in place:
        node = _opened(node, schema)
        inside = node.get("items", {}) if isinstance(part, int) else node.get("properties", {}).get(part, {})
        node = inside
    return _opened(node, schema)


def _opened(node: Node, schema: Node) -> Node:
    """A node without references and without the alternative null; its own description and examples stay."""
    if "anyOf" in node:
        node = next(one for one in node["anyOf"] if one.get("type") != "null") | {
            key: value for key, value in node.items() if key != "anyOf"
        }
    if "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]] | node
    return node


def _words(node: Node) -> str:
    if node.get("maxItems") == 3:
        return f"[R, G, B] of {node['items']['minimum']}..{node['items']['maximum']}"
    if node.get("type") in ("integer", "number"):
        whole = "a whole number" if node["type"] == "integer" else "a number"
        return f"{whole} between {node['minimum']} and {node['maximum']}"
    if "examples" in node:
        example = str(node["examples"][0]).replace("'", "")  # as YAML has it
        return f"{'a list' if node.get('type') == 'array' else 'keys'} such as {example}"
    if "properties" in node:
        return f"keys such as {', '.join(node['properties'])}"
    return WORDS.get(str(node.get("type")), "something else")
