"""Many images -> a folder of labels, overlays and predictions.csv; started again it does only what lacks."""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from imbseg.console import progress
from imbseg.datasets.read import read_image
from imbseg.errors import InputError
from imbseg.files import portable, read_object, sha256, whole_file, writable_folder, write_json
from imbseg.pictures import Key, class_colors, distinct_colors, sheet
from imbseg.pictures import Row as Pictures
from imbseg.predict.inputs import SETTINGS
from imbseg.predict.measured import Row
from imbseg.predict.outputs import Look, Place, write
from imbseg.predict.predictor import Predictor
from imbseg.training.folder import write_rows
from imbseg.trial.room import enough_memory
from imbseg.trial.stored import dataset_of
from imbseg.windows.pixels import opened

DONE = ".predicted.jsonl"
STATE = ("file", "bytes", "modified")  # what tells whether an image is still the same
DOUBTFUL = 12  # images on the sheet
Say = Callable[[str], None]


def predict_files(
    predictor: Predictor, images: Mapping[str, Path], out: Path, *, probabilities: bool = False, say: Say = print
) -> list[str]:
    """Label images, and write what a person reads of them.

    Args:
        images: name -> file.
        out: a folder of predictions of the same networks and settings, or a new one.
        probabilities: whether a 16-bit file a class is written, 65535 = 1.

    Returns:
        A sentence for each image that couldn't be read.

    Raises:
        InputError: the folder can't be written, or holds predictions of other networks or settings, or other
            files by the same names.
    """
    folder = writable_folder(out)
    look, upright = look_of(predictor)
    classes = look.names if probabilities else ()
    places = {name: Place.of(folder, name, file, classes) for name, file in images.items()}
    _same_settings(folder, predictor, places)
    done, problems = _done(folder), []
    missing = [name for name in images if not _is_done(done.get(name), images[name], places[name])]
    if len(missing) < len(images):
        say(f"{len(images) - len(missing)} of {len(images)} images are done already")
    with _table(folder, images, done):
        for name in progress(missing, total=len(missing), what=f"{len(missing)} images"):
            try:
                row = _predict(predictor, images[name], places[name], look, upright)
            except InputError as error:
                problems.append(str(error))
                continue
            done[name] = _state(images[name]) | {"row": row}
            with (folder / DONE).open("a", encoding="utf-8") as handle:
                handle.write(json.dumps({"name": name, **done[name]}) + "\n")
    _write_doubtful(folder, {name: done[name]["row"] for name in images if name in done}, places, look)
    return problems


def _predict(predictor: Predictor, file: Path, place: Place, look: Look, orientation: str) -> Row:
    """Label an image and write its files."""
    other = "cut it into tiles (--tile 512x512), or its file in parts"
    memory = enough_memory(predictor.members[0].stored.trial, "this machine", f"image {file}: its pixels", other)
    with memory, opened(file, orientation, predictor.layout) as pixels:
        height, width = pixels.size
        return {"height": height, "width": width, **write(predictor, pixels, place, look)}


def look_of(predictor: Predictor) -> tuple[Look, str]:
    """Colours of the classes, and how photographs are turned: as the data set says, if its file is still there."""
    names = predictor.class_names
    try:
        dataset = dataset_of(predictor.members[0].stored.about)
    except (InputError, OSError):
        return Look(names, np.array(distinct_colors(len(names)), np.uint8)), "upright"
    return Look(names, class_colors(dataset), dataset.background_index), dataset.orientation or "upright"


def _same_settings(folder: Path, predictor: Predictor, places: Mapping[str, Place]) -> None:
    """Write what the folder's predictions are made with, or hold it against what is there; spare others' files."""
    file = folder / SETTINGS
    networks = {portable(one.stored.folder): sha256(one.stored.folder / "best.pt") for one in predictor.members}
    now = {"networks": networks, **predictor.settings()}
    if not file.is_file():
        if there := [one for place in places.values() for one in place.files if one.exists()]:
            raise InputError(f"{there[0]}: would be overwritten, and isn't of predict.py; choose another --out")
        write_json(file, now)
        return
    before = read_object(file)
    differ = [name for name in {**before, **now} if before.get(name) != json.loads(json.dumps(now)).get(name)]
    if differ:
        what = "; ".join(f"{name} was {before.get(name)}, is {now.get(name)}" for name in differ)
        raise InputError(f"{folder}: holds predictions made otherwise ({what}); choose another --out")


def _done(folder: Path) -> dict[str, Any]:
    """What is known of the images that an earlier start labelled; a line that was cut short is none."""
    found: dict[str, Any] = {}
    file = folder / DONE
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []:
        with contextlib.suppress(json.JSONDecodeError, TypeError, KeyError):
            one = json.loads(line)
            found[str(one["name"])] = {"row": {**one["row"]}, **{key: one[key] for key in STATE}}
    return found


def _state(file: Path) -> dict[str, Any]:
    """What tells whether a file is still the same."""
    about = file.stat()
    return {"file": portable(file), "bytes": about.st_size, "modified": about.st_mtime_ns}


def _is_done(known: Mapping[str, Any] | None, file: Path, place: Place) -> bool:
    if known is None or not file.is_file() or not all(one.is_file() for one in place.files):
        return False
    return {name: known.get(name) for name in STATE} == _state(file)


@contextlib.contextmanager
def _table(folder: Path, images: Mapping[str, Path], done: Mapping[str, Any]) -> Iterator[None]:
    """predictions.csv stands there in the end, whatever ends the work early."""
    try:
        yield
    finally:
        rows = [
            {"image": _as_text(name), "file": _as_text(done[name]["file"]), **done[name]["row"]}
            for name in images
            if name in done
        ]
        if rows:
            write_rows(folder / "predictions.csv", rows)


def _as_text(name: str) -> str:
    """A file's name as a table holds it: bytes that are no letters as they are numbered."""
    return name.encode(errors="backslashreplace").decode()


def _write_doubtful(folder: Path, rows: Mapping[str, Row], places: Mapping[str, Place], look: Look) -> None:
    """A sheet of the images with the largest share of doubtful pixels: those to label next."""
    order = sorted(rows, key=lambda name: -float(rows[name]["doubtful_share"]))[:DOUBTFUL]
    if not order:
        return
    pictures = []
    for name in order:
        picture = read_image(places[name].overlay)
        factor = 320 / max(picture.shape[:2])
        size = [max(1, round(side * factor)) for side in picture.shape[1::-1]]
        pictures.append(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST))
    captions = [f"{name}: {100 * float(rows[name]['doubtful_share']):.1f} % doubtful" for name in order]
    keys = [Key(name, tuple(color.tolist())) for name, color in zip(look.names, look.colors, strict=True)]
    drawn = sheet("Most doubtful images: label these next", [Pictures(pictures, captions)], keys)
    with whole_file(folder / "doubtful.png") as temporary:
        drawn.save(temporary)
