"""Epochs that differ from the others: a larger input in the last ones, the last layer alone after them."""

from __future__ import annotations

from typing import Any

import torch
from segmentation_models_pytorch.base import initialization

from imbseg.errors import InputError
from imbseg.losses.cross_entropy import cross_entropy
from imbseg.losses.pixels import IGNORE
from imbseg.models import checkpoint
from imbseg.training.optimizer import make_optimizer
from imbseg.training.prepare import Run
from imbseg.training.record import SELECTED, should_stop
from imbseg.trial import Trial


def trial_at(trial: Trial, epoch: int) -> Trial:
    """The trial as an epoch has it: from the first of `finish_epochs` on, samples are of `finish_size`.

    Where samples are crops out of a resized image, that image grows as they do.
    """
    size = trial.finish_size
    if size is None or epoch <= trial.epochs - trial.finish_epochs:
        return trial
    if trial.crop is None:
        return trial.model_copy(update={"resize": size})
    grown: dict[str, Any] = {"crop": size}
    if trial.resize is not None:
        sides = zip(trial.resize, size, trial.crop, strict=True)
        grown["resize"] = tuple(round(whole * after / before) for whole, after, before in sides)
    return trial.model_copy(update=grown)


def planned(trial: Trial) -> int:
    """Most epochs of a trial, of all stages."""
    return trial.epochs + trial.retrain_head_epochs


def scores(run: Run) -> list[float]:
    """By which epochs are compared; with a last layer learned anew the earlier ones can't be the best."""
    found = [row[SELECTED] for row in run.history]
    first = run.head_from
    return found if first is None or len(found) == first else [float("-inf")] * first + found[first:]


def next_epoch(run: Run) -> int | None:
    """The epoch to train now, None at the end; what is left of the trial is prepared for it."""
    done, trial = len(run.history), run.trial
    if run.head_from is None:
        stopped = not trial.finish_epochs and should_stop(scores(run), trial.patience)
        if done < trial.epochs and not stopped:
            return done + 1
        if trial.retrain_head_epochs:
            _begin_head(run)
    return done + 1 if run.head_from is not None and done < run.head_from + trial.retrain_head_epochs else None


def course(run: Run, epoch: int) -> tuple[int, int]:
    """(epochs of its stage before it, epochs of the stage): where the learning rates' course stands."""
    if run.head_from is None:
        return epoch - 1, run.trial.epochs
    return epoch - 1 - run.head_from, run.trial.retrain_head_epochs


def _begin_head(run: Run) -> None:
    """Take the best epoch's weights, and forget its last layer."""
    best = run.folder.file("best.pt")
    if not best.is_file():
        raise InputError(f"{best} is missing: its last layer is learned anew; train in another folder")
    run.learner.model.load_state_dict(checkpoint.load(best, run.learner.device)["model"])
    torch.manual_seed(run.trial.seed)
    initialization.initialize_head(run.learner.model.segmentation_head)
    freeze(run, len(run.history))
    run.say(f"after epoch {len(run.history)}: the last layer is learned anew, all classes alike")


def freeze(run: Run, head_from: int) -> None:
    """Leave nothing but the last layer to be learned, with a fresh optimizer."""
    run.head_from, learner = head_from, run.learner
    learner.average, learner.only_head = None, True
    learner.model.requires_grad_(False)
    learner.model.segmentation_head.requires_grad_(True)
    learner.optimizer = make_optimizer(learner.model, run.trial)
    run.loss_of = balanced


def balanced(logits: torch.Tensor, target: torch.Tensor, _: Any) -> torch.Tensor:
    """Mean over the batch's classes of the mean cross-entropy of their pixels: a sample of equally many of each.

    Source: Kang et al., Decoupling Representation and Classifier, arXiv:1910.09217 (classifier re-training).
    """
    pixels = torch.bincount(target[target != IGNORE], minlength=logits.shape[1])
    return cross_entropy(logits, target, class_weights=1 / pixels.clamp_min(1))
