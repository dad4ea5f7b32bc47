"""Which pixels of a batch count, and the precision that a loss is computed in."""

import torch
from torch import Tensor
from torch.nn import functional

from imbseg.datasets.labels import IGNORE as IGNORE  # the other losses take it from here
from imbseg.datasets.labels import ignored_label as ignored_label


def exact(logits: Tensor) -> Tensor:
    """Logits in float32 whatever comes in (float16 sums overflow); float64 is kept."""
    return logits if logits.dtype == torch.float64 else logits.float()


def without_ignored(target: Tensor, classes: int = IGNORE) -> tuple[Tensor, Tensor]:
    """(target with class 0 where it is ignored, bool map of the labelled pixels), both of target's shape."""
    labelled = target != ignored_label(classes)
    return torch.where(labelled, target, 0), labelled


def one_hot(target: Tensor, classes: int, like: Tensor) -> Tensor:
    """(images, height, width) classes -> (images, classes, height, width) of 0 and 1, all 0 where ignored."""
    safe, labelled = without_ignored(target, classes)
    return functional.one_hot(safe, classes).movedim(-1, 1).to(like) * labelled.unsqueeze(1)
