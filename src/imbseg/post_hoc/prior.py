"""Prior correction: a frequent class is preferred in doubt; logits - beta log(prior) takes some of that back."""

from typing import Annotated

import torch
from torch import Tensor

from imbseg.post_hoc import Strengths
from imbseg.post_hoc.none import none

Beta = Annotated[  # negative: a weighted loss overshot
    float, Strengths(-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
]


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
