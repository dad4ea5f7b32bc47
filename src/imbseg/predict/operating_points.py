"""A class's threshold, chosen on validation images so that a wanted share of its pixels is found; labels with it."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.errors import InputError, unknown_name
from imbseg.files import read_object, sha256, write_json

FILE = "operating_points.json"
PATTERN = re.compile(r"(?P<name>.+):recall=(?P<recall>0?\.\d+|1(\.0*)?)")
Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Point:
    """What is asked for: of a class this share of the pixels."""

    name: str
    recall: float


def read_points(words: Sequence[str], class_names: Sequence[str]) -> list[Point]:
    """Texts such as pedestrian:recall=.9.

    Raises:
        InputError: one is something else, of no class, or of a class that stands there twice; or every class has one.
    """
    found = []
    for word in words:
        match = PATTERN.fullmatch(word)
        if match is None or not 0 < float(match["recall"]) <= 1:
            raise InputError(f"operating_point: expected CLASS:recall=R with R in (0, 1], found {word!r}")
        if match["name"] not in class_names:
            raise unknown_name("class of an operating point", match["name"], class_names)
        found.append(Point(match["name"], float(match["recall"])))
    names = [one.name for one in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"operating_point: {twice[0]!r} stands there twice; name it once")
    if set(names) == set(class_names):
        raise InputError("operating_point: every class has one, so none is left for the other pixels; leave one out")
    return found


def threshold(probabilities: Floats, recall: float) -> float:
    """The largest threshold that at least a share of a class's pixels reaches.

    Args:
        probabilities: (pixels,) of the class, at the pixels that truly are of it; at least one.
        recall: the share, in (0, 1].

    >>> threshold(np.array([0.9, 0.1, 0.5, 0.7], np.float32), 0.75)
    0.5
    """
    wanted = max(1, math.ceil(recall * len(probabilities) - 1e-9))
    place = len(probabilities) - wanted
    return float(np.partition(probabilities, place)[place])


def decide(probabilities: torch.Tensor, thresholds: Mapping[int, float]) -> torch.Tensor:
    """A pixel is a class with a threshold where its probability reaches that, else the likeliest of the others.

    Of two classes that reach theirs it is the one that exceeds its own by the larger factor.

    Args:
        probabilities: (1, classes, height, width).
        thresholds: class index -> threshold.

    Returns:
        (1, height, width) int64.
    """
    places, chosen = list(thresholds), probabilities.clone()
    chosen[:, places] = -1
    labels = chosen.max(dim=1).indices
    limits = probabilities.new_tensor(list(thresholds.values())).view(1, -1, 1, 1)
    asked = probabilities[:, places]
    ratios, best = torch.where(asked >= limits, asked / limits.clamp_min(1e-30), -1).max(dim=1)
    return torch.where(ratios >= 0, torch.tensor(places, device=best.device)[best], labels)


def keep(run: Path, points: Mapping[str, Mapping[str, Any]], class_names: Sequence[str]) -> Path:
    """Write a run's thresholds, beside those of other classes that it has already.

    Raises:
        InputError: every class would have one.
    """
    file = run / FILE
    before = read_object(file) if file.is_file() else {}
    network = sha256(run / "best.pt")
    known = before.get("points", {}) if before.get("network") == network else {}
    if {*known, *points} >= {*class_names}:
        others = ", ".join(name for name in known if name not in points)
        what = f"every class would have one, with those of {file} ({others})"
        raise InputError(f"operating_point: {what}; remove that file")
    write_json(file, {"network": network, "points": {**known, **points}})
    return file


def kept(run: Path, class_names: Sequence[str]) -> dict[int, float]:
    """Class index -> threshold, as a run keeps them; empty where it has none.

    Raises:
        InputError: the file is broken, or its thresholds were chosen for another network.
    """
    file = run / FILE
    if not file.is_file():
        return {}
    about = read_object(file, "points")
    again = "remove it, or choose them again with evaluate.py --operating_point"
    if about.get("network") != sha256(run / "best.pt"):
        raise InputError(f"{file}: its thresholds were chosen for another network than best.pt; {again}")
    try:
        found = {list(class_names).index(name): float(one["threshold"]) for name, one in about["points"].items()}
        if outside := [at for at in found.values() if not 0 <= at <= 1]:
            raise ValueError(f"{outside[0]:g} is no probability")
        if len(found) == len(class_names):
            raise ValueError("every class has one, and none is left for the other pixels")
        return found
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise InputError(f"{file}: expected a threshold of some classes ({error}); {again}") from error
