"""Losses on the overlap of what is predicted and what is true, each 1 - a score, mean over the classes that are there.

Their counts are sums over the whole batch (ignored pixels in none of them), so the loss isn't the mean of the images'
losses; a batch twice over gives the same value. A class without a labelled pixel in the batch is left out of the mean,
and what the network predicts of it lowers the scores of the others: no reward, no NaN.
"""

from typing import Annotated

import segmentation_models_pytorch as smp
import torch
from pydantic import Field
from torch import Tensor

from imbseg.losses.pixels import exact, ignored_label

Beta = Annotated[float, Field(0.7, ge=0, le=1, description="tversky's weight of missed pixels, 1 - beta of false ones")]


def dice(logits: Tensor, target: Tensor, *, class_weights: Tensor | None) -> Tensor:
    """1 - Dice: TP / (TP + (FP + FN) / 2) of softmax probabilities.

    Args:
        class_weights: (classes,) or None, weights of the classes in the mean.

    Returns:
        Scalar in [0, 1]; 0 with a zero gradient where every pixel is ignored.

    Source: Milletari et al., arXiv:1606.04797; segmentation_models.pytorch's TverskyLoss with both weights 1/2.
    """
    return _one_minus_score(logits, target, class_weights, false=0.5, missed=0.5)


def tversky(logits: Tensor, target: Tensor, *, class_weights: Tensor | None, beta: Beta) -> Tensor:
    """1 - TP / (TP + (1 - beta) FP + beta FN): above 1/2, beta asks for recall rather than precision.

    Source: Salehi et al., arXiv:1706.05721, equation 4 (alpha = 1 - beta); segmentation_models.pytorch's TverskyLoss.
    """
    return _one_minus_score(logits, target, class_weights, false=1 - beta, missed=beta)


def jaccard_metric(logits: Tensor, target: Tensor, *, class_weights: Tensor | None) -> Tensor:
    """Jaccard metric loss: 1 - (|x| + |y| - |x - y|) / (|x| + |y| + |x - y|), norms L1, x = softmax, y = truth.

    With 0/1 truth, as here, it has the value of the soft Jaccard loss TP / (TP + FP + FN); the form by differences
    is the one that stays right for soft truth.

    Source: Wang and Blaschko, arXiv:2302.05666, equation 4; segmentation_models.pytorch computes its counts that way.
    """
    return _one_minus_score(logits, target, class_weights, false=1.0, missed=1.0)


def lovasz(logits: Tensor, target: Tensor) -> Tensor:
    """Lovász-softmax: the convex extension of 1 - IoU over the sorted errors of the batch's pixels, class by class.

    Computed in float32: the library's cumulative sums are. Sorts every labelled pixel once a class.

    Source: Berman et al., arXiv:1705.08790, equation 9 (classes present); segmentation_models.pytorch's LovaszLoss.
    """
    value: Tensor = smp.losses.LovaszLoss("multiclass", ignore_index=ignored_label(logits.shape[1]))(
        logits.float(), target
    )
    return value.sum()  # already a scalar, but where every pixel is ignored: (0, classes)


def _one_minus_score(
    logits: Tensor, target: Tensor, class_weights: Tensor | None, *, false: float, missed: float
) -> Tensor:
    logits, ignored = exact(logits), ignored_label(logits.shape[1])
    present = torch.bincount(target[target != ignored], minlength=logits.shape[1]).nonzero()[:, 0].tolist()
    if not present:
        return (0 * logits).sum()
    # The library's mean is over all classes, with 0 for those that are absent; naming the present ones leaves them out.
    loss = smp.losses.TverskyLoss(
        "multiclass", classes=present, ignore_index=ignored, alpha=false, beta=missed, class_weights=class_weights
    )
    value: Tensor = loss(logits, target)
    return value
