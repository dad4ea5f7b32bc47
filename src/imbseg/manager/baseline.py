"""A baseline worth comparing with, before any remedy: batch size, network and learning rates, and the best of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.manager.candidates import BASELINE, Candidate, candidates, in_setup
from imbseg.manager.geometries import UNET, Settings
from imbseg.meta.read import Meta
from imbseg.runs.collect import FINISHED, Run, collect
from imbseg.runs.strategies import Strategy, strategies_of
from imbseg.trial import Trial
from imbseg.trial.values import show

VARIED = ("batch_size", *UNET, "lr", "encoder_lr")


def setups(trial: Trial) -> list[tuple[Settings, str]]:
    """What may train better than the trial does, the likeliest first, each with its reason.

    Args:
        trial: as the data set, the plan and the command line say.
    """
    half = {"batch_size": trial.batch_size // 2}
    more_steps = [(half, "twice the steps for the same samples")] if half["batch_size"] > 1 else []
    finer = [(UNET, "predicts at stride 1, at 1.0 x the time of a step")] if trial.architecture != "unet" else []
    both = [({**half, **UNET}, "both")] if more_steps and finer else []
    rates = [
        ({name: float(f"{getattr(trial, name) * factor:.3g}") for name in ("lr", "encoder_lr")}, f"{words} rates")
        for factor, words in ((1 / 3, "a third of the learning"), (3, "three times the learning"))
    ]
    return [*more_steps, *finer, *both, *rates]


def baselines(meta: Meta, dataset: Dataset, trial: Trial) -> list[Candidate]:
    """The trial as it is and in each setup, plain and with the first remedy, without which a gain may not show."""
    pair = (BASELINE, candidates(meta, dataset)[2])
    return [*pair, *(one for setup, why in setups(trial) for one in in_setup(setup, why, pair))]


def best_setup(root: Path, dataset: Dataset) -> tuple[dict[str, str], str]:
    """The settings of the best trials below a folder, by validation mIoU, mean over their seeds.

    Args:
        root: run folders of an experiment that `baselines` planned.
        dataset: whose they are.

    Returns:
        Those that the experiment varied, and a sentence.

    Raises:
        InputError: no run has finished, or they are of another data set file.
    """
    runs = [run for run in collect(root) if run.status == FINISHED]
    if not runs:
        raise InputError(f"--best_of {root}: no run has finished; wait for one, or start the experiment again")
    if other := next((run for run in runs if run.about.get("dataset_sha256") != dataset.digest), None):
        raise InputError(f"--best_of {root}: {other.name} was trained on another data set file than {dataset.path}")
    found = strategies_of(runs)
    best = max(found, key=_score)
    settings = _varied(best.runs[0])
    told = ", ".join(f"{name} {value}" for name, value in settings.items()) or "all settings as they are"
    return settings, (
        f"Baseline: {told}; validation mIoU {_score(best):.3f} with {best.settings['loss']}, the best of "
        f"{len(found)} settings in {root} (the worst: {min(map(_score, found)):.3f})."
    )


def _score(strategy: Strategy) -> float:
    return float(np.mean([run.score("val", "mIoU") for run in strategy.runs]))


def _varied(run: Run) -> dict[str, str]:
    """Of the settings that `setups` varies those that NNI sampled."""
    sources: Mapping[str, Any] = run.about.get("sources", {})
    return {name: str(show(run.parameters[name])) for name in VARIED if sources.get(name) == "sampled"}
