"""MODEL_CARD.json -> MODEL_CARD.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from imbseg.datasets.labels import label_type
from imbseg.export.card import OPEN
from imbseg.page.markdown import escape

TEN_LINES = """\
import json
import numpy as np
import onnxruntime

card = json.load(open("MODEL_CARD.json", encoding="utf-8"))
session = onnxruntime.InferenceSession("model.onnx")
image = np.load("image.npy")  # (height, width, {channels}) {kind}, {names}; any size
labels, probabilities = session.run(None, {"image": image[None]})
for one in card["classes"]:
    print(one["name"], (labels[0] == one["index"]).mean(), probabilities[0, one["index"]].max())
"""
LIBRARY = """\
import segmentation_models_pytorch

model = segmentation_models_pytorch.from_pretrained("{folder}").eval()
"""
FILL = "*to be filled in*"


def text(card: dict[str, Any]) -> str:
    """The card for people."""
    parts = [*_opening(card), *_use(card), *_data(card), *_training(card), *_scores(card), *_limits(card)]
    parts += ["## To be filled in", *_table(("field", ""), [(name, card[name] or FILL) for name in OPEN])]
    return "\n\n".join(parts) + "\n"


def ten_lines(card: dict[str, Any]) -> str:
    """What labels an image without imbseg."""
    given = card["input"]
    how = {"channels": len(given["channels"]), "kind": given["kind"], "names": ", ".join(given["channels"])}
    return "".join(line.format(**how) if "{channels}" in line else line for line in TEN_LINES.splitlines(keepends=True))


def _opening(card: dict[str, Any]) -> list[str]:
    training = card["training"]["settings"]
    what = (
        f"{training['architecture']} with {training['encoder']}" if "architecture" in training else training["encoder"]
    )
    networks = len(card["networks"])
    how = f"{networks} networks, the mean of their probabilities" if networks > 1 else "one network"
    return [
        f"# {escape(str(card['data']['dataset']))}: {len(card['classes'])} classes, {escape(what)}",
        f"Semantic segmentation, {how}. Chosen: {escape(card['chosen'])}.",
    ]


def _use(card: dict[str, Any]) -> list[str]:
    files, correction = card["files"], card["correction"]
    parts = ["## Use", "With onnxruntime and numpy alone, in this folder:", f"```python\n{ten_lines(card)}```"]
    said = (
        f"Normalisation, resizing and correction are inside. `labels` (images, height, width) "
        f"{label_type(len(card['classes']))} are class indices, "
    )
    said += "`probabilities` (images, classes, height, width) float32. An image is seen whole."
    parts.append(said)
    if correction["post_hoc"] != "none":
        parts.append(f"Correction: {escape(correction['post_hoc'])}, strength {correction['strength']:g}.")
    if points := card["operating_points"]:
        said = ", ".join(f"{escape(name)} from {at:.4f}" for name, at in points.items())
        parts.append(f"Operating points: a pixel is the class where its probability reaches the threshold: {said}.")
    else:
        parts.append("Operating points: none; a pixel is its likeliest class.")
    parts.append(_table(("file", "content"), [(f"`{name}`", escape(one["content"])) for name, one in files.items()])[0])
    if folders := [one["from_pretrained"] for one in files.values() if one.get("from_pretrained")]:
        parts.append(f"```python\n{LIBRARY.format(folder=folders[0])}```")
    return parts + [escape(line) for one in files.values() for line in one.get("measured", ())]


def _data(card: dict[str, Any]) -> list[str]:
    data = card["data"]
    subsets = (("train", "train"), ("val", "validation"), ("test", "test"))
    known = [f"{data[f'{key}_images']} {name}" for key, name in subsets if data.get(f"{key}_images") is not None]
    rows = [(one["index"], escape(one["name"]), one["group"] or "") for one in card["classes"]]
    return ["## Data", f"{', '.join(known)} images." if known else "", *_table(("index", "class", "group"), rows)]


def _training(card: dict[str, Any]) -> list[str]:
    training = card["training"]
    settings = [(f"`{name}`", escape(str(value))) for name, value in training["settings"].items()]
    versions = ", ".join(f"{name} {version}" for name, version in (training["versions"] or {}).items())
    networks = [
        (f"`{one['run']}`", one["seed"], one["fold"], f"{one['best_epoch']} of {one['epochs']}", one["sha256"][:12])
        for one in card["networks"]
    ]
    return [
        "## Training",
        *_table(("setting", "value"), settings),
        *_table(("run", "seed", "fold", "best epoch", "SHA-256"), networks),
        f"Versions: {escape(versions)}.",
    ]


def _scores(card: dict[str, Any]) -> list[str]:
    seeds = card["seeds"]
    rows = []
    for name, row in card["scores"].items():
        ends = "" if row["low"] is None else f"[{row['low']:.3f}, {row['high']:.3f}]"
        ceiling = card["ceiling"].get(name.removeprefix("IoU/")) if name.startswith("IoU/") else None
        rows.append(
            (escape(name), f"{row['mean']:.3f}", ends, row["seeds"], "" if ceiling is None else f"{ceiling:.3f}")
        )
    many = len(seeds) > 1
    said = f"Test images, each network alone, as trained; mean over {len(seeds)} seed{'s' if many else ''}"
    said += ", 95 % interval by Student's t over the seeds." if many else ": one gives no interval."
    heading = ("score", "mean", "interval", "seeds", "ceiling")
    return ["## Scores", said + " Ceiling: IoU that true labels keep on the network's grid.", *_table(heading, rows)]


def _limits(card: dict[str, Any]) -> list[str]:
    rows = [
        (escape(one["truth"]), escape(one["predicted_as"]), f"{100 * one['share']:.1f} %") for one in card["confusions"]
    ]
    said = "Of the test pixels of a class, the share that is predicted as another."
    shown = [said, *_table(("class", "predicted as", "share"), rows)] if rows else ["None that the run counted."]
    return ["## Known confusions", *shown]


def _table(heading: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = [heading, ["---"] * len(heading), *rows]
    return ["\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)]
