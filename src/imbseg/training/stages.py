"""The course of a trial: larger inputs in its last epochs, the last layer alone after them; last.pt and going on."""

from collections.abc import Callable
from typing import Any

import torch
from segmentation_models_pytorch.base import initialization

from imbseg import ranks
from imbseg.errors import InputError, disk_full, first_line
from imbseg.interrupt import whole
from imbseg.losses.cross_entropy import cross_entropy
from imbseg.losses.pixels import ignored_label
from imbseg.metrics.counts import save_counts
from imbseg.models import checkpoint
from imbseg.training.begun import restored
from imbseg.training.draws import Draws, asks_confidence
from imbseg.training.folder import write_rows
from imbseg.training.optimizer import make_optimizer
from imbseg.training.prepare import Run
from imbseg.training.record import SELECTED, should_stop, write_events
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
    take_best(run)
    torch.manual_seed(run.trial.seed)
    initialization.initialize_head(run.learner.model.segmentation_head)
    freeze(run, len(run.history))
    run.say(f"after epoch {len(run.history)}: the last layer is learned anew, all classes alike")


def take_best(run: Run) -> None:
    """Give the network the best epoch's weights, in all processes.

    Raises:
        InputError: best.pt is missing or damaged.
    """
    file = run.folder.file("best.pt")

    def load() -> None:
        content = checkpoint.load(file, run.learner.device) if run.best is None else run.best[0]
        run.learner.model.load_state_dict(content["model"])

    ranks.agreed(load)
    ranks.same(list(run.learner.model.state_dict().values()))


def freeze(run: Run, head_from: int) -> None:
    """Leave nothing but the last layer to be learned, with a fresh optimizer."""
    run.head_from, learner = head_from, run.learner
    learner.average, learner.only_head = None, True
    learner.model.requires_grad_(False)
    learner.model.segmentation_head.requires_grad_(True)
    learner.optimizer = make_optimizer(learner.model, run.trial)
    learner.parallel = ranks.parallel(learner.model, learner.device)  # not compiled: the network is run, not learned
    run.loss_of = balanced


def balanced(logits: torch.Tensor, target: torch.Tensor, _: Any) -> torch.Tensor:
    """Mean over the batch's classes of the mean cross-entropy of their pixels: a sample of equally many of each.

    Source: Kang et al., Decoupling Representation and Classifier, arXiv:1910.09217 (classifier re-training).
    """
    pixels = torch.bincount(target[target != ignored_label(logits.shape[1])], minlength=logits.shape[1])
    return cross_entropy(logits, target, class_weights=1 / pixels.clamp_min(1))


LEARNED, TOLD = ("model", "optimizer", "scaler"), ("history", "draws", "seconds")
LAST, BEFORE = "last.pt", "previous.pt"  # the checkpoint, and the one before it


def save(run: Run) -> None:
    """Write last.pt, and before it the best weights so far; what only some trials have stands in theirs alone."""
    if not ranks.is_main():
        return
    learner, file = run.learner, run.folder.file
    parts = [name for name in (*LEARNED, "average") if getattr(learner, name) is not None]
    state: dict[str, Any] = {name: getattr(learner, name).state_dict() for name in parts}
    state |= {name: getattr(run, name) for name in TOLD}
    if run.head_from is not None:
        state["head_from"] = run.head_from
    if run.begun is not None:
        state["begun"] = run.begun.stored(learner.device)
        if run.begun.gathered:
            state["gradients"] = [one.grad for one in learner.model.parameters()]
    with whole(), run.cadence.writing():
        if run.best is not None:
            checkpoint.save(file("best.pt"), run.best[0])
            save_counts(file("counts_val.npz"), run.best[1])
            run.best = None
        checkpoint.save(file(LAST), state, before=file(BEFORE))


def write_down(run: Run) -> None:
    """Write what an epoch's end leaves: the checkpoint, and tables that can always be made from its history."""
    if not ranks.is_main():
        return
    save(run)
    write_tables(run)
    write_events(run.folder.file("events"), run.history[-1])  # last: on a full disk TensorBoard's thread would fail


def write_tables(run: Run) -> None:
    """The tables of all epochs so far; nothing before the first has ended."""
    if not ranks.is_main():
        return
    for name, rows in (("epochs", run.history), ("draws", run.draws), ("timing", run.seconds)):
        if rows:
            write_rows(run.folder.file(f"{name}.csv"), rows)


def save_begun(run: Run) -> None:
    """Write last.pt between two steps of an epoch, if the disk has room, and every process's state is known."""
    if run.begun is not None and run.begun.step and run.begun.stored(run.learner.device):
        if_room(run, save)


def if_room(run: Run, write: Callable[[Run], None]) -> bool:
    """Write something; on a full disk say so, and go on.

    Returns:
        Whether it is written.
    """
    try:
        write(run)
    except OSError as error:
        if not disk_full(error):
            raise
        if run.best is not None:  # the network's own tensors, which go on changing
            model = {name: tensor.clone() for name, tensor in run.best[0]["model"].items()}
            run.best = {**run.best[0], "model": model}, run.best[1]
        free = "training goes on; free some space before it ends"
        run.say(
            f"{error.filename or run.folder.path}: the disk is full, and {run.cadence.lost()} are kept nowhere; {free}"
        )
    else:
        return True
    return False


def restore(run: Run) -> None:
    """Go back to where an earlier start ended, if there was one.

    Raises:
        InputError: the checkpoint is broken, or of another network, optimizer or version.
    """
    file, newest = run.folder.file(LAST), list[dict[str, Any] | None]()
    ranks.agreed(lambda: newest.append(_newest(run)))  # it may move files, which the others then find
    state = newest[0] if newest else _newest(run)
    if state is None:
        if run.folder.file("best.pt").is_file():
            run.say("best.pt is there, and no checkpoint to go on from: the trial begins anew")
        return
    if lacking := [name for name in (*LEARNED, *TOLD) if name not in state]:
        other = "another version of imbseg wrote it; train in another folder"
        raise InputError(f"checkpoint {file}: lacks {lacking[0]!r}, so {other}")
    if "head_from" in state:
        freeze(run, state["head_from"])
    try:
        for name in (*LEARNED, *(["average"] if run.learner.average is not None else [])):
            getattr(run.learner, name).load_state_dict(state[name])
        draws = Draws(run.dataset.class_names, confidence=asks_confidence(run.trial))
        run.begun = restored(state["begun"], draws) if "begun" in state else None
        for parameter, gradient in zip(run.learner.model.parameters(), state.get("gradients", []), strict=False):
            parameter.grad = gradient
    except (RuntimeError, ValueError, KeyError, TypeError) as error:  # torch tells each in several lines
        other = f"another network or optimizer than this trial's ({first_line(error)})"
        raise InputError(f"checkpoint {file}: is of {other}; train in another folder") from error
    run.history, run.draws, run.seconds = state["history"], state["draws"], state["seconds"]
    write_tables(run)
    if run.history and ranks.is_main():  # a kill may have come between the checkpoint and these
        write_events(run.folder.file("events"), run.history[-1])
    within = f", step {run.begun.step}" if run.begun else ""
    run.say(f"going on after epoch {len(run.history)}{within}")


def _newest(run: Run) -> dict[str, Any] | None:
    """The last whole checkpoint: where last.pt is damaged the one before it, which then takes its place."""
    last, before, device = run.folder.file(LAST), run.folder.file(BEFORE), run.learner.device
    if not before.is_file():
        return checkpoint.load(last, device) if last.is_file() else None
    try:
        if last.is_file():
            return checkpoint.load(last, device)
    except InputError as error:
        run.say(f"{error.args[0].partition(';')[0]}; the one before it, {BEFORE}, is taken")
    state = checkpoint.load(before, device)
    before.replace(last)
    return state
