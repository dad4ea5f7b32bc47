"""Classifier normalisation: the last layer's weights divided by a power of their length."""

from typing import Annotated

from torch import Tensor

from imbseg.post_hoc import Strengths
from imbseg.post_hoc.none import none

Tau = Annotated[float, Strengths(0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)]


def tau_norm(logits: Tensor, *, class_norms: Tensor, class_bias: Tensor, tau: Tau) -> Tensor:
    """The class of the largest logit with each class's weights w divided by |w|^tau; the bias stays.

    The last layer is linear and what follows it averages, so its weights needn't be changed: (logit - bias) / |w|^tau +
    bias is what it would have given. Lengths are taken over their mean.

    Source: Kang et al., Decoupling Representation and Classifier, arXiv:1910.09217, section 4.2.
    """
    bias = class_bias.to(logits).view(-1, 1, 1)
    lengths = (class_norms / class_norms.mean()).to(logits).view(-1, 1, 1)
    return none(logits + (logits - bias) * (lengths**-tau - 1))  # so written, 0 changes no bit
