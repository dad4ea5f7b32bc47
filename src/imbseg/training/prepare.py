"""What a trial has in hand before its first step: device, network, weights, loss, samples."""

import dataclasses
import functools
import math
import re
from collections.abc import Callable
from typing import Any

import torch

from imbseg import ranks
from imbseg.augment.photometry import Normalisation
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError, disk_full
from imbseg.loaders import loading
from imbseg.losses import LOSSES, terms
from imbseg.metrics.counts import Counts
from imbseg.models.arithmetic import check_precision, compiled, gradient_scaler, set_cudnn, with_batch_norm_of_all
from imbseg.models.checkpoint import Cadence
from imbseg.models.decoders import build_network, placed
from imbseg.models.faster import faster
from imbseg.models.weights import load_encoder_weights, widen
from imbseg.training.begun import Begun
from imbseg.training.fold import Fold, epoch_batches
from imbseg.training.folder import Folder, Row
from imbseg.training.limits import limits_of, normalised
from imbseg.training.loop import Batches, Learner, Loss
from imbseg.training.optimizer import averaged, make_optimizer
from imbseg.training.paste import Paster, donor_line
from imbseg.training.samples import Batch, TrainSamples
from imbseg.trial import Resolved, Trial
from imbseg.trial.geometry import dead_branches
from imbseg.trial.remedies import takes


@dataclasses.dataclass
class Run:
    """Everything a trial has in hand while it trains."""

    folder: Folder
    trial: Trial
    dataset: Dataset
    fold: Fold
    learner: Learner
    normalisation: Normalisation
    loss_of: Loss
    history: list[Row]
    seconds: list[Row]
    say: Callable[[str], None]
    draws: list[Row] = dataclasses.field(default_factory=list)
    head_from: int | None = None  # epochs before those in which the last layer alone is learned
    begun: Begun | None = None  # the epoch under way
    cadence: Cadence = dataclasses.field(default_factory=lambda: Cadence(math.inf))
    best: tuple[dict[str, Any], Counts] | None = None  # what best.pt and counts_val.npz don't hold yet
    unwritten: bool = False  # the disk was full at the last epoch's end


def prepare(
    resolved: Resolved, trial: Trial, fold: Fold, folder: Folder, device: torch.device, say: Callable[[str], None]
) -> Run:
    """Build a trial's network, loss and optimizer.

    Raises:
        InputError: the encoder or its weights can't be used.
    """
    set_cudnn(trial.cudnn)
    seed_epoch(trial.seed, 0)
    model = make_network(trial, len(resolved.dataset.classes))
    encoder, layout = model.encoder, resolved.dataset.layout
    of_weights = load_encoder_weights(encoder, trial.encoder, trial.encoder_weights)  # type: ignore[arg-type]
    widen(encoder, len(layout.channels), pretrained=trial.encoder_weights is not None)  # type: ignore[arg-type]
    normalisation = normalised(of_weights, layout, fold.limits or limits_of(fold.train, resolved.dataset))
    model = with_batch_norm_of_all(placed(model, device, channels_last=trial.channels_last), device)
    model = faster(model) if trial.fast_cpu and device.type == "cpu" else model
    scaler = gradient_scaler(trial.precision, device)
    average = averaged(model, trial.ema) if trial.ema else None
    parallel = ranks.parallel(model, device)
    parallel = compiled(parallel or model, device) if trial.compile else parallel
    learner = Learner(model, make_optimizer(model, trial), scaler, device, average, parallel=parallel)
    loss_of = make_loss(trial, fold, device)
    run = Run(folder, trial, resolved.dataset, fold, learner, normalisation, loss_of, [], [], _also_log(say, folder))
    sizes = f"{len(fold.train.ids)} train, {len(fold.val.ids)} validation, {len(fold.test.ids)} test images"
    where = f"on {device} with {trial.threads} threads" + (f", {ranks.size()} processes" if ranks.size() > 1 else "")
    run.say(f"{trial.strategy}  {trial.loss}  seed {trial.seed}: {sizes}, {where}")
    if trial.class_weights != "none":
        pairs = zip(resolved.dataset.class_names, fold.class_weights, strict=True)
        words = ", ".join(f"{name} {weight:.3g}" for name, weight in pairs)
        run.say(f"class weights ({trial.class_weights}): {words}")
    if fold.donors is not None:
        run.say(donor_line(trial, resolved.dataset, fold.donors))
    for words in (*absences(fold.absent), *dead_branches(trial)):
        run.say(words)
    return run


def make_network(trial: Trial, classes: int) -> torch.nn.Module:
    """The network that a trial names, with random weights."""
    given = {name: getattr(trial, name) for name in takes("architecture", trial.architecture)}
    return build_network(trial.architecture, trial.encoder, classes=classes, size=trial.padded_size, **given)


def absences(absent: dict[str, list[str]]) -> list[str]:
    """A line for each set of images that lacks classes.

    >>> absences({"train": [], "val": ["pole"], "test": []})
    ['no validation image shows pole: the best epoch is chosen by the mean IoU of the other classes']
    """
    words = {
        "train": "no train image shows {}: the network can't learn it",
        "val": "no validation image shows {}: the best epoch is chosen by the mean IoU of the other classes",
        "test": "no test image shows {}: its IoU is 0 with any false positive, else undefined",
    }
    return [words[subset].format(", ".join(names)) for subset, names in absent.items() if names]


def _also_log(say: Callable[[str], None], folder: Folder) -> Callable[[str], None]:
    def both(line: str) -> None:
        for write in (say, folder.log):
            try:
                write(line)
            except OSError as error:
                if not disk_full(error):
                    raise

    return both


def make_loss(trial: Trial, fold: Fold, device: torch.device) -> Loss:
    """The loss of a trial, which may be a weighted sum, as a function of logits, target and maps of the pixels."""
    given: dict[str, Any] = {name: getattr(trial, name) for name in LOSSES.declares()}
    weights = torch.tensor(fold.class_weights, dtype=torch.float32, device=device)
    given["class_weights"] = None if trial.class_weights == "none" else weights
    given["class_priors"] = torch.tensor(fold.class_priors, dtype=torch.float32, device=device)
    loss: Loss = terms.build(trial.loss, given)
    return weighted(loss) if trial.image_weights else loss


def weighted(loss_of: Loss) -> Loss:
    """The mean over a batch's images of `image_weight` times the loss of the image by itself."""

    def of_batch(logits: torch.Tensor, target: torch.Tensor, maps: Batch) -> torch.Tensor:
        parts = [
            weight * loss_of(logits[i : i + 1], target[i : i + 1], {name: one[i : i + 1] for name, one in maps.items()})
            for i, weight in enumerate(maps["image_weight"])
        ]
        return torch.stack(parts).mean()

    return of_batch


def make_batches(run: Run) -> Batches:
    """The loader of augmented training samples; its batch sampler's epoch is set before each pass."""
    trial = run.trial
    sampler = epoch_batches(trial, run.fold)
    if not len(sampler):
        images = f"the train fold has {len(run.fold.train.ids)} image"
        raise InputError(f"batch_size {trial.batch_size}: {images}, a step takes two")
    fold, paster = run.fold, make_paster(trial, run.dataset, run.fold)
    of_fold = (fold.boxes, paster, fold.image_weights)
    samples = TrainSamples(fold.train, run.dataset, trial, run.normalisation, *of_fold)
    how = loading(trial.workers, run.learner.device)
    return torch.utils.data.DataLoader(samples, batch_sampler=sampler, **how)


def make_paster(trial: Trial, dataset: Dataset, fold: Fold) -> Paster | None:
    """What pastes objects of the train fold into its samples; None without copy-paste."""
    if fold.donors is None:
        return None
    return Paster(trial, dataset, fold.donors, fold.train, functools.partial(fold.train.read_pair, dataset))


def choose_device(name: str, precision: str = "float32") -> torch.device:
    """The device a Trial names.

    Args:
        name: auto (a GPU that is there, else the CPU), cpu, cuda or cuda:N.
        precision: what it must be able to compute.

    Raises:
        InputError: CUDA is asked for and isn't there, the device lacks the precision, or the name is none.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if not re.fullmatch(r"cpu|cuda(:\d+)?", name):
        raise InputError(f"device: expected auto, cpu, cuda or cuda:N, found {name!r}")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = f"torch sees {torch.cuda.device_count()} CUDA devices"
        other = "take --device cpu, or install a CUDA build of torch (see README)"
        raise InputError(f"device: {name} is asked for, and {there}; {other}")
    check_precision(precision, device)
    return ranks.own_gpu(device)


def seed_epoch(seed: int, epoch: int, rank: int = 0) -> None:
    """Seed what draws inside the network (dropout, drop path): epoch by epoch, so that a resume needs no state."""
    torch.manual_seed((seed * 1_000_003 + epoch + rank * 2**52) % 2**63)
