"""Networks on labelled images: scores with intervals, by group, calibration, curves; thresholds from validation."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.datasets.spec import GROUPS, Dataset
from imbseg.errors import InputError, listed
from imbseg.files import draft, writable_folder
from imbseg.meta.read import fold_column, fold_rows
from imbseg.metrics.calibration import calibration_error
from imbseg.metrics.counts import Counts, collect, of_images, save_counts
from imbseg.metrics.scores import mean, summary
from imbseg.metrics.tables import save_tables
from imbseg.metrics.tally import Tally
from imbseg.predict.curves import Curves, Row
from imbseg.predict.ensemble import compare, sentences
from imbseg.predict.labelled import Image, Truth, beside, check_channels, shown, subset_images
from imbseg.predict.operating_points import Point, keep, threshold
from imbseg.predict.predictor import Labelled, Predictor
from imbseg.statistics.bootstrap import draw_images
from imbseg.training.folder import write_rows
from imbseg.trial.stored import dataset_of, meta_of

Groups = Mapping[str, Sequence[str]]
Say = Callable[[str], None]


def evaluate(predictor: Predictor, dataset: Dataset, subset: str, out: Path, say: Say = print) -> None:
    """Score labelled images, and write scores.csv, groups.csv, curves.csv, counts.npz and a run's tables of them.

    Of several networks each is counted alone too, which takes as long again: ensemble.csv says what averaging gains.

    Args:
        dataset: with the classes that the networks know, in their order.
        subset: train, val or test.
        out: the folder.

    Raises:
        InputError: other classes, no such subset, an image or mask that can't be read.
    """
    names = predictor.class_names
    check_classes(dataset, names)
    check_channels(dataset, predictor.layout)
    images, folder = subset_images(dataset, subset), writable_folder(out)
    curves, tally = Curves(names), Tally(dataset, closely=True)
    parts = shown(predictor, dataset, images, f"{subset} of {dataset.name}")
    confusions = (_count(truth, bands, curves, tally) for truth, bands in parts)
    of = [dataset.group_of(one) for one, _, _ in images] if dataset.group else []
    counts = dataclasses.replace(collect([one for one, _, _ in images], confusions, groups=of), **tally.sums)
    groups = class_groups(predictor, dataset)
    scores = _scores(counts, names, groups, say)
    several = len(predictor.members) > 1
    gained = compare(predictor, dataset, images, counts, _parts(names, groups)) if several else []
    with draft(folder, "kept") as part:
        save_counts(part / "counts.npz", counts)
        tables = {"scores": scores, "groups": _by_group(counts, names, groups), "curves": curves.rows()}
        for name, rows in {**tables, **({"ensemble": gained} if several else {})}.items():
            write_rows(part / f"{name}.csv", rows)
        save_tables(part, {subset: counts}, names)
    for line in (*sentences(gained, grouped=bool(counts.groups.size)), *_told(scores, predictor, len(images), subset)):
        say(line)


def _told(scores: Sequence[Row], predictor: Predictor, images: int, subset: str) -> Iterator[str]:
    """What the terminal says of the scores, and of each class with a threshold: whether the recall holds here."""
    rows = {str(row["score"]): row for row in scores}
    for name in ("mIoU", *GROUPS):
        if name in rows and rows[name]["value"] == rows[name]["value"]:
            yield f"{name} {_interval(rows[name])}, {images} images"
    for index, at in predictor.thresholds.items():
        name = predictor.class_names[index]
        recall, precision = (float(rows[f"{score}/{name}"]["value"]) for score in ("recall", "precision"))
        yield f"{name}: threshold {at:.4f} gives recall {recall:.4f}, precision {precision:.4f} on {subset}"


def check_classes(dataset: Dataset, names: Sequence[str]) -> None:
    """Compare class names.

    Raises:
        InputError: they differ, or stand in another order.
    """
    there = dataset.class_names
    if list(there) == list(names):
        return
    lacking, strange = [one for one in names if one not in there], [one for one in there if one not in names]
    what = f"lacks {listed(lacking)}" if lacking else ""
    what += (" and " if what and strange else "") + (f"has {listed(strange)} beyond them" if strange else "")
    problem = what or "has them in another order"
    raise InputError(f"{dataset.path}: expected the run's classes ({', '.join(names)}); it {problem}; mend 'classes'")


def class_groups(predictor: Predictor, dataset: Dataset) -> Groups:
    """Head, medium and tail: as the run was scored, else as the data set file declares them."""
    told = predictor.members[0].stored.about.get("class_groups") or dataset.groups or {}
    return {name: list(told[name]) for name in GROUPS if told.get(name)}


def choose_points(predictor: Predictor, points: Sequence[Point], say: Say = print) -> dict[int, float]:
    """Choose thresholds on the validation fold of a run, and keep them in its folder.

    Args:
        predictor: of one run, without a correction and without thresholds.

    Returns:
        Class index -> threshold.

    Raises:
        InputError: several networks, whose validation images the others were trained on, or no pixel of a class.
    """
    if len(predictor.members) > 1:
        what, why = f"found {len(predictor.members)} networks", "the validation images of one were trained on by others"
        raise InputError(f"operating_point: is of one run, {what}: {why}; name one run")
    if predictor.way[0] != "none":
        what = f"is chosen without a correction, found {predictor.way[0]}"
        raise InputError(f"operating_point: {what}; leave --post_hoc out")
    stored, names = predictor.members[0].stored, list(predictor.class_names)
    dataset = dataset_of(stored.about)
    images = _validation(stored.about, dataset)
    of_class: dict[str, list[NDArray[np.float32]]] = {one.name: [] for one in points}
    for truth, bands in shown(predictor, dataset, images, "validation"):
        for rows, band in beside(truth, bands):
            for name, seen in of_class.items():
                index = names.index(name)
                seen.append(band.probabilities[index][rows == index])
    chosen: dict[str, dict[str, float]] = {}
    for point in points:
        values = np.concatenate(of_class[point.name])
        if not len(values):
            raise InputError(f"operating_point: no validation image shows {point.name!r}; choose another run or class")
        at = threshold(values, point.recall)
        recall = float((values >= at).mean())
        chosen[point.name] = {"threshold": at, "wanted_recall": point.recall, "recall": recall, "pixels": len(values)}
        say(f"{point.name}: threshold {at:.4f}, recall {recall:.4f} of {len(values)} validation pixels")
    say(f"kept: {keep(stored.folder, chosen, names)}")
    return {names.index(name): one["threshold"] for name, one in chosen.items()}


def _validation(about: Mapping[str, Any], dataset: Dataset) -> list[Image]:
    meta, parameters = meta_of(about, dataset), about["parameters"]
    seed = parameters.get("split_seed") or parameters["seed"]
    column = fold_column(parameters["imbalance"], parameters["split"], seed)
    rows, root = fold_rows(meta, column, parameters["fold"])[1], meta.root(dataset)
    files = zip(rows["id"], rows["image"], rows["mask"], strict=True)
    return [(str(name), root / str(image), root / str(mask)) for name, image, mask in files]


def _count(truth: Truth, bands: Iterable[Labelled], curves: Curves, tally: Tally) -> NDArray[np.int64]:
    """An image's confusion; nothing is kept of a band but what its components share with the next."""
    counted = tally.bands(truth.size)
    for part, band in beside(truth, bands):
        curves.add(band.probabilities, part)
        counted.add(band.labels, part, torch.from_numpy(band.probabilities).clamp_min(1e-30).log())
    tally.add_bands(counted, by_size=False)
    return counted.confusion


def _scores(counts: Counts, names: Sequence[str], groups: Groups, say: Say) -> list[Row]:
    found = summary(counts, names, groups)
    if counts.calibration is not None:
        errors = calibration_error(counts.calibration).tolist()
        found |= {f"ECE/{name}": error for name, error in zip(names, errors, strict=True)}
    parts = _parts(names, groups)
    try:
        units = counts.groups if counts.groups.size else None
        drawn = draw_images(counts.tp[None], counts.fp[None], counts.fn[None], groups=units).iou[0]  # (draws, classes)
    except InputError as error:
        say(f"without intervals: {error}")
        return [{"score": name, "value": value, "low": np.nan, "high": np.nan} for name, value in found.items()]
    rows: list[Row] = []
    for name, value in found.items():
        over = mean(drawn[:, parts[name]], axis=1) if name in parts else np.full(1, np.nan)
        known = over[~np.isnan(over)]
        low, high = np.percentile(known, (2.5, 97.5)) if len(known) else (np.nan, np.nan)
        rows.append({"score": name, "value": float(value), "low": float(low), "high": float(high)})
    return rows


def _parts(names: Sequence[str], groups: Groups) -> dict[str, list[int]]:
    """Score -> indices of the classes whose IoU it averages."""
    parts: dict[str, list[int]] = {"mIoU": list(range(len(names)))}
    parts |= {group: [list(names).index(one) for one in own] for group, own in groups.items()}
    return parts | {f"IoU/{name}": [index] for index, name in enumerate(names)}


def _by_group(counts: Counts, names: Sequence[str], groups: Groups) -> list[Row]:
    """A row a patient, scene or video: how many images, and its scores; one row where the data set declares none."""
    labels = counts.groups if counts.groups.size else np.full(len(counts.ids), "all")
    rows: list[Row] = []
    for label in np.unique(labels).tolist():
        there = np.flatnonzero(labels == label)
        part = of_images(counts, there)
        kept = {name: value for name, value in summary(part, names, groups).items() if name in ("mIoU", *groups)}
        each = summary(part, names, groups)
        kept |= {f"IoU/{name}": each[f"IoU/{name}"] for name in names}
        rows.append({"group": str(label), "images": len(there), **kept})
    return rows


def _interval(row: Row) -> str:
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    return f"{value:.3f}" if low != low else f"{value:.3f} [{low:.3f}, {high:.3f}]"
