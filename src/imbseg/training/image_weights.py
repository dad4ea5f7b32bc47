"""A weight for the loss of each image, from a CSV of the user's: doubtful labels count less, say."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from imbseg.errors import InputError
from imbseg.training.loop import Loss
from imbseg.training.samples import Batch


def read_image_weights(path: str, ids: Sequence[str]) -> list[float]:
    """The weights of some images, in their order.

    Args:
        path: a CSV with the columns id and weight; ids that aren't asked for may stand there.

    Raises:
        InputError: the file can't be read, an id is missing or stands there twice, or a weight is no number > 0.
    """
    where, found = f"image_weights {path}", dict[str, float]()
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle)
            header = rows.fieldnames or ()
            if not {"id", "weight"} <= set(header):
                raise InputError(f"{where}: expected the columns id and weight, found {', '.join(header) or 'none'}")
            for row in rows:
                if row["id"] in found:
                    raise InputError(f"{where}: id {row['id']!r} stands there twice; leave one row")
                found[row["id"]] = _weight(row["weight"], f"{where}, id {row['id']!r}")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{where}: can't be read ({getattr(error, 'strerror', None) or error})") from error
    if missing := [one for one in ids if one not in found]:
        lacking = f"no weight for {missing[0]!r} ({len(missing)} of {len(ids)} train images lack one)"
        raise InputError(f"{where}: has {lacking}; add them, 1 where an image counts as usual")
    return [found[one] for one in ids]


def weighted(loss_of: Loss) -> Loss:
    """The mean over a batch's images of `image_weight` times the loss of the image by itself."""

    def of_batch(logits: torch.Tensor, target: torch.Tensor, maps: Batch) -> torch.Tensor:
        parts = [
            weight * loss_of(logits[i : i + 1], target[i : i + 1], {name: one[i : i + 1] for name, one in maps.items()})
            for i, weight in enumerate(maps["image_weight"])
        ]
        return torch.stack(parts).mean()

    return of_batch


def _weight(text: str | None, where: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise InputError(f"{where}: expected a weight > 0, found {text!r}")
    return value
