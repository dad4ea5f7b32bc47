"""How long a trial takes on this machine: a few of its own steps and validation images, timed."""

import dataclasses
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imbseg.errors import InputError
from imbseg.models import checkpoint
from imbseg.post_hoc import grid, steps
from imbseg.training.fold import epoch_batches, read_fold
from imbseg.training.folder import open_folder
from imbseg.training.large import in_bands, large
from imbseg.training.loop import Batches, evaluate, train_epoch
from imbseg.training.post_hoc import count_along, ways_of
from imbseg.training.prepare import Run, choose_device, make_batches, prepare
from imbseg.training.samples import Files
from imbseg.training.views import Way, asked
from imbseg.training.whole_images import WholeImages
from imbseg.trial import Resolved
from imbseg.trial.pace import Pace, Timer
from imbseg.trial.room import check_room, enough_memory, free_memory

LEAST_STEPS, SECONDS = 3, 4.0  # a step more is timed until both are reached
MOST_STRENGTHS_TESTED = 3  # strengths of a correction with which the test set is predicted


class FirstBatches:
    """The first batches of a loader, until LEAST_STEPS are done and SECONDS are over; the times of each step."""

    def __init__(self, batches: Batches) -> None:
        """Take the loader."""
        self.batches, self.ends, self.processor_s = batches, list[float](), list[float]()

    def __len__(self) -> int:
        """Steps of the whole epoch."""
        return len(self.batches)

    def __iter__(self) -> Iterator[Any]:
        """Yield batches; what follows a yield runs once the step on that batch is over."""
        started = time.perf_counter()
        for batch in self.batches:
            yield batch
            self.ends.append(time.perf_counter())
            self.processor_s.append(time.process_time())
            if len(self.ends) >= LEAST_STEPS and self.ends[-1] - started >= SECONDS:
                return


def paces(trials: Sequence[Resolved | InputError], first: Pace, say: Callable[[str], None]) -> list[Pace | InputError]:
    """Time trials.

    Args:
        trials: or why one can't run; the first can, and is the one already measured.

    Returns:
        For each its pace, or why it can't run.
    """
    if isinstance(trials[0], InputError):
        raise trials[0]
    timer, found = Timer(trials[0], first, measure, say), list[Pace | InputError]()
    for one in trials:
        try:
            pace = one if isinstance(one, InputError) else dataclasses.replace(timer.pace(one), steps=steps_of(one))
            found.append(pace)
        except InputError as error:
            found.append(error)
    return found


def gpus(device: str) -> int:
    """How many GPUs trials can use that are given this `device`; 0 where they run on the CPU."""
    if choose_device(device).type == "cpu":
        return 0
    return torch.cuda.device_count() if device in ("auto", "cuda") else 1


def told(pace: Pace, gpus: int) -> str:
    """What was measured, in words.

    >>> told(Pace(steps=10, step_s=0.51, loader_s=2.0, val_s=7.0, end_s=5.0, save_s=1.0), gpus=1)
    'timed on a GPU: the baseline has 10 steps an epoch of 0.51 s each, and 7 s of validation'
    """
    cores = len(os.sched_getaffinity(0))
    where = "a GPU" if gpus else f"{cores} CPU core{'s' if cores > 1 else ''}"
    return (
        f"timed on {where}: the baseline has {pace.steps} steps an epoch of {pace.step_s:.2g} s each, and "
        f"{pace.val_s:.2g} s of validation"
    )


def steps_of(resolved: Resolved) -> int:
    """Training steps of an epoch.

    Raises:
        InputError: the fold, or the sampler's weights on it, can't be had.
    """
    trial = resolved.trial
    return len(epoch_batches(trial, read_fold(trial, resolved.dataset)))


def measure(resolved: Resolved, like: Pace | None = None) -> Pace:
    """Train a few steps of a trial and evaluate a few images, in a folder that is gone afterwards.

    Args:
        like: the pace of a trial with the same network and images, whose validation isn't timed again.

    Raises:
        InputError: the trial can't run; what it would say by itself.
    """
    device = choose_device(resolved.trial.device, resolved.trial.precision)
    threads = resolved.trial.threads or torch.get_num_threads()
    trial = resolved.trial.model_copy(update={"threads": threads})
    check_room(trial, len(resolved.dataset.classes), free_memory(device))
    torch.set_num_threads(trial.threads)
    fold = read_fold(trial, resolved.dataset)
    with tempfile.TemporaryDirectory(prefix="imbseg-timing-") as place, open_folder(Path(place)) as folder:
        run = prepare(resolved, trial, fold, folder, device, say=lambda _: None)
        with enough_memory(trial, device):
            trained = _train(run)
            if like is not None:
                return dataclasses.replace(like, **trained)
            val_s, image_s = _evaluate(run, fold.val)
            end_s = _end(run, image_s)
        save_s, bytes_, beside = _save(run)
        stays = {"bytes": bytes_ + _counts(run), "beside": beside}
        return Pace(**trained, val_s=val_s, end_s=end_s, save_s=save_s, **stays)


def _train(run: Run) -> dict[str, Any]:
    """The part of a Pace that training has; the first step warms up."""
    first = FirstBatches(make_batches(run))
    started = time.perf_counter()
    train_epoch(run.learner, first, run.loss_of, run.trial, 1, lambda _batch, _logits: None)  # type: ignore[arg-type]
    ends, processor = first.ends, first.processor_s
    step_s = float(np.median(np.diff(ends))) if len(ends) > 1 else ends[0] - started
    share = 1.0
    if run.learner.device.type == "cpu" and len(ends) > 1:
        threads = min(run.trial.threads, len(os.sched_getaffinity(0)))
        share = min((processor[-1] - processor[0]) / ((ends[-1] - ends[0]) * threads), 1.0)
    loader_s = max(ends[0] - started - step_s, 0.0)
    return {"steps": len(first), "loader_s": loader_s, "step_s": step_s, "share": share}


def _end(run: Run, image_s: float) -> float:
    """Seconds after the last epoch, where an image takes so long to evaluate without a correction."""
    tests = len(run.fold.test.ids)
    names = steps(run.trial.post_hoc)
    large_s = _large_seconds(run, run.fold.test, ways_of(run.trial.post_hoc))
    tests -= len(large(run.fold.test))
    if not names:
        return (len(run.fold.val.ids) + tests) * image_s + large_s
    ways = ways_of(run.trial.post_hoc)
    tested = sum(min(len(grid(name)[1]) or 1, MOST_STRENGTHS_TESTED) for name in names)
    corrected_s, corrected_image_s = _evaluate(run, run.fold.val, ways)
    of_a_way = max(corrected_image_s - image_s, 0.0) / len(ways)
    return corrected_s + tests * (image_s + tested * of_a_way) + large_s


def _evaluate(run: Run, files: Files, ways: Sequence[Way] = ()) -> tuple[float, float]:
    """Seconds of the whole evaluation, and of an image: from one of a batch and one of four, if there are as many."""
    if large_s := _large_seconds(run, files, ways):
        small = files.take([place for place in range(len(files.ids)) if not files.is_large(place)])
        seconds = large_s + (_evaluate(run, small, ways)[0] if small.ids else 0.0)
        return seconds, seconds / len(files.ids)
    total, few = len(files.ids), run.trial.batch_size
    more = min(4 * few, total)
    if more <= few:
        seconds = _seconds_of(run, files, ways)
        return seconds, seconds / total
    short, long = (_seconds_of(run, _spread(files, count), ways) for count in (few, more))
    image_s = max(long - short, 0.0) / (more - few)
    return long + (total - more) * image_s, image_s


def _large_seconds(run: Run, files: Files, ways: Sequence[Way] = ()) -> float:
    """Seconds of all large images, from the first rows of one; 0 where there is none."""
    places = large(files)
    if not places:
        return 0.0
    whole = WholeImages(files, run.dataset, run.trial, run.normalisation)
    started = time.perf_counter()
    _, rows = next(in_bands(run.learner.model, whole, places[0], run.learner.device, run.trial, asked(ways)))
    of_a_pixel = (time.perf_counter() - started) / rows.size
    return of_a_pixel * sum(files.sizes[place][0] * files.sizes[place][1] for place in places)


def _seconds_of(run: Run, files: Files, ways: Sequence[Way]) -> float:
    started = time.perf_counter()
    if ways:
        count_along(dataclasses.replace(run, fold=dataclasses.replace(run.fold, val=files)), "val", ways)
    else:
        whole = WholeImages(files, run.dataset, run.trial, run.normalisation)
        evaluate(run.learner.model, whole, run.learner.device, run.trial, "timing")
    return time.perf_counter() - started


def _spread(files: Files, count: int) -> Files:
    """Some of the images, evenly spread."""
    return files.take(np.linspace(0, len(files.ids) - 1, count).astype(int).tolist())


def _save(run: Run) -> tuple[float, int, int]:
    """Seconds of a last.pt and a best.pt, and bytes of each: what stays of a trial, and what it needs beside."""
    best = {"model": run.learner.model.state_dict()}
    states = {"last.pt": {**best, "optimizer": run.learner.optimizer.state_dict()}, "best.pt": best}
    started = time.perf_counter()
    for name, state in states.items():
        checkpoint.save(run.folder.file(name), state)
    seconds = time.perf_counter() - started
    last, kept = (run.folder.file(name).stat().st_size for name in states)
    return (seconds, kept + 2 * last, last) if run.trial.keep_last else (seconds, kept, 3 * last)


def _counts(run: Run) -> int:
    """Bytes of the counts of every image and class, as trained and with corrections, before they are compressed."""
    images = len(run.fold.val.ids) + len(run.fold.test.ids)
    return images * len(run.dataset.classes) * 4 * 8 * (1 + 2 * len(steps(run.trial.post_hoc)))
