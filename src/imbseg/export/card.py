"""What a model card says, read from the run folders: nothing in it is typed by hand but the fields left open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from imbseg import __version__
from imbseg.datasets.spec import GROUPS
from imbseg.errors import InputError
from imbseg.files import portable, sha256
from imbseg.metrics.scores import mean
from imbseg.post_hoc import SCORED
from imbseg.predict.many import look_of
from imbseg.predict.predictor import Predictor
from imbseg.runs.collect import FINISHED, Run, collect
from imbseg.runs.counts import counts_of
from imbseg.runs.csv_table import columns_of
from imbseg.runs.strategies import Strategy, arrange
from imbseg.statistics.difference import t_interval
from imbseg.statistics.pixels import confusion_shares

Card = dict[str, Any]
ALWAYS = (
    "architecture",
    "encoder",
    "encoder_weights",
    "loss",
    "class_weights",
    "optimizer",
    "lr",
    "encoder_lr",
    "batch_size",
    "epochs",
    "resize",
    "crop",
)
NOT_TOLD = {"dataset", "root", "meta", "device", "threads", "workers", "cache_mb", "cudnn", "strategy"}
MOST, LEAST = 8, 0.02  # confusions; share of a class's pixels below which none is told
OPEN = ("license_of_model", "license_of_data", "contact", "intended_use", "not_intended_use")


def card(predictor: Predictor, runs: Sequence[Run], about_file: Mapping[str, Any]) -> Card:
    """All that MODEL_CARD.json holds.

    Args:
        runs: whose networks they are, in the predictor's order.
        about_file: what export.py measured of the files that it wrote.
    """
    strategy = seeds_of(runs)
    about = runs[0].about
    return {
        "imbseg": __version__,
        "task": "semantic segmentation",
        "chosen": predictor.said,
        "networks": [_network(run) for run in runs],
        "data": {
            "dataset": about["parameters"]["dataset"],
            "dataset_sha256": about.get("dataset_sha256"),
            "meta_sha256": about.get("meta_sha256"),
            **{f"{subset}_images": about.get(f"{subset}_images") for subset in ("train", "val", "test")},
        },
        "input": {"channels": list(predictor.layout.channels), "kind": predictor.layout.values.kind},
        "classes": _classes(predictor, about),
        "correction": {"post_hoc": predictor.way[0], "strength": predictor.way[1]},
        "operating_points": {predictor.class_names[index]: at for index, at in predictor.thresholds.items()},
        "training": {
            "settings": _settings(about),
            "versions": about.get("versions", {}),
            "commit": about.get("commit"),
        },
        "seeds": [run.seed[0] for run in strategy],
        "scores": _scores(strategy, predictor.class_names),
        "ceiling": _ceiling(strategy),
        "confusions": confusions(strategy),
        "files": dict(about_file),
        **dict.fromkeys(OPEN),
    }


def seeds_of(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Of one run all seeds of its strategy that lie beside it; several runs as they are."""
    if len(runs) > 1:
        return tuple(runs)
    folder = runs[0].folder.resolve()
    try:
        groups = arrange([one for one in collect(folder.parent) if one.status == FINISHED], folder.parent).groups
    except InputError:
        return tuple(runs)
    strategies: list[Strategy] = [one for group in groups for one in group.strategies]
    found = [one.runs for one in strategies if any(run.folder.resolve() == folder for run in one.runs)]
    return found[0] if found else tuple(runs)


def _network(run: Run) -> Card:
    parameters = run.parameters
    return {
        "run": portable(run.folder),
        "sha256": sha256(run.folder / "best.pt"),
        "seed": run.seed[0],
        "fold": parameters.get("fold"),
        "best_epoch": run.best_epoch,
        "epochs": run.epochs,
    }


def _classes(predictor: Predictor, about: Mapping[str, Any]) -> list[Card]:
    look = look_of(predictor)[0]
    groups = about.get("class_groups") or {}
    of = {name: group for group in GROUPS for name in groups.get(group) or ()}
    return [
        {"index": index, "name": name, "color": look.colors[index].tolist(), "group": of.get(name)}
        for index, name in enumerate(predictor.class_names)
    ]


def _settings(about: Mapping[str, Any]) -> Card:
    """What someone chose, and what tells most."""
    sources, parameters = about.get("sources", {}), about["parameters"]
    chosen = [name for name in parameters if sources.get(name, "default") != "default" or name in ALWAYS]
    return {name: parameters[name] for name in chosen if name not in NOT_TOLD}


def _scores(runs: Sequence[Run], class_names: Sequence[str]) -> Card:
    """Test scores of the networks one by one: mean over the seeds, interval by Student's t, how many seeds."""
    corrected = [f"prior/{name}" for name in SCORED]
    names = ["mIoU", *GROUPS, *corrected, *(f"IoU/{name}" for name in class_names)]
    return {name: row for name in names if (row := interval([run.score("test", name) for run in runs]))}


def interval(values: Sequence[float]) -> Card | None:
    """Mean and interval of the seeds that have a score; None where no seed has, and no interval of one.

    >>> interval([0.5, math.nan])
    {'mean': 0.5, 'low': None, 'high': None, 'seeds': 1}
    """
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return None
    middle, low, high = t_interval(known)
    ends = [None if math.isnan(end) else end for end in (low, high)]
    return {"mean": middle, "low": ends[0], "high": ends[1], "seeds": len(known)}


def _ceiling(runs: Sequence[Run]) -> Card:
    """Class -> IoU that true labels keep on the network's grid, of the test images; empty where no run tells it."""
    held: dict[str, list[float]] = {}
    for run in runs:
        found = columns_of(run.folder / "ceiling.csv")
        if found is None or not len(found):
            continue
        for name in [one for one in run.classes if f"test:{one}" in found]:
            held.setdefault(name, []).append(float(found[f"test:{name}"].iloc[0]))
    means = {name: float(mean(np.array(values))) for name, values in held.items()}
    return {name: value for name, value in means.items() if not math.isnan(value)}


def confusions(runs: Sequence[Run]) -> list[Card]:
    """The largest shares of a class's test pixels that are predicted as another, over all seeds together."""
    found = []
    for run in runs:
        try:
            found.append(counts_of(run, "counts_test.npz").confusion)
        except InputError:
            continue
    if not found:
        return []
    total, names = np.sum(found, axis=0), runs[0].classes
    shares = np.nan_to_num(confusion_shares(total)[0])
    np.fill_diagonal(shares, 0)
    order = np.dstack(np.unravel_index(np.argsort(-shares, axis=None, kind="stable"), shares.shape))[0][:MOST]
    return [
        {"truth": names[truth], "predicted_as": names[other], "share": float(shares[truth, other])}
        for truth, other in order.tolist()
        if shares[truth, other] >= LEAST
    ]
