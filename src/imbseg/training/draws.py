"""What the steps of an epoch showed, a row of draws.csv; and what the epochs so far say -> the next draw weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg import menu
from imbseg.datasets.labels import ignored_label, label_counts
from imbseg.sampling import SAMPLING
from imbseg.sampling.adaptive import smooth
from imbseg.training.record import Row
from imbseg.training.samples import Batch
from imbseg.trial import Trial

PASTED = "pasted"  # (images, classes) int64 in a batch: instances pasted into each sample


class Draws:
    """Counts of one epoch, batch by batch.

    Attributes:
        seen: (classes,) int64, samples in which a class is visible.
        pixels: (classes + 1,) int64, pixels of each class after augmentation; the last are ignored (padding too).
        pasted: (classes,) int64, or None where batches don't tell.
        trust: (classes,) float64, sum of the probabilities given to a class at its own pixels; None: not asked for.
    """

    def __init__(self, class_names: Sequence[str], *, confidence: bool) -> None:
        """Start at 0; with `confidence` also the network's probabilities are summed."""
        self.names, self.samples = tuple(class_names), 0
        self.seen, self.pixels = np.zeros(len(self.names), np.int64), np.zeros(len(self.names) + 1, np.int64)
        self.pasted: np.ndarray | None = None
        self.trust = np.zeros(len(self.names)) if confidence else None

    def add(self, batch: Batch, logits: torch.Tensor) -> None:
        """Count one step."""
        target = batch["target"]
        counts = np.array([label_counts(one, len(self.names)) for one in target.numpy()])  # (images, classes + 1)
        self.samples += len(counts)
        self.pixels += counts.sum(axis=0)
        self.seen += (counts[:, :-1] > 0).sum(axis=0)
        if PASTED in batch:
            pasted = batch[PASTED].numpy().sum(axis=0)
            self.pasted = pasted if self.pasted is None else self.pasted + pasted
        if self.trust is not None:
            self.trust = self.trust + true_class_probability(target, logits)

    def row(self, epoch: int, images: int) -> Row:
        """The epoch's row."""
        row: Row = {"epoch": epoch, "samples": self.samples, "images": images}
        row |= self._columns("samples", self.seen) | self._columns("pixels", self.pixels)
        row["pixels:ignore"] = int(self.pixels[-1])
        if self.pasted is not None:
            row |= self._columns(PASTED, self.pasted)
        if self.trust is not None:
            pixels = self.pixels[:-1]
            mean = np.divide(self.trust, pixels, out=np.full(len(pixels), np.nan), where=pixels > 0)
            row |= self._columns("confidence", mean)
        return row

    def state(self) -> dict[str, Any]:
        """All that was counted, as a checkpoint holds it."""
        counted = {name: value for name, value in vars(self).items() if name != "names"}
        return {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in counted.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on counting from there."""
        for name, value in state.items():
            setattr(self, name, value.cpu().numpy() if isinstance(value, torch.Tensor) else value)

    def add_state(self, state: Mapping[str, Any]) -> None:
        """Add what another process counted."""
        for name, value in state.items():
            if value is not None:
                other = value.cpu().numpy() if isinstance(value, torch.Tensor) else value
                known = getattr(self, name)
                setattr(self, name, other if known is None else known + other)

    def _columns(self, what: str, values: np.ndarray) -> Row:
        return {f"{what}:{name}": value for name, value in zip(self.names, values.tolist(), strict=False)}


def true_class_probability(target: torch.Tensor, logits: torch.Tensor) -> np.ndarray:
    """For each class, the sum over its pixels of the probability that the network gives it there.

    Args:
        target: (images, height, width) integers on the CPU, 255 = ignored.
        logits: (images, classes, height, width), on any device.

    Returns:
        (classes,) float64, summed on the CPU: on a GPU the order of a sum is not fixed.
    """
    classes = logits.shape[1]
    there = target.to(logits.device).long()
    at = there.clamp(0, classes - 1)[:, None]  # an ignored pixel asks for any class, and is dropped
    own = logits.float().softmax(dim=1).gather(1, at)[:, 0].cpu().numpy()  # (images, height, width)
    truth = target.numpy()
    labelled = truth != ignored_label(classes)
    return np.bincount(truth[labelled], weights=own[labelled], minlength=classes)


def adapts(trial: Trial) -> bool:
    """Whether the trial's sampler asks how the trial does so far."""
    return "class_scores" in menu.arguments(SAMPLING, trial.sampling)


def asks_confidence(trial: Trial) -> bool:
    """Whether it asks the network's confidence in training batches, which leaves the validation fold alone."""
    return adapts(trial) and trial.adaptive_from == "confidence"


def class_scores(
    trial: Trial, class_names: Sequence[str], history: Sequence[Row], draws: Sequence[Row], unseen: Sequence[str]
) -> NDArray[np.float64]:
    """Smooth the classes' scores over the epochs so far.

    Args:
        trial: its `adaptive_from` says which score.
        draws: rows of draws.csv, with `confidence:<class>` where asks_confidence says so.
        unseen: classes that no validation image shows: their IoU is 0 with any false positive and says nothing.

    Returns:
        (classes,) in 0..1, NaN where there is none: everywhere before the first epoch.
    """
    by_validation = trial.adaptive_from == "validation"
    rows, prefix = (history, "IoU/") if by_validation else (draws, "confidence:")
    scores = [np.array([row[prefix + name] for name in class_names]) for row in rows]  # epochs x (classes,)
    found = smooth(scores, smoothing=trial.adaptive_smoothing, classes=len(class_names))
    if by_validation:
        found[np.isin(list(class_names), list(unseen))] = np.nan
    return found
