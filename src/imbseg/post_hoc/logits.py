"""Corrections of logits: none, by the class prior, by the last layer's weights, and other views of the image.

A frequent class is preferred in doubt; logits - beta log(prior) takes some of that back, and so do the last layer's
weights divided by a power of their length.
"""

from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from imbseg.datasets.labels import Labels, label_type
from imbseg.post_hoc import Strengths

Beta = Annotated[  # negative: a weighted loss overshot
    float, Strengths(-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
]
Tau = Annotated[float, Strengths(0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)]


def none(logits: Tensor) -> Tensor:
    """The class of the largest logit at each pixel; the first of equal ones.

    Returns:
        (images, height, width) int64 class indices.
    """
    return logits.max(dim=1).indices  # argmax along a dimension that isn't the last takes five times as long on a CPU


def as_labels(indices: Tensor, classes: int) -> Labels:
    """Class indices on any device as an array, of the type that masks of so many classes have."""
    kind = torch.uint8 if label_type(classes) == np.uint8 else torch.int16
    found: Labels = indices.to(kind).cpu().numpy()
    return found


def prior(logits: Tensor, *, class_priors: Tensor, beta: Beta) -> Tensor:
    """The class of the largest logit - beta log(prior) at each pixel.

    A network trained with plain cross-entropy learns p(class | image) under the train fold's frequencies. beta = 1
    assumes equally frequent classes, beta = 0 the frequencies of training. A weighted loss has shifted the prior
    already; a negative beta reverses it where it overshot.

    Args:
        class_priors: (classes,) pixel shares of the train fold; see `log_priors` for a class of share 0.

    Source: Menon et al., arXiv:2007.07314, section 4.1 (post-hoc logit adjustment); for segmentation Tian et al.,
        arXiv:2010.01412.

    >>> doubtful = torch.tensor([0.70, 0.30]).log().view(1, 2, 1, 1)
    >>> frequent = torch.tensor([0.9, 0.1])
    >>> [prior(doubtful, class_priors=frequent, beta=beta).item() for beta in (0.0, 0.25, 0.5)]
    [0, 0, 1]
    """
    return none(logits - beta * log_priors(class_priors).to(logits).view(-1, 1, 1))


def log_priors(class_priors: Tensor) -> Tensor:
    """(classes,) float32 logarithms; a class absent from the train fold takes the smallest share that is there.

    Its own logarithm is infinite, and a share of 1 (no shift) would lift it above all others where beta is negative.
    So it moves with the rarest class that the network has seen.

    >>> log_priors(torch.tensor([0.5, 0.0, 0.5])).exp()
    tensor([0.5000, 0.5000, 0.5000])
    """
    shares = class_priors.double()
    present = shares[shares > 0]
    if not len(present):
        return torch.zeros_like(shares, dtype=torch.float32)
    return torch.where(shares > 0, shares, present.min()).log().float()


def tau_norm(logits: Tensor, *, class_norms: Tensor, class_bias: Tensor, tau: Tau) -> Tensor:
    """The class of the largest logit with each class's weights w divided by |w|^tau; the bias stays.

    The last layer is linear and what follows it averages, so its weights needn't be changed: (logit - bias) / |w|^tau +
    bias is what it would have given. Lengths are taken over their mean.

    Source: Kang et al., Decoupling Representation and Classifier, arXiv:1910.09217, section 4.2.
    """
    bias = class_bias.to(logits).view(-1, 1, 1)
    lengths = (class_norms / class_norms.mean()).to(logits).view(-1, 1, 1)
    return none(logits + (logits - bias) * (lengths**-tau - 1))  # so written, 0 changes no bit


class Larger:
    """What `enlarged` takes."""

    larger_scale: Annotated[float, Field(1.5, gt=1, le=4, description="factor of the input's sides at test time")]


def flip(logits: Tensor, *, mirrored: Tensor) -> Tensor:
    """Log of the mean probability of an image and its mirror image."""
    return ((logits.softmax(dim=1) + mirrored.softmax(dim=1)) / 2).log()


def larger(logits: Tensor, *, enlarged: Tensor) -> Tensor:
    """Logits of a larger input: objects that training showed enlarged, by random crops, are met at that size.

    Args:
        enlarged: the same of an input whose sides are `larger_scale` times as long.

    Source: Touvron et al., FixRes, arXiv:1906.06423.
    """
    return enlarged.view_as(logits)
