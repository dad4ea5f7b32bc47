"""Losses on the overlap of each object by itself: small ones count as much as large ones."""

from typing import Any

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
    maps, regions, own, label_of, sizes = _regions(target.cpu().numpy(), labelled.cpu().numpy())
    if not maps.size:
        return (0 * probabilities).sum()
    device = target.device
    flat = probabilities.flatten(2)  # (images, classes, pixels)
    every = flat.flatten(0, 1)[torch.from_numpy(maps[:, 0] * flat.shape[1] + maps[:, 1]).to(device)]
    true = flat.gather(1, target.clamp(0, flat.shape[1] - 1).flatten(1)[:, None])
    nowhere = flat.new_zeros(len(sizes) + 1)  # the last place takes ignored pixels
    total = nowhere.index_add(0, torch.from_numpy(regions).to(device).flatten(), every.flatten())[:-1]
    inside = nowhere.index_add(0, torch.from_numpy(own).to(device).flatten(), true.flatten())[:-1]
    losses = 1 - 2 * inside / (total + torch.from_numpy(sizes).to(total))
    share = 1 / np.bincount(label_of)[label_of] / len(np.unique(label_of))
    return (losses * torch.from_numpy(share).to(losses)).sum()


def _regions(masks: NDArray[Any], labelled: NDArray[np.bool_]) -> tuple[NDArray[np.int64], ...]:
    """Number the components of a batch, whatever their class.

    Returns:
        maps: (maps, 2) image and label of each label that an image has.
        regions: (maps, height, width) the component of that label nearest to each pixel; as many as there are
            components where it is ignored.
        own: (images, height, width) the component that each pixel belongs to, likewise.
        label_of, sizes: (components,) label and pixels.
    """
    maps, regions, label_of, sizes = [], [], [], []
    own, begin = np.full(masks.shape, -1, np.int64), 0
    for image, (mask, here) in enumerate(zip(masks, labelled, strict=True)):
        for label in np.unique(mask[here]).tolist():
            pixels = mask == label
            near = nearest_component(pixels) + begin
            own[image][pixels] = near[pixels]
            counts = np.bincount(near[pixels])[begin:]
            maps.append((image, label))
            regions.append(np.where(here, near, -1))
            label_of.extend([label] * len(counts))
            sizes.append(counts)
            begin += len(counts)
    stacked = np.stack(regions) if regions else own[:0]
    for numbers in (stacked, own):
        numbers[numbers < 0] = begin
    return np.array(maps, np.int64), stacked, own, np.array(label_of, np.int64), np.concatenate([*sizes, own[:0, 0, 0]])


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
