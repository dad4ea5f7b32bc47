"""A predictor -> a folder: ONNX held against the network, the library's format, a model card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imbseg.datasets.ids import image_rows
from imbseg.datasets.read import read_image
from imbseg.errors import InputError, listed
from imbseg.export.card import Card, card
from imbseg.export.card_text import text
from imbseg.export.library import CONFIG, WEIGHTS, save
from imbseg.export.module import Exported, input_kinds
from imbseg.export.onnx_file import Array, Session, compare, need, photographs, write
from imbseg.export.quantize import quantize, scores
from imbseg.files import read_object, replaceable_folder, sha256, whole_folder, write_json, write_text
from imbseg.predict.evaluate import class_groups
from imbseg.predict.predictor import Predictor
from imbseg.runs.collect import Run
from imbseg.trial.stored import dataset_of

CARD, PLAIN, INT8 = "MODEL_CARD.json", "model.onnx", "model_int8.onnx"
ALLOWED = 1e-4  # difference of a probability
SIZES = ((1, 1), (31, 33), (64, 64), (65, 127), (96, 160), (128, 128), (200, 120), (255, 257), (224, 320), (320, 240))
PHOTOGRAPHS = 10
Say = Callable[[str], None]


def export(
    predictor: Predictor, runs: Sequence[Run], out: Path, kinds: Sequence[str], say: Say = print, *, int8: bool = False
) -> Card:
    """Write model.onnx (and the others asked for), weights, MODEL_CARD.md and .json; all of it or nothing.

    Args:
        predictor: on the CPU.
        runs: whose networks they are.
        kinds: of input: the type of the images' values for model.onnx, and float32 for model_float32.onnx.
        int8: whether model_int8.onnx is written too; it takes the data set.

    Raises:
        InputError: the folder holds something else, a package is missing, or a file isn't what the network gives.
    """
    for name in ("onnx", "onnxruntime"):
        need(name)
    folder = replaceable_folder(out)
    _refuse_others(folder)
    native = input_kinds(predictor.layout)[0]
    modules = {PLAIN if kind == native else f"model_{kind}.onnx": Exported(predictor, kind) for kind in kinds}
    with whole_folder(folder) as draft:
        files: dict[str, Card] = {}
        for name, module in modules.items():
            files[name] = _onnx(predictor, module, draft / name)
        if int8:
            files[INT8] = _int8(predictor, draft)
        files |= _weights(predictor, draft, say)
        found = card(predictor, runs, files)
        write_json(draft / CARD, found)
        write_text(draft / "MODEL_CARD.md", text(found))
    for one in files.values():
        for line in one.get("measured", ()):
            say(line)
    return found


def _refuse_others(folder: Path) -> None:
    """Spare what export.py didn't write, also beside what it wrote."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / CARD).is_file():
        raise InputError(f"{folder}: isn't of export.py and would be replaced; choose another --out")
    files = read_object(folder / CARD, "files")["files"]
    ours = {CARD, "MODEL_CARD.md", *files, *(str(Path(name).with_name(CONFIG)) for name in files)}
    there = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    if others := [one for one in there if one not in ours]:
        raise InputError(
            f"{folder}: would be replaced, and {listed(others)} in it isn't of export.py; choose another --out"
        )


def _onnx(predictor: Predictor, module: Exported, file: Path) -> Card:
    write(module, file)
    session = Session.of(file, torch.get_num_threads())
    drawn = compare(module, session, _drawn(predictor))
    if drawn.largest > ALLOWED:
        problem = f"differs from the network by {drawn.largest:.2g} in a probability, {ALLOWED:g} is allowed"
        raise InputError(f"{file.name}: {problem}; nothing was written; report it, with the run's trial.json")
    values = predictor.layout.values
    top = f"0..{values.high:.0f}" if module.top == 1 else "0..1"
    what = f"{module.kind}, {top}" if not values.clips else f"{module.kind}, as the files have them"
    lines = [f"{file.name}: at most {drawn.largest:.1e} from the network in PyTorch, {drawn.images} sizes of images."]
    measured: Card = {"largest_difference": drawn.largest, "sizes": drawn.images}
    if images := list(_test_images(predictor)):
        seen = photographs(predictor, session, images, module)
        height, width = images[-1].shape[:2]
        lines.append(
            f"{file.name}: {100 * (1 - seen.differing):.3f} % of the pixels of {seen.images} test images have the "
            f"label that predict.py gives; an image of {width} x {height} takes {seen.seconds[0]:.3f} s in PyTorch, "
            f"{seen.seconds[1]:.3f} s in onnxruntime ({torch.get_num_threads()} threads)."
        )
        measured |= {"photographs": seen.images, "labels_as_predicted": 1 - seen.differing}
        measured |= {"seconds_pytorch": seen.seconds[0], "seconds_onnxruntime": seen.seconds[1]}
    names = predictor.layout.channels
    content = f"image (images, height, width, {len(names)}) {what}; {', '.join(names)} -> labels, probabilities"
    return {"content": content, "sha256": sha256(file), **measured, "measured": lines}


def _drawn(predictor: Predictor) -> list[Array]:
    """Images of all SIZES, of values within the range and, where that is floats, beyond it."""
    rng, values, channels = np.random.default_rng(1), predictor.layout.values, len(predictor.layout.channels)
    if not values.clips:
        return [rng.integers(0, int(values.high) + 1, (*size, channels)).astype(values.kind) for size in SIZES]
    low, high = (np.array(one) for one in predictor.members[0].stored.normalisation[2:4])
    beyond = (high - low) / 8
    return [rng.uniform(low - beyond, high + beyond, (*size, channels)).astype(np.float32) for size in SIZES]


def _test_images(predictor: Predictor) -> Iterator[Array]:
    """The first test images; none where the data set is gone."""
    try:
        dataset = dataset_of(predictor.members[0].stored.about)
        rows = [row for row in image_rows(dataset) if row.subset == "test"][:PHOTOGRAPHS]
        yield from (read_image(dataset.root / row.image, dataset.orientation, predictor.layout) for row in rows)
    except (InputError, OSError):
        return


def _int8(predictor: Predictor, draft: Path) -> Card:
    """The 8-bit file, and what it scores on all test images beside the other."""
    dataset, names = dataset_of(predictor.members[0].stored.about), predictor.class_names
    images, groups = quantize(draft / PLAIN, draft / INT8, dataset), class_groups(predictor, dataset)
    sessions = [Session.of(draft / name, torch.get_num_threads()) for name in (PLAIN, INT8)]
    before, after = (scores(one, dataset, names, groups) for one in sessions)
    changes = ", ".join(f"{name} {before[name]:.3f} -> {after[name]:.3f}" for name in before)
    sizes = " -> ".join(f"{(draft / name).stat().st_size / 1e6:.1f}" for name in (PLAIN, INT8))
    return {
        "content": f"as {PLAIN}, convolutions in 8 bits, their ranges from {images} train images",
        "sha256": sha256(draft / INT8),
        "float32": before,
        "int8": after,
        "measured": [f"{INT8}: {changes} on the test images; {sizes} MB."],
    }


def _weights(predictor: Predictor, draft: Path, say: Say) -> dict[str, Card]:
    """A folder that the library reads a network, DIR itself where there is one."""
    files: dict[str, Card] = {}
    for number, member in enumerate(predictor.members, 1):
        place = "" if len(predictor.members) == 1 else f"networks/{number}/"
        held = save(member.stored.model, draft / place)
        mean, std = member.stored.normalisation.mean, member.stored.normalisation.std
        about: dict[str, Any] = {"content": f"weights; normalised by mean {mean}, standard deviation {std} of 0..1"}
        if held:
            about |= {"from_pretrained": place or ".", "content": f"{about['content']}; with {CONFIG}"}
        else:
            why = "segmentation_models_pytorch can't hold decoder_stride 2, which is a decoder of imbseg"
            say(f"{why}: {place}{WEIGHTS} holds the weights alone")
            about["content"] += f"; {why}"
        files[f"{place}{WEIGHTS}"] = about | {"sha256": sha256(draft / place / WEIGHTS)}
    return files
