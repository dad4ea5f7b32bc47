"""Focal losses of pytorch-toolbelt, in float32 as the library has them, with the mean over labelled pixels only.

pytorch-toolbelt divides by all pixels, so that a half ignored batch has half the loss; here its sum is divided by the
number of labelled pixels instead. It also takes the index of an ignored pixel for a label before it drops the pixel
(a NaN gradient where gamma isn't whole), so the pixel has class 0 here until it is dropped.
"""

import warnings
from typing import Annotated

from pydantic import Field
from torch import Tensor

with warnings.catch_warnings():
    # pytorch-toolbelt decorates functions with torch.cuda.amp.autocast, which PyTorch renamed to torch.amp.autocast.
    warnings.filterwarnings("ignore", message=r"`torch\.cuda\.amp\.autocast\(args\.\.\.\)`", category=FutureWarning)
    from pytorch_toolbelt.losses import BinaryFocalLoss, CrossEntropyFocalLoss

from imbseg.declared import Gap
from imbseg.losses.pixels import without_ignored

Gamma = Annotated[
    float,
    Field(2.0, ge=0, le=100, description="focusing exponent of the focal losses, 0 or at least 1"),
    Gap(0, 1, "in between, the gradient of a focal loss is infinite at pixels that are surely right"),
]
Alpha = Annotated[float | None, Field(None, ge=0, le=1, description="weight of focal's positive terms")]


def focal(logits: Tensor, target: Tensor, *, class_weights: Tensor | None, gamma: Gamma, alpha: Alpha) -> Tensor:
    """Binary focal loss of each class against the rest, summed over classes, mean over labelled pixels.

    sum over classes of -a_t (1 - p_t)^gamma log(p_t), p = sigmoid(logit); what the published experiment used.

    Args:
        class_weights: (classes,) or None, a factor on each class's term.
        gamma: focusing exponent, 0 or >= 1 (in between, the gradient is infinite at a pixel that is surely right).
        alpha: weight in [0, 1] of the positive term, 1 - alpha of the negative; None: both 1.

    Source: Lin et al., arXiv:1708.02002, equation 5; pytorch_toolbelt.losses.BinaryFocalLoss.
    """
    loss = BinaryFocalLoss(alpha=alpha, gamma=gamma, reduction="none", class_weights=class_weights)
    safe, labelled = without_ignored(target, logits.shape[1])
    each = loss(logits.float(), safe).sum(dim=1)  # (images, height, width)
    return _per_labelled_pixel(each, labelled)


def softmax_focal(logits: Tensor, target: Tensor, *, class_weights: Tensor | None, gamma: Gamma) -> Tensor:
    """pytorch-toolbelt's CrossEntropyFocalLoss: the focal factor from the softmax, mean over labelled pixels.

    sum over classes of |y - softmax|^gamma * binary cross-entropy(logit, y); despite its name the logarithm is that of
    the sigmoid, as the library has it.

    Source: pytorch_toolbelt.losses.CrossEntropyFocalLoss.
    """
    loss = CrossEntropyFocalLoss(gamma=gamma, reduction="none", class_weights=class_weights)
    safe, labelled = without_ignored(target, logits.shape[1])
    return _per_labelled_pixel(loss(logits.float(), safe), labelled)


def _per_labelled_pixel(each: Tensor, labelled: Tensor) -> Tensor:
    return (each * labelled).sum() / labelled.sum().clamp_min(1)
