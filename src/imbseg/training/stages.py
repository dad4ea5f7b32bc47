"""The course of a trial: larger inputs in its last epochs, the last layer alone after them; last.pt and going on."""

from typing import Any

import torch
from segmentation_models_pytorch.base import initialization

from imbseg.errors import InputError, first_line
from imbseg.losses.cross_entropy import cross_entropy
from imbseg.losses.pixels import ignored_label
from imbseg.models import checkpoint
from imbseg.training.folder import write_rows
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
    pixels = torch.bincount(target[target != ignored_label(logits.shape[1])], minlength=logits.shape[1])
    return cross_entropy(logits, target, class_weights=1 / pixels.clamp_min(1))


LEARNED, TOLD = ("model", "optimizer", "scaler"), ("history", "draws", "seconds")


def save(run: Run) -> None:
    """Write last.pt; what only some trials have stands in theirs alone."""
    learner = run.learner
    parts = [name for name in (*LEARNED, "average") if getattr(learner, name) is not None]
    state: dict[str, Any] = {name: getattr(learner, name).state_dict() for name in parts}
    state |= {name: getattr(run, name) for name in TOLD}
    if run.head_from is not None:
        state["head_from"] = run.head_from
    checkpoint.save(run.folder.file("last.pt"), state)


def write_tables(run: Run) -> None:
    """The tables of all epochs so far; last.pt holds the history, so that they can always be made from it."""
    for name, rows in (("epochs", run.history), ("draws", run.draws), ("timing", run.seconds)):
        write_rows(run.folder.file(f"{name}.csv"), rows)


def restore(run: Run) -> None:
    """Go back to where an earlier start ended, if there was one.

    Raises:
        InputError: the checkpoint is broken, or of another network, optimizer or version.
    """
    file = run.folder.file("last.pt")
    if not file.is_file():
        return
    state = checkpoint.load(file, run.learner.device)
    if lacking := [name for name in (*LEARNED, *TOLD) if name not in state]:
        other = "another version of imbseg wrote it; train in another folder"
        raise InputError(f"checkpoint {file}: lacks {lacking[0]!r}, so {other}")
    if "head_from" in state:
        freeze(run, state["head_from"])
    try:
        for name in (*LEARNED, *(["average"] if run.learner.average is not None else [])):
            getattr(run.learner, name).load_state_dict(state[name])
    except (RuntimeError, ValueError, KeyError) as error:  # torch tells each in several lines
        other = f"another network or optimizer than this trial's ({first_line(error)})"
        raise InputError(f"checkpoint {file}: is of {other}; train in another folder") from error
    run.history, run.draws, run.seconds = state["history"], state["draws"], state["seconds"]
    write_tables(run)
    run.say(f"going on after epoch {len(run.history)}")
