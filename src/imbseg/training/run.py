"""One trial -> one run folder: prepare, train epoch by epoch, test once; started again, it goes on."""

import contextlib
import dataclasses
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imbseg.augment.geometry import typical_size
from imbseg.datasets.read import read_mask
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, TrialFailed
from imbseg.files import sha256
from imbseg.meta.ceiling import ceilings
from imbseg.meta.ceiling_table import LEAST_MASKS, MOST_PIXELS
from imbseg.metrics.counts import Counts, save_counts
from imbseg.metrics.scores import summary
from imbseg.metrics.tables import save_tables
from imbseg.models import checkpoint
from imbseg.post_hoc import steps
from imbseg.training.draws import Draws, adapts, asks_confidence, class_scores
from imbseg.training.fold import draw_weights, read_fold
from imbseg.training.folder import (
    Folder,
    Row,
    describe,
    keep_or_refuse,
    open_folder,
    recorded_threads,
    stored_result,
    write_rows,
)
from imbseg.training.limits import limits_again, record
from imbseg.training.loop import Batches, evaluate, train_epoch
from imbseg.training.order import EpochBatches
from imbseg.training.paste import paste_record
from imbseg.training.post_hoc import correct
from imbseg.training.prepare import Run, choose_device, enough_memory, make_batches, prepare, seed_epoch
from imbseg.training.record import SELECTED, best_epoch, epoch_line, epoch_row, for_tuner, write_events
from imbseg.training.room import check_room, free_memory
from imbseg.training.samples import Files
from imbseg.training.stages import course, next_epoch, planned, restore, save, scores, trial_at, write_tables
from imbseg.training.views import rehearse
from imbseg.training.whole_images import WholeImages
from imbseg.trial import Resolved, Trial
from imbseg.trial.geometry import geometry_of

Report = Callable[[Row], None]


def run_trial(resolved: Resolved, out: Path, *, intermediate: Report, final: Report, say: Callable[[str], None]) -> Row:
    """Train a trial in its folder, or go on with it, or give its stored result.

    Args:
        intermediate: called after each epoch with what the tuner gets.
        final: called once, at the end, with the best epoch's scores and the test set's.

    Returns:
        What `final` got.

    Raises:
        InputError: something given can't be used; status.json says failed, if there was a folder already.
        TrialFailed: the loss or the validation score isn't finite; status.json says failed.
    """
    threads = resolved.trial.threads or recorded_threads(out) or torch.get_num_threads()
    device = choose_device(resolved.trial.device, amp=resolved.trial.amp)
    trial = resolved.trial.model_copy(update={"threads": threads, "device": str(device)})
    check_room(trial, len(resolved.dataset.classes), free_memory(device))
    torch.set_num_threads(threads)
    fold = read_fold(trial, resolved.dataset)
    fold = dataclasses.replace(fold, limits=(limits := limits_again(out, fold.train, resolved.dataset)))
    weights = dict(zip(resolved.dataset.class_names, fold.class_weights.tolist(), strict=True))
    known: dict[str, Any] = {"weights_of_classes": weights, "class_groups": fold.groups}
    known |= {f"{subset}_images": len(getattr(fold, subset).ids) for subset in ("train", "val", "test")}
    known["train_size"] = typical_size(fold.train.sizes)
    known["class_priors"] = dict(zip(resolved.dataset.class_names, fold.class_priors.tolist(), strict=True))
    known |= {"image_weights_sha256": sha256(trial.image_weights)} if trial.image_weights else {}
    known |= record(resolved.dataset.layout, limits)
    with open_folder(out) as folder:
        pasted = paste_record(trial, resolved.dataset, fold.donors)
        keep_or_refuse(folder, describe(resolved, trial, fold.meta_digest, **known, **pasted))
        if (stored := stored_result(out)) is not None:
            say(f"{folder.path}: this trial has finished; its stored result is reported")
            final(stored)
            return stored
        with _guarded(folder):
            return _train(prepare(resolved, trial, fold, folder, device, say), intermediate, final)


@contextlib.contextmanager
def _guarded(folder: Folder) -> Iterator[None]:
    """Whatever ends a trial early, status.json says so."""
    folder.status("running")
    try:
        yield
    except KeyboardInterrupt:
        folder.status("interrupted", message="stopped from outside; start it again to go on")
        raise
    except Exception as error:
        ours = isinstance(error, InputError | TrialFailed)
        folder.status("failed", message=str(error) if ours else f"{type(error).__name__}: {error}")
        raise


def _train(run: Run, intermediate: Report, final: Report) -> Row:
    restore(run)
    rehearse(run)
    batches = make_batches(run)
    while (epoch := next_epoch(run)) is not None:
        with enough_memory(run):
            _one_epoch(run, batches, epoch)
        intermediate(for_tuner(run.history[-1]))
    return _finish(run, final)


def _one_epoch(run: Run, batches: Batches, epoch: int) -> None:
    started, cpu = time.perf_counter(), cpu_seconds()
    batches.dataset.trial = trial_at(run.trial, epoch)  # type: ignore[attr-defined]
    order = _next_order(run, batches, epoch)
    seed_epoch(run.trial.seed, epoch)
    paster = batches.dataset.paster  # type: ignore[attr-defined]
    said = paster.before_epoch(run.history) if paster else None
    if said:
        run.say(f"epoch {epoch}: {said}")
    draws = Draws(run.dataset.class_names, confidence=asks_confidence(run.trial))
    loss = train_epoch(run.learner, batches, run.loss_of, run.trial, epoch, draws.add, course(run, epoch))
    trained, cpu = time.perf_counter(), cpu_seconds() - cpu
    counts = _evaluate(run, "val", epoch)
    found = summary(counts, run.dataset.class_names, run.fold.groups)
    if math.isnan(found[SELECTED]):
        raise TrialFailed(f"no validation mIoU in epoch {epoch}: no validation image has a labelled pixel")
    row = epoch_row(epoch, loss, found)
    run.say(epoch_line(row, planned(run.trial), time.perf_counter() - started, run.history))
    run.history.append(row)
    run.draws.append(draws.row(epoch, images=len({key[2] for key in order.keys()[: draws.samples]})))
    val_s = time.perf_counter() - trained
    run.seconds.append({"epoch": epoch, "train_s": trained - started, "train_cpu_s": cpu, "val_s": val_s})
    _keep(run, counts)


def cpu_seconds() -> float:
    """Of this process and of the loaders that have ended: unlike the clock, the same beside other work."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _next_order(run: Run, batches: Batches, epoch: int) -> EpochBatches:
    """Set the loader's order to an epoch's, with weights from the epochs before where the sampler asks for them."""
    order = batches.batch_sampler
    if not isinstance(order, EpochBatches):
        raise AssertionError("make_batches gives the loader an order of epochs")
    order.epoch = epoch
    if adapts(run.trial):
        unseen = run.fold.absent["val"]
        of_classes = class_scores(run.trial, run.dataset.class_names, run.history, run.draws, unseen)
        order.weights = draw_weights(run.trial, run.fold.columns, of_classes)
    return order


def _evaluate(run: Run, subset: str, epoch: int, *, closely: bool = False) -> Counts:
    whole = WholeImages(getattr(run.fold, subset), run.dataset, trial_at(run.trial, epoch), run.normalisation)
    return evaluate(run.learner.evaluated, whole, run.learner.device, run.trial, subset, closely=closely)


def _as_trained(run: Run, epoch: int) -> dict[str, Counts]:
    return {subset: _evaluate(run, subset, epoch, closely=True) for subset in ("val", "test")}


def _keep(run: Run, counts: Counts) -> None:
    """Write the epoch down."""
    if best_epoch(scores(run)) == len(run.history):
        best = {"epoch": len(run.history), "model": run.learner.evaluated.state_dict()}
        checkpoint.save(run.folder.file("best.pt"), best)
        save_counts(run.folder.file("counts_val.npz"), counts)
    save(run)
    write_tables(run)
    write_events(run.folder.file("events"), run.history[-1])


def _finish(run: Run, final: Report) -> Row:
    """Correct on the validation images, then test once, with the best checkpoint."""
    best = best_epoch(scores(run))
    run.learner.average = None
    run.learner.model.load_state_dict(checkpoint.load(run.folder.file("best.pt"), run.learner.device)["model"])
    at_best = dataclasses.replace(run, trial=trial_at(run.trial, best))
    found, corrected = correct(at_best) if steps(run.trial.post_hoc) else (_as_trained(run, best), {})
    counts = found["test"]
    save_counts(run.folder.file("counts_test.npz"), counts)
    save_tables(run.folder.path, found, run.dataset.class_names)
    subsets = {"val": run.fold.val, "test": run.fold.test}
    write_ceilings(run.folder.file("ceiling.csv"), at_best.trial, run.dataset, subsets)
    test = summary(counts, run.dataset.class_names, run.fold.groups)
    result = for_tuner(run.history[best - 1], test) | corrected
    everything = {name: value for name, value in test.items() if not math.isnan(value)}
    run.folder.status("finished", best_epoch=best, epochs=len(run.history), result=result, test=everything)
    tail = f", tail {test['tail']:.3f}" if not math.isnan(test.get("tail", math.nan)) else ""
    run.say(f"best epoch {best}: validation mIoU {result['default']:.3f}; test mIoU {test['mIoU']:.3f}{tail}")
    final(result)
    return result


def write_ceilings(path: Path, trial: Trial, dataset: Dataset, subsets: dict[str, Files]) -> None:
    """Write a row with `SUBSET:CLASS` for each class; empty where no mask shows it.

    Args:
        trial: as its best epoch had it.
        subsets: name -> files; of very many pixels some masks, evenly spread.
    """
    grid, row = geometry_of(trial).grid, Row()
    for subset, files in subsets.items():
        masks = (read_mask(files.masks[place], dataset) for place in _spread(files))
        found = ceilings(masks, grid, len(dataset.classes))
        row |= {f"{subset}:{name}": float(value) for name, value in zip(dataset.class_names, found, strict=True)}
    write_rows(path, [row])


def _spread(files: Files) -> list[int]:
    typical = float(np.median([width * height for width, height in files.sizes]))
    number = min(len(files.sizes), max(LEAST_MASKS, int(MOST_PIXELS / typical)))
    return [int(place) for place in np.linspace(0, len(files.sizes) - 1, number)]
