"""Parts of images from which a convolution's gradient is put together."""

import torch
from torch.nn import functional


def columns_of(images: torch.Tensor, begin: int, end: int) -> torch.Tensor:
    """Columns of images from `begin` to before `end`, 0 beyond their sides.

    >>> columns_of(torch.arange(1.0, 5).view(1, 1, 1, 4), -1, 3)
    tensor([[[[0., 1., 2., 3.]]]])
    """
    last = images.is_contiguous(memory_format=torch.channels_last)
    form, width = torch.channels_last if last else torch.contiguous_format, images.shape[-1]
    made = torch.empty((*images.shape[:-1], end - begin), dtype=images.dtype, memory_format=form)
    inside = slice(max(-begin, 0), max(width - begin, 0))
    made[..., : inside.start] = 0
    made[..., inside.stop :] = 0
    made[..., inside] = images[..., max(begin, 0) : max(end, 0)]
    return made


def every(images: torch.Tensor, steps: tuple[int, int]) -> torch.Tensor:
    """Every so many-th row and column as an image of its own, padded with 0 to equal sizes.

    >>> every(torch.arange(6.0).view(1, 1, 1, 6), (1, 2)).flatten(1)
    tensor([[0., 2., 4.],
            [1., 3., 5.]])
    """
    (count, channels), (down, across) = images.shape[:2], steps
    rest = (0, -images.shape[3] % across, 0, -images.shape[2] % down)
    images = functional.pad(images, rest) if any(rest) else images
    height, width = images.shape[2] // down, images.shape[3] // across
    cells = images.permute(0, 2, 3, 1).reshape(count, height, down, width, across, channels)
    return cells.permute(2, 4, 0, 1, 3, 5).reshape(-1, height, width, channels).permute(0, 3, 1, 2)
