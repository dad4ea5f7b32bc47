"""Predictions kept beside the report: a second report reads them, and no network runs."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.files import read_object, sha256, whole_file
from imbseg.metrics.predicted import Bytes, Predicted, Predictions

Predict = Callable[[Path, Sequence[str]], Predictions]  # (run folder, ids of test images)
VERSION = 1  # of the files
QUALITY = 95  # of the photographs in them, JPEG's scale
DATA = ("dataset_sha256", "meta_sha256")  # in trial.json


def predictions(predict: Predict, run: Path, ids: Sequence[str], kept: Path) -> Predictions:
    """What `predict` gives, from the file that keeps it where that was made of the same network, data and images.

    Args:
        predict: asked where the file is missing, broken or of another network; what it raises goes on.
    """
    key = _key(run, ids)
    found = _load(kept, key, ids)
    if found is None:
        _keep(kept, key, predict(run, ids))
        found = _load(kept, key, ids)  # through the file, so that a second report shows the same bytes
    if found is None:
        raise AssertionError(f"{kept} was just written")
    return found


def _key(run: Path, ids: Sequence[str]) -> str:
    """What the predictions follow from; a missing network is for `predict` to tell."""
    network, about = run / "best.pt", read_object(run / "trial.json")
    parts = [VERSION, sha256(network) if network.is_file() else "", *(about.get(name) for name in DATA), list(ids)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _keep(kept: Path, key: str, found: Predictions) -> None:
    arrays: dict[str, Any] = {"key": np.array(key), "doubt": np.array(found.doubt)}
    for number, one in enumerate(found.images):
        jpeg = cv2.imencode(".jpg", one.picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        arrays |= {f"picture{number}": jpeg, f"truth{number}": one.truth, f"prediction{number}": one.prediction}
    with whole_file(kept) as temporary, temporary.open("wb") as handle:
        np.savez_compressed(handle, **arrays)


def _load(kept: Path, key: str, ids: Sequence[str]) -> Predictions | None:
    """None where the file is missing, broken, or made from anything else."""
    try:
        with kept.open("rb") as handle, np.load(handle) as stored:
            if str(stored["key"]) != key:
                return None
            images = tuple(_image(stored, number, one) for number, one in enumerate(ids))
            return Predictions(images, str(stored["doubt"]))
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, cv2.error):
        return None


def _image(stored: Any, number: int, image_id: str) -> Predicted:
    picture: NDArray[np.uint8] = np.asarray(cv2.imdecode(stored[f"picture{number}"], cv2.IMREAD_COLOR_RGB), np.uint8)
    truth: Bytes = stored[f"truth{number}"]
    return Predicted(image_id, picture, truth, stored[f"prediction{number}"])
