"""Losses on the overlap of each object by itself: small ones count as much as large ones."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imbseg.losses.cross_entropy import cross_entropy
from imbseg.losses.pixels import exact, without_ignored


def cc_dice(logits: Tensor, target: Tensor, *, class_weights: Tensor | None) -> Tensor:
    """Cross-entropy + 1 - Dice of each connected component, mean over a class's components, then over the classes.

    A component's Dice is that of its class's softmax probabilities within its region: the pixels to which no other
    component of that class in the image is nearer. Classes without a labelled pixel in the batch have none.

    Source: Bouteille et al., CC-DiceCE, arXiv:2511.17146; each class against the rest as in Kundu et al.,
        arXiv:2604.24276.
    """
    return cross_entropy(logits, target, class_weights=class_weights) + component_dice(logits, target)


def component_dice(logits: Tensor, target: Tensor) -> Tensor:
    """The Dice term of `cc_dice`; 0 with a zero gradient where every pixel is ignored."""
    probabilities = exact(logits).softmax(dim=1)
    labelled = without_ignored(target, logits.shape[1])[1]
    of_class: dict[int, list[Tensor]] = {}
    for image, mask in enumerate(target.cpu().numpy()):
        here = labelled[image]
        for label in np.unique(mask[here.cpu().numpy()]).tolist():
            regions = torch.from_numpy(nearest_component(mask == label)).to(target.device)[here]
            losses = _one_minus_dice(probabilities[image, label][here], (target[image] == label)[here], regions)
            of_class.setdefault(label, []).append(losses)
    if not of_class:
        return (0 * probabilities).sum()
    return torch.stack([torch.cat(losses).mean() for losses in of_class.values()]).mean()


def nearest_component(of_class: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the 8-connected components of a map, and every other pixel by the one nearest to it.

    Args:
        of_class: (height, width) with at least one pixel set.

    Returns:
        (height, width) numbers from 0; distances are those of a 5 x 5 chamfer mask, within 2 % of Euclid's.
    """
    outside = (~of_class).astype(np.uint8)
    labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)[1]
    return np.asarray(labels, np.int64) - 1


def _one_minus_dice(probability: Tensor, truth: Tensor, regions: Tensor) -> Tensor:
    """(regions,) of pixels in a row."""
    stacked = torch.stack([probability * truth, probability + truth])  # (2, pixels)
    inside, total = stacked.new_zeros(2, int(regions.max()) + 1).index_add(1, regions, stacked)
    losses: Tensor = 1 - 2 * inside / total
    return losses
