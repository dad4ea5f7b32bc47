"""One epoch of training, and one evaluation."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel

from imbseg import ranks
from imbseg.console import progress
from imbseg.errors import TrialFailed
from imbseg.interrupt import whole as uninterrupted
from imbseg.loaders import forget_ended, give_back, loading
from imbseg.metrics.counts import Counts, gathered, image_confusion, marginals
from imbseg.metrics.tally import Tally, added
from imbseg.models.arithmetic import computing, native_logits, shown
from imbseg.post_hoc.logits import as_labels, none
from imbseg.sampling.order import EpochBatches
from imbseg.training.begun import Begun, set_chance
from imbseg.training.draws import Draws
from imbseg.training.large import in_bands, large
from imbseg.training.optimizer import multiply_gradients, rest, schedule_factor, set_learning_rates, share
from imbseg.training.samples import Batch
from imbseg.training.whole_images import Truth, WholeImages
from imbseg.trial import Trial
from imbseg.trial.micro_batch import parts

Batches = torch.utils.data.DataLoader[Batch]
Loss = Callable[[torch.Tensor, torch.Tensor, Batch], torch.Tensor]  # (logits, target, maps of the batch's pixels)
Scored = tuple[torch.Tensor, torch.Tensor]  # (loss, logits)
Watch = Callable[[Batch, torch.Tensor], None]  # (batch as it was loaded, logits without gradient)


@dataclasses.dataclass
class Learner:
    """What training changes: the network, its optimizer, and the scaler of float16 gradients."""

    model: torch.nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    device: torch.device
    average: AveragedModel | None = None  # of the weights, where the trial asks for it
    only_head: bool = False  # all else is frozen, normalisation and dropout too
    parallel: torch.nn.Module | None = None  # the network over several processes, see ranks.parallel

    @property
    def evaluated(self) -> torch.nn.Module:
        """The network that is scored and kept."""
        return self.model if self.average is None else self.average.module


def train_epoch(
    learner: Learner,
    batches: Batches,
    loss_of: Loss,
    trial: Trial,
    epoch: int,
    watch: Watch,
    course: tuple[int, int] | None = None,
    *,
    begun: Begun | None = None,
    between: Callable[[], None] | None = None,
) -> float:
    """Train one epoch, or what is left of it.

    Args:
        batches: `image` (images, 3, height, width) float32, `target` (images, height, width) int, and maps.
        loss_of: (logits, target, maps) -> scalar.
        watch: called after each step with its batch and logits.
        course: (epochs before it, all epochs) of the learning rates' course; None: those of the trial.
        begun: what is done of it, kept up to date; `batches` are those left, and tell the number of all.
        between: called after each step.

    Returns:
        Mean loss of the steps.

    Raises:
        TrialFailed: a loss isn't finite; the message names the step and the learning rates.
    """
    learner.model.train(not learner.only_head)
    steps, (before, epochs), every = len(batches), course or (epoch - 1, trial.epochs), trial.accumulate
    updates = -(-steps // every)
    begun = begun or Begun(Draws([], confidence=False))
    total = torch.zeros((), device=learner.device) + begun.loss
    for batch in progress(_waited(batches, begun), total=steps - begun.step, what=f"epoch {epoch}/{trial.epochs}"):
        if begun.chance:  # after the loader, which draws a number when it starts
            set_chance(begun.chance, learner.device)
        factor = schedule_factor(trial, before * updates + begun.step // every, epochs * updates)
        set_learning_rates(learner.optimizer, trial, factor)
        with uninterrupted():
            begun.torn, begun.chance = True, []
            last = (begun.step + 1) % every == 0 or begun.step + 1 == steps
            together, own = _shown(batches, begun.step)
            loss, logits = _step(learner, batch, loss_of, trial, begun.gathered, together, last=last)
            if own is None:  # on a GPU beside the backward pass, which item() waits for
                watch(batch, logits)
            elif own:
                watch({name: tensor[:own] for name, tensor in batch.items()}, logits[:own])
            if not math.isfinite(loss.item()):
                rates = f"with lr {trial.lr * factor:.3g} and encoder_lr {trial.encoder_lr * factor:.3g}"
                where = f"at step {begun.step + 1} of epoch {epoch}, {rates}"
                raise TrialFailed(f"the loss became {loss.item()} {where}; take smaller learning rates")
            total += loss.detach()
            begun.step, begun.loss, begun.torn = begun.step + 1, total, False
        if between is not None:
            between()
    return float(total) / steps


def _waited(batches: Batches, begun: Begun) -> Iterator[Batch]:
    """Batches, given back after their step; the time until each is there is added up."""
    since = time.perf_counter()
    for batch in batches:
        begun.waited += time.perf_counter() - since
        yield batch
        give_back(batch)
        since = time.perf_counter()


def _shown(batches: Batches, step: int) -> tuple[int | None, int | None]:
    """Samples of a step in all processes, and in this one; None: all that were loaded."""
    order = batches.batch_sampler if ranks.size() > 1 else None
    return order.shown(step) if isinstance(order, EpochBatches) else (None, None)


def _step(
    learner: Learner,
    batch: Batch,
    loss_of: Loss,
    trial: Trial,
    gathered: list[int],
    together: int | None,
    *,
    last: bool,
) -> Scored:
    """Gather a batch's gradient, part by part; the optimizer's step takes place with the last batch of a group."""
    there = {name: tensor.to(learner.device, non_blocking=True) for name, tensor in batch.items()}
    there["target"] = there["target"].long()
    if not gathered:
        learner.optimizer.zero_grad(set_to_none=True)
    samples = len(there["target"])
    gathered.append(samples if together is None else together)
    of_batch = share(gathered, trial.accumulate) * ranks.size()
    found, seen = list[torch.Tensor](), list[torch.Tensor]()
    sizes = parts(samples, trial.at_once)
    cut = {name: torch.split(tensor, sizes) for name, tensor in there.items()}
    for index, size in enumerate(sizes):
        part = {name: each[index] for name, each in cut.items()}
        loss, logits = _pass(learner, part, loss_of, trial, together)
        if torch.isfinite(loss):
            torch.autograd.backward(learner.scaler.scale(loss * (of_batch * (size / samples))))
        found.append(loss.detach() * (size / samples))
        seen.append(logits.detach())
    if torch.isfinite(total := sum(found[1:], found[0])) and last:
        _update(learner, rest(gathered, trial.accumulate))
        gathered.clear()
    return total, seen[0] if len(seen) == 1 else torch.cat(seen)


def _pass(learner: Learner, there: Batch, loss_of: Loss, trial: Trial, together: int | None) -> Scored:
    """Loss and logits of samples that pass through the network together."""
    with computing(trial.precision, learner.device):
        network = learner.model if learner.parallel is None else learner.parallel
        logits = network(there.pop("image")).float()
    scored = logits
    if together is not None:  # every process takes the loss of the whole batch, whose gradient is the sum over them
        scored = ranks.of_all(logits, together)
        there = {name: ranks.of_all(tensor, together) for name, tensor in there.items()}
    return loss_of(scored, there.pop("target"), there), logits


def _update(learner: Learner, factor: float) -> None:
    """The optimizer's step; before it, gradients are brought to the mean over the samples that were there."""
    multiply_gradients(learner.optimizer, factor)
    learner.scaler.step(learner.optimizer)
    learner.scaler.update()
    if learner.average is not None:
        learner.average.update_parameters(learner.model)


def evaluate(
    model: torch.nn.Module, whole: WholeImages, device: torch.device, trial: Trial, what: str, *, closely: bool = False
) -> Counts:
    """Predict whole images and count at their masks' own size.

    Args:
        closely: whether components and calibration are counted too.

    Returns:
        Counts with a row an image, in the order of `whole`.
    """
    classes, found, tally = len(whole.dataset.classes), {}, Tally(whole.dataset, closely=closely)
    total = np.zeros((classes, classes), np.int64)
    for index, logits, truth in predict(model, whole, device, trial, what):
        labels = as_labels(none(logits[None])[0], classes)
        confusion = image_confusion(labels, truth.mask, classes)
        found[index], total = np.stack(marginals(confusion)), total + confusion[:-1]
        tally.add(logits, labels, truth.mask, truth.sizes)
    far = ranks.share(large(whole.files))
    for index in progress(far, total=len(far), what=f"{what}, large images"):
        bands = tally.bands(whole.files.sizes[index][::-1])
        for views, rows in in_bands(model, whole, index, device, trial):
            bands.add(as_labels(none(views["logits"])[0], classes), rows, views["logits"][0])
        found[index], total = np.stack(marginals(bands.confusion)), total + bands.confusion[:-1]
        tally.add_bands(bands, by_size=whole.by_size)
    rows_of = {index: row for part in ranks.everyone(found) for index, row in part.items()}
    sums = added(ranks.everyone({"confusion": total} | tally.sums))
    ids, groups = whole.files.ids, whole.files.groups
    counts = gathered(ids, [rows_of[index] for index in range(len(ids))], sums.pop("confusion"), groups=groups)
    return dataclasses.replace(counts, **sums)


@torch.inference_mode()
def predict(
    model: torch.nn.Module, whole: WholeImages, device: torch.device, trial: Trial, what: str, *, mirror: bool = False
) -> Iterator[tuple[int, torch.Tensor, Truth]]:
    """One image at a time: its place in `whole`, its logits at its mask's own size, its truth.

    Of several processes each predicts its share.

    Args:
        whole: the images; they come grouped by size.
    """
    model.eval()
    groups = ranks.share(whole.batches(trial.at_once))  # no batch is cut: sizes change last bits
    loader = torch.utils.data.DataLoader(whole, batch_sampler=groups, **loading(trial.workers, device))
    for batch, truths, indices in progress(loader, total=len(groups), what=what):
        with computing(trial.precision, device):
            logits = shown(model, batch["image"].to(device, non_blocking=True), mirror=mirror).float()
        give_back(batch)
        for one, truth, index in zip(logits, truths, indices, strict=True):
            height, width = truth.mask.shape
            yield index, native_logits(one, whole.input_size(index), (width, height)), truth
    forget_ended()
