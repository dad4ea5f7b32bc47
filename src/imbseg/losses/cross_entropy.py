"""Cross-entropy: plain, with class weights, by object size, of logits moved by the prior, of the hardest pixels."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from imbseg.losses.pixels import exact, ignored_label, without_ignored

Tau = Annotated[float, Field(1.0, ge=0, le=100, description="logit_adjusted's strength; 1: balanced softmax")]
Sigma = Annotated[
    float,
    Field(4.0, ge=0, le=1e6, description="logit_variation's deviation of the noise before it is clipped to [-1, 1]"),
]
SizeBound = Annotated[
    float, Field(20.0, ge=1, le=1e6, description="size_balanced's largest weight; background weighs 1")
]
Share = Annotated[float, Field(0.25, gt=0, le=1, description="share of the labelled pixels that ohem keeps")]
Fewest = Annotated[int, Field(1000, ge=1, description="fewest labelled pixels of a batch that ohem keeps")]


def cross_entropy(logits: Tensor, target: Tensor, *, class_weights: Tensor | None) -> Tensor:
    """Mean cross-entropy of the labelled pixels, each weighted by its class.

    sum over pixels of w[y] * -log softmax(logits)[y] / sum over pixels of w[y]; a doubled weight vector gives the
    same loss.

    Args:
        logits: (images, classes, height, width) float; computed in float32 whatever comes in, float64 kept.

    Returns:
        Scalar; 0 with a zero gradient where every pixel is ignored.
    """
    logits = exact(logits)
    weights = None if class_weights is None else class_weights.to(logits)
    ignored = ignored_label(logits.shape[1])
    total = functional.cross_entropy(logits, target, weight=weights, ignore_index=ignored, reduction="sum")
    safe, labelled = without_ignored(target, logits.shape[1])
    weight = labelled.sum() if weights is None else (weights[safe] * labelled).sum()
    # Only ignored pixels: 0 / 1 instead of 0 / 0.
    return total / torch.where(weight > 0, weight, torch.ones_like(weight))


def weighted_cross_entropy(
    logits: Tensor, target: Tensor, *, class_weights: Annotated[Tensor | None, Field("inverse_sqrt")]
) -> Tensor:
    """`cross_entropy`, with the class weights `inverse_sqrt` where no others are named."""
    return cross_entropy(logits, target, class_weights=class_weights)


def logit_adjusted(logits: Tensor, target: Tensor, *, class_priors: Tensor, tau: Tau) -> Tensor:
    """Cross-entropy of logits + tau log(prior), mean over labelled pixels; the bare logits decide.

    The prior is given to the network, which so learns what an image tells beyond it. tau = 1 is balanced softmax,
    tau = 0 plain cross-entropy.

    Args:
        class_priors: (classes,) pixel shares of the train fold. A class of share 0 isn't adjusted: it is pushed down
            as by plain cross-entropy, where log 0 would leave it alone.

    Source: Menon et al., arXiv:2007.07314, equation 10; tau = 1: Ren et al., arXiv:2007.10740.
    """
    logits = exact(logits)
    priors = class_priors.to(logits)
    shift = tau * torch.where(priors > 0, priors, torch.ones_like(priors)).log()
    return cross_entropy(logits + shift.view(1, -1, 1, 1), target, class_weights=None)


def ohem(
    logits: Tensor, target: Tensor, *, class_weights: Tensor | None, ohem_share: Share, ohem_min: Fewest
) -> Tensor:
    """Online hard example mining: mean cross-entropy of the hardest labelled pixels of the batch.

    Kept are round(ohem_share * labelled) pixels, at least ohem_min (or all, where fewer are labelled), and whatever
    ties with the last of them. Hard is what has a large cross-entropy without class weights.

    Source: Shrivastava et al., arXiv:1604.03540; for pixels Wu et al., arXiv:1605.06885 (bootstrapping).
    """
    safe, labelled = without_ignored(target, logits.shape[1])
    each = functional.cross_entropy(exact(logits), safe, reduction="none")[labelled]  # (labelled,)
    if not len(each):
        return each.sum()
    kept = max(round(ohem_share * len(each)), min(ohem_min, len(each)))
    hard = each >= each.detach().kthvalue(len(each) - kept + 1).values
    weights = hard.to(each) if class_weights is None else class_weights.to(each)[safe[labelled]] * hard
    return (weights * each).sum() / weights.sum()


def size_balanced(logits: Tensor, target: Tensor, *, object_area: Tensor, size_bound: SizeBound) -> Tensor:
    """Mean cross-entropy of the labelled pixels, each weighted by the size of its object.

    sum of w * -log softmax(logits)[y] / sum of w over the labelled pixels of the batch, w = min(size_bound, 1 /
    sqrt(a)), a the share of its image that the pixel's object takes; background counts as the whole image, w = 1. So
    the weights have mean 1, and an object of a quarter the size weighs half as much in all, not a quarter.

    Args:
        size_bound: largest w, >= 1; 1 is plain cross-entropy, 20 is reached at 1/400 of the image.

    Source: after Mun et al., Small Objects Matters in Weakly-supervised Semantic Segmentation, WACV 2024,
        arXiv:2309.14117, who weigh a pixel by the size of its object. The formula is this project's: sizes are
        set against the image, so that a lone small object gains too, and the weights have mean 1.
    """
    safe, labelled = without_ignored(target, logits.shape[1])
    each = functional.cross_entropy(exact(logits), safe, reduction="none")  # (images, height, width)
    weights = object_area.to(each).rsqrt().clamp_max(size_bound) * labelled
    return (weights * each).sum() / weights.sum().clamp_min(1)


def logit_variation(logits: Tensor, target: Tensor, *, class_priors: Tensor, variation_sigma: Sigma) -> Tensor:
    """Cross-entropy of logits with noise that grows with a class's rarity, mean over labelled pixels.

    logits[c] + s[c] * |e|, s[c] = log(1 / prior[c]) / its largest value over classes, e drawn anew for each labelled
    pixel and class from a normal distribution of deviation variation_sigma, clipped to [-1, 1]. The bare logits
    decide. The noise is never negative, and with the published deviation of 4 mostly 1: a rare class's bare logits
    settle that much lower.

    Args:
        class_priors: (classes,) pixel shares of the train fold; a class of share 0 varies as the rarest.

    Source: Wang et al., Balancing Logit Variation for Long-tailed Semantic Segmentation, CVPR 2023, arXiv:2306.02061.
        The noise comes from torch's generator, which training seeds epoch by epoch.
    """
    logits, labelled = exact(logits), target != ignored_label(logits.shape[1])
    priors = class_priors.to(logits)
    rarity = -torch.where(priors > 0, priors, torch.ones_like(priors)).log()  # (classes,)
    most = rarity.max()
    scale = torch.where(priors > 0, rarity, most) / torch.where(most > 0, most, 1)  # one class only: no noise
    # Ignored pixels draw nothing, so they can't change what the others draw.
    drawn = torch.randn(int(labelled.sum()) * logits.shape[1], dtype=logits.dtype, device=logits.device)
    noise = (variation_sigma * drawn).clamp(-1, 1).abs()
    variation = torch.zeros_like(logits).masked_scatter(labelled.unsqueeze(1), noise)
    return cross_entropy(logits + scale.view(-1, 1, 1) * variation, target, class_weights=None)
