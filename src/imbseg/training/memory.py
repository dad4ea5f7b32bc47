"""A trial whose batch finds no room in memory goes on from its last checkpoint, with half as many samples at once."""

import contextlib
import gc
from collections.abc import Callable

import torch

from imbseg import ranks
from imbseg.losses.mixing import mixes
from imbseg.training.prepare import Run
from imbseg.training.record import Row
from imbseg.trial import Trial
from imbseg.trial.micro_batch import halved, line, note
from imbseg.trial.room import TooLarge, enough_memory


def as_memory_allows(ready: Callable[[Trial], Run], train: Callable[[Run], Row], trial: Trial) -> Row:
    """Train a trial; where memory is too small, with half of `micro_batch`; TooLarge where it can't be halved."""
    while True:
        run = ready(trial)
        try:
            with enough_memory(run.trial, run.learner.device):
                return train(run)
        except TooLarge:
            less = halved(run.trial) if ranks.size() == 1 else None
            if less is None:
                raise
        note(less, run.folder.path)
        mixed = False
        with contextlib.suppress(RuntimeError):  # the line says less
            mixed = mixes(run.loss_of, len(run.dataset.classes), less.input_size, run.learner.device)
        run.say(line(less, mixes=mixed))
        trial = less
        del run
        gc.collect()
        torch.cuda.empty_cache()  # nothing where no GPU is used
