"""Other views of an image at test time: its mirror image, a larger one."""

from typing import Annotated

from pydantic import Field
from torch import Tensor


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
