"""What averaging several networks gains over each of them alone, on the same images."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.metrics.counts import Counts, collect, image_confusion, in_order_of
from imbseg.metrics.scores import iou, mean
from imbseg.predict.curves import Row
from imbseg.predict.labelled import Image, Truth, beside, shown
from imbseg.predict.predictor import Labelled, Predictor
from imbseg.statistics.bootstrap import draw_images

Floats = NDArray[np.float64]
Parts = Mapping[str, Sequence[int]]
WORDS = {"mean": "the mean of its networks", "best": "the best of them"}


def compare(predictor: Predictor, dataset: Dataset, images: Sequence[Image], counts: Counts, parts: Parts) -> list[Row]:
    """Label images with each network alone: what averaging them gains.

    Args:
        predictor: of several networks.
        dataset: whose images they are.
        images: those that were counted.
        counts: of the averaged networks.
        parts: score -> the classes whose IoU it averages.

    Returns:
        As `gains`.
    """
    groups = counts.groups.tolist() if counts.groups.size else []
    alone = {}
    for number, (run, one) in enumerate(predictor.alone().items(), start=1):
        confusions = (
            _confusion(truth, bands, len(one.class_names))
            for truth, bands in shown(one, dataset, images, f"network {number} alone")
        )
        alone[run] = collect([name for name, _, _ in images], confusions, groups=groups)
    return gains(counts, alone, parts)


def _confusion(truth: Truth, bands: Iterable[Labelled], classes: int) -> NDArray[np.int64]:
    total = np.zeros((classes + 1, classes), np.int64)  # the last row: ignored pixels
    for rows, band in beside(truth, bands):
        total += image_confusion(band.labels, rows, classes)
    return total


def gains(ensemble: Counts, members: Mapping[Path, Counts], parts: Parts) -> list[Row]:
    """Each score of the ensemble, of the mean and of the best of its members, and both gains.

    Args:
        ensemble: counts of the averaged networks.
        members: run folder -> counts of that network alone, on the same images.
        parts: score -> the classes whose IoU it averages.

    Returns:
        A row a score. `best` is the member that is highest in that score on these images, which flatters it.
        `low` and `high` bound 95 % of each gain when what `drawn` says (groups, or images) is drawn with replacement,
        the same draws for all; NaN with fewer than ten images. With fewer than ten groups images are drawn, and the
        interval is too narrow: they resemble each other.
    """
    found = [ensemble, *(_beside(ensemble, one) for one in members.values())]
    observed = np.stack([iou(one) for one in found])
    units, drawn = _drawn(found)
    rows: list[Row] = []
    for name, classes in parts.items():
        own = list(classes)
        score = mean(observed[:, own], axis=1)
        if np.isnan(score).any():
            continue
        best = 1 + int(np.argmax(score[1:]))
        row: Row = {"score": name, "ensemble": float(score[0]), "mean": float(score[1:].mean())}
        row |= {"best": float(score[best]), "best_member": list(members)[best - 1].name}
        over = None if drawn is None else mean(drawn[:, :, own], axis=2)  # (networks, draws)
        for what in WORDS:
            row |= _gain(what, float(row["ensemble"]) - float(row[what]), over, best)
        rows.append(row | {"drawn": units})
    return rows


def _beside(ensemble: Counts, one: Counts) -> Counts:
    ordered = in_order_of(ensemble, one)
    if ordered is None:
        raise InputError("ensemble: its members were counted on other images; start again")
    return ordered


def _drawn(found: Sequence[Counts]) -> tuple[str, Floats | None]:
    """What is drawn, and (networks, draws, classes) IoU; nothing where there are too few images."""
    sums = [np.stack([getattr(one, kind) for one in found]) for kind in ("tp", "fp", "fn")]
    groups = found[0].groups if found[0].groups.size else None
    for units, drawn in ((groups, "groups"), (None, "images")):
        if units is not None or drawn == "images":
            with contextlib.suppress(InputError):
                return drawn, draw_images(*sums, groups=units).iou
    return "", None


def _gain(what: str, value: float, over: Floats | None, best: int) -> Row:
    row: Row = {f"over_{what}": value, f"over_{what}_low": np.nan, f"over_{what}_high": np.nan}
    if over is None:
        return row
    other = over[1:].mean(axis=0) if what == "mean" else over[best]
    known = (over[0] - other)[~np.isnan(over[0] - other)]
    if len(known):
        row[f"over_{what}_low"], row[f"over_{what}_high"] = (float(one) for one in np.percentile(known, (2.5, 97.5)))
    return row


def sentences(rows: Sequence[Row], *, grouped: bool = False) -> Iterator[str]:
    """What the terminal says, of mIoU and the tail; `grouped`: the data set declares groups."""
    for row in rows:
        if row["score"] in ("mIoU", "tail"):
            over = [
                f"{float(row[f'over_{what}']):+.3f}{_interval(row, what)} over {words} ({float(row[what]):.3f})"
                for what, words in WORDS.items()
            ]
            yield f"ensemble: {row['score']} {float(row['ensemble']):.3f}, {', '.join(over)}"
    if grouped and rows and rows[0]["drawn"] == "images":
        yield "  these intervals draw images, not groups of them, of which there are too few: they are too narrow"


def _interval(row: Row, what: str) -> str:
    low, high = (float(row[f"over_{what}_{end}"]) for end in ("low", "high"))
    return f" [{low:.3f}, {high:.3f}]" if low == low else ""
