"""One trial -> one run folder: prepare, train epoch by epoch, test once; started again, it goes on."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from imbseg import ranks
from imbseg.errors import TrialFailed
from imbseg.interrupt import asked, leave, whole
from imbseg.metrics.counts import Counts, save_counts
from imbseg.metrics.scores import summary
from imbseg.metrics.tables import save_tables
from imbseg.models import checkpoint
from imbseg.post_hoc import steps
from imbseg.sampling.order import EpochBatches
from imbseg.training.begun import Begun, cpu_seconds
from imbseg.training.draws import Draws, adapts, asks_confidence, class_scores
from imbseg.training.fold import draw_weights, fold_record, read_fold
from imbseg.training.folder import (
    Row,
    describe,
    guarded,
    keep_or_refuse,
    open_folder,
    recorded_threads,
    stored_result,
    write_rows,
)
from imbseg.training.large import shown_whole
from imbseg.training.limits import limits_again
from imbseg.training.loop import Batches, evaluate, train_epoch
from imbseg.training.memory import as_memory_allows
from imbseg.training.post_hoc import correct
from imbseg.training.prepare import Run, choose_device, make_batches, prepare, seed_epoch
from imbseg.training.record import SELECTED, best_epoch, epoch_line, epoch_row, for_tuner, timing_row, waiting_advice
from imbseg.training.stages import (
    BEFORE,
    LAST,
    course,
    if_room,
    next_epoch,
    planned,
    restore,
    save_begun,
    scores,
    take_best,
    trial_at,
    write_down,
)
from imbseg.training.views import rehearse
from imbseg.training.whole_images import WholeImages, ceilings
from imbseg.trial import Resolved, Trial
from imbseg.trial.micro_batch import again, recorded
from imbseg.trial.room import check_evaluation, check_room, free_memory

Report = Callable[[Row], None]


def run_trial(
    resolved: Resolved,
    out: Path,
    *,
    intermediate: Report,
    final: Report,
    say: Callable[[str], None],
    until: int | None = None,
) -> Row:
    """Train a trial in its folder, or go on with it, or give its stored result.

    Args:
        until: pause after this epoch, status interrupted; started again it goes on to the same numbers.
        intermediate: called after each epoch with what the tuner gets.
        final: called once, at the end, with the best epoch's scores and the test set's.

    Returns:
        What `final` got.

    Raises:
        InputError: something given can't be used; status.json says failed, if there was a folder already.
        TrialFailed: the loss or the validation score isn't finite; status.json says failed.
    """
    ranks.check_batch(resolved.trial.batch_size, resolved.trial.micro_batch)
    threads = resolved.trial.threads or recorded_threads(out) or torch.get_num_threads()
    device = choose_device(resolved.trial.device, resolved.trial.precision)
    trial = resolved.trial.model_copy(update={"threads": threads, "device": str(device)})
    check_room(trial, len(resolved.dataset.classes), free_memory(device))
    torch.set_num_threads(threads)
    fold = read_fold(trial, resolved.dataset)
    whole_sizes = [*shown_whole(fold.val), *shown_whole(fold.test)]
    check_evaluation(trial, len(resolved.dataset.classes), whole_sizes, free_memory(device))
    fold = dataclasses.replace(fold, limits=limits_again(out, fold.train, resolved.dataset))
    with open_folder(out) as folder:
        known = fold_record(fold, trial, resolved.dataset)
        ranks.agreed(lambda: keep_or_refuse(folder, describe(resolved, trial, fold.meta_digest, **known)))
        if (stored := ranks.agreed(lambda: stored_result(out))) is not None:
            say(f"{folder.path}: this trial has finished; its stored result is reported")
            final(stored)
            return stored
        cadence = checkpoint.Cadence(trial.checkpoint_minutes)

        def ready(now: Trial) -> Run:
            return dataclasses.replace(prepare(resolved, now, fold, folder, device, say), cadence=cadence)

        with guarded(folder, cadence):
            return as_memory_allows(ready, lambda run: _train(run, intermediate, final, until), again(trial, out))


def _train(run: Run, intermediate: Report, final: Report, until: int | None) -> Row:
    restore(run)
    rehearse(run)
    batches = make_batches(run)
    while (epoch := next_epoch(run)) is not None:
        if until is not None and epoch > until:
            return _pause(run, final)
        _one_epoch(run, batches, epoch)
        intermediate(for_tuner(run.history[-1]) | recorded(run.folder.path))
    return _finish(run, final)


def _pause(run: Run, final: Report) -> Row:
    """Leave after an epoch, with its checkpoint; `final` gets the best epoch's scores so far."""
    if run.unwritten:
        write_down(run)
    done = len(run.history)
    run.folder.status("interrupted", message=f"paused after epoch {done}; start it again to go on")
    run.say(f"paused after epoch {done} of {planned(run.trial)}")
    result = for_tuner(run.history[best_epoch(scores(run)) - 1])
    final(result)
    return result


def _one_epoch(run: Run, batches: Batches, epoch: int) -> None:
    begun = run.begun = run.begun or Begun(Draws(run.dataset.class_names, confidence=asks_confidence(run.trial)))
    order = _next_order(run, batches, epoch)
    try:
        loss = _learn(run, batches, epoch, begun)
        trained = time.perf_counter()
        counts = _evaluate(run, "val", epoch)
    except KeyboardInterrupt:
        save_begun(run)
        raise
    with whole():
        run.begun, val_s = None, time.perf_counter() - trained
        found = summary(counts, run.dataset.class_names, run.fold.groups)
        if math.isnan(found[SELECTED]):
            raise TrialFailed(f"no validation mIoU in epoch {epoch}: no validation image has a labelled pixel")
        row = epoch_row(epoch, loss, found)
        draws = begun.draws_of_all()
        timing = timing_row(epoch, (*begun.spent, begun.waited), draws.samples, val_s, run.cadence.spent())
        run.say(epoch_line(row, planned(run.trial), timing, run.history))
        if advice := waiting_advice(timing, run.seconds, run.trial.workers):
            run.say(advice)
        run.history.append(row)
        shown = order.keys()[: draws.samples]
        run.draws.append(draws.row(epoch, images=len({key[2] for key in shown})))
        run.seconds.append(timing)
        _keep(run, counts)


def _learn(run: Run, batches: Batches, epoch: int, begun: Begun) -> float:
    """Train what is left of an epoch, with checkpoints in it; its mean loss."""
    started = time.perf_counter() - begun.spent[0], cpu_seconds() - begun.spent[1]

    def between() -> None:
        begun.spent = time.perf_counter() - started[0], cpu_seconds() - started[1]
        stop, due = ranks.any_of(asked(), ranks.is_main() and run.cadence.due())
        if stop or due:
            begun.share(run.learner.device)
            if stop:
                leave()
            save_begun(run)

    dataset: Any = batches.dataset
    dataset.trial = trial_at(run.trial, epoch)
    seed_epoch(run.trial.seed, epoch, ranks.rank())
    if dataset.paster and (said := dataset.paster.before_epoch(run.history)):
        run.say(f"epoch {epoch}: {said}")
    watch = begun.draws.add, course(run, epoch)
    with whole() if ranks.size() > 1 else contextlib.nullcontext():  # several processes stop at the same step
        loss = train_epoch(run.learner, batches, run.loss_of, run.trial, epoch, *watch, begun=begun, between=between)
        begun.share(run.learner.device)
    return loss


def _next_order(run: Run, batches: Batches, epoch: int) -> EpochBatches:
    """Set the loader's order to an epoch's, with weights from the epochs before where the sampler asks for them."""
    order = batches.batch_sampler
    if not isinstance(order, EpochBatches):
        raise AssertionError("make_batches gives the loader an order of epochs")
    order.epoch, order.first = epoch, run.begun.step if run.begun else 0
    if adapts(run.trial):
        unseen = run.fold.absent["val"]
        of_classes = class_scores(run.trial, run.dataset.class_names, run.history, run.draws, unseen)
        order.weights = draw_weights(run.trial, run.fold.columns, of_classes)
    return order


def _evaluate(run: Run, subset: str, epoch: int, *, closely: bool = False) -> Counts:
    whole = WholeImages(getattr(run.fold, subset), run.dataset, trial_at(run.trial, epoch), run.normalisation)
    ranks.same(list(run.learner.evaluated.buffers()))  # where each process has seen its part of the batches
    return evaluate(run.learner.evaluated, whole, run.learner.device, run.trial, subset, closely=closely)


def _keep(run: Run, counts: Counts) -> None:
    """Write the epoch down; on a full disk later."""
    if best_epoch(scores(run)) == len(run.history) and ranks.is_main():
        run.best = {"epoch": len(run.history), "model": run.learner.evaluated.state_dict()}, counts
    run.unwritten = not if_room(run, write_down)


def _finish(run: Run, final: Report) -> Row:
    """Correct on the validation images, then test once, with the best checkpoint."""
    if run.unwritten:
        write_down(run)
    best = best_epoch(scores(run))
    run.learner.average = None
    take_best(run)
    at_best = dataclasses.replace(run, trial=trial_at(run.trial, best))
    if steps(run.trial.post_hoc):
        found, corrected = correct(at_best)
    else:
        found, corrected = {one: _evaluate(run, one, best, closely=True) for one in ("val", "test")}, {}
    if not ranks.is_main():
        return {}
    counts = found["test"]
    save_counts(run.folder.file("counts_test.npz"), counts)
    save_tables(run.folder.path, found, run.dataset.class_names)
    subsets = {"val": run.fold.val, "test": run.fold.test}
    write_rows(run.folder.file("ceiling.csv"), [ceilings(at_best.trial, run.dataset, subsets)])
    test = summary(counts, run.dataset.class_names, run.fold.groups)
    result = for_tuner(run.history[best - 1], test) | corrected | (less := recorded(run.folder.path))
    everything = {name: value for name, value in test.items() if not math.isnan(value)}
    run.folder.status("finished", best_epoch=best, epochs=len(run.history), result=result, test=everything, **less)
    for name in () if run.trial.keep_last else (BEFORE, LAST):
        run.folder.file(name).unlink(missing_ok=True)
    tail = f", tail {test['tail']:.3f}" if not math.isnan(test.get("tail", math.nan)) else ""
    run.say(f"best epoch {best}: validation mIoU {result['default']:.3f}; test mIoU {test['mIoU']:.3f}{tail}")
    final(result)
    return result
