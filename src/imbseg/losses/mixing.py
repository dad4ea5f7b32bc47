"""Whether a loss takes a batch as a whole, found out by trying it: sums over the batch, or its hardest pixels."""

from collections.abc import Callable

import torch

Loss = Callable[[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]], torch.Tensor]  # (logits, target, maps)


def mixes(loss_of: Loss, classes: int, size: tuple[int, int], device: torch.device) -> bool:
    """Whether an image's gradient depends on the logits of the batch's other images.

    Args:
        size: (width, height) of an image: a loss may always take so many pixels.

    Raises:
        RuntimeError: the loss can't be tried: no room in memory, say.
    """
    width, height = size
    with torch.random.fork_rng(devices=[]):
        generator = torch.Generator().manual_seed(0)
        first, other = (4 * torch.randn(1, classes, height, width, generator=generator) for _ in range(2))
        target = torch.randint(classes, (2, height, width), generator=generator)
        right = 20 * torch.eye(classes)[target].movedim(3, 1)  # added to the logits, it makes pixels easy
        first[..., : width // 2] += right[:1, ..., : width // 2]
        others, target = (other, other + right[1:]), target.to(device)
        maps = {"object_area": torch.full((2, height, width), 16.0), "image_weight": torch.ones(2)}
        maps = {name: one.to(device) for name, one in maps.items()}
        found = []
        for other in others:
            torch.manual_seed(0)  # a loss may draw noise
            logits = torch.cat([first, other]).to(device).requires_grad_()
            found.append(torch.autograd.grad(loss_of(logits, target, maps), logits)[0][0])
    return not torch.allclose(found[0], found[1], rtol=1e-3, atol=1e-9)
