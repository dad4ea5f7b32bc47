"""Run folders with hand-set numbers, in the layout that training writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from imbseg.metrics.counts import Counts, save_counts

CLASSES = ("sky", "road", "pole")
WEIGHTED = {"loss": "weighted_cross_entropy", "class_weights": "inverse_sqrt"}
PARAMETERS = {
    "dataset": "tiny", "root": None, "meta": None, "imbalance": "full", "split": "mskf", "sampling": "none",
    "copy_paste": "none", "fold": 0, "split_seed": None, "loss": "cross_entropy", "class_weights": "none",
    "gamma": 2.0, "alpha": None, "lr": 0.01, "epochs": 2, "seed": 1, "threads": 2, "workers": 2, "device": "cpu",
}  # fmt: skip


def make_run(
    folder: Path,
    *,
    test: Sequence[float] | Mapping[str, float] = (0.8, 0.6, 0.1),
    val: Sequence[float] | None = None,
    classes: Sequence[str] = CLASSES,
    tail: Sequence[str] = ("pole",),
    status: str = "finished",
    message: str | None = None,
    meta: str = "m" * 64,
    about: Mapping[str, Any] | None = None,
    counts: Sequence[int] | None = None,
    prior: Mapping[str, float] | None = None,
    **parameters: Any,
) -> Path:
    """Write one run folder: IoU of each class on the test and validation images, everything else follows.

    Args:
        folder: the run folder.
        test: IoU a class; NaN for a class in no image.
        val: the same for validation; default: as test.
        classes: names in index order.
        tail: the tail's names; the others are the head.
        status: of status.json.
        message: of status.json.
        meta: digest of the meta.
        about: what else stands in trial.json.
        counts: test pixels a class, written to counts_test.npz; None: no such file.
        prior: what the result holds of the corrected prior, such as {"test/prior/tail": 0.2}.
        parameters: settings other than PARAMETERS'.
    """
    folder.mkdir(parents=True)
    settings = {**PARAMETERS, **parameters}
    settings["strategy"] = "/".join(str(settings[part]) for part in ("imbalance", "split", "sampling", "copy_paste"))
    description = {"parameters": settings, "dataset_sha256": hashlib.sha256(str(classes).encode()).hexdigest(),
             "meta_sha256": meta, "weights_of_classes": dict.fromkeys(classes, 1.0), **(about or {})}  # fmt: skip
    (folder / "trial.json").write_text(json.dumps(description), encoding="utf-8")
    best = _scores(classes, test if val is None else val, tail)
    _write_epochs(folder, [{name: value / 2 for name, value in best.items()}, best])
    ended: dict[str, Any] = {"status": status}
    if status == "finished":
        scores = {name: value for name, value in _scores(classes, test, tail).items() if value == value}
        ended |= {"best_epoch": 2, "epochs": 2, "test": scores, "result": dict(prior or {})}
    if message:
        ended["message"] = message
    (folder / "status.json").write_text(json.dumps(ended), encoding="utf-8")
    (folder / "timing.csv").write_text("epoch,train_s,val_s\n1,10.0,1.0\n2,10.5,1.0\n", encoding="utf-8")
    if counts is not None:
        _write_counts(folder / "counts_test.npz", np.array([counts], np.int64))
    return folder


def _scores(classes: Sequence[str], iou: Any, tail: Sequence[str]) -> dict[str, float]:
    values = dict(zip(classes, iou, strict=True))
    scores = {"mIoU": _mean(values.values())}
    for group, names in (("head", [name for name in classes if name not in tail]), ("tail", tail)):
        if names:
            scores[group] = _mean(values[name] for name in names)
    return scores | {f"IoU/{name}": value for name, value in values.items()}


def _mean(values: Any) -> float:
    found = [value for value in values if value == value]
    return sum(found) / len(found) if found else float("nan")


def _write_epochs(folder: Path, rows: list[dict[str, float]]) -> None:
    import csv

    with (folder / "epochs.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["epoch", "loss", *rows[0]])
        for epoch, row in enumerate(rows, 1):
            writer.writerow([epoch, 1.0 / epoch, *("" if value != value else repr(value) for value in row.values())])


def _write_counts(path: Path, pixels: np.ndarray) -> None:
    classes = pixels.shape[1]
    nothing = np.zeros_like(pixels)
    save_counts(path, Counts(ids=np.array(["one"]), tp=pixels, fp=nothing, fn=nothing, ignored=nothing,
                             confusion=np.zeros((classes, classes), np.int64)))  # fmt: skip
