"""What every correction keeps."""

from collections.abc import Callable
from typing import Any

import torch

from imbseg.checks.expect import expect
from imbseg.checks.losses import CLASSES


def gives_one_label_a_pixel(step: Any, strength: str) -> None:
    """Labels of the logits' classes, images apart, the same at every call; logits stay untouched."""
    for shape in ((2, CLASSES, 4, 5), (1, CLASSES, 1, 1)):
        logits = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
        kept, given = logits.clone(), {strength: 1.0} if strength else {}
        labels = step({"logits": logits, **given})
        expect(labels.shape == (shape[0], *shape[2:]), f"labels of shape {(shape[0], *shape[2:])}", tuple(labels.shape))
        expect(labels.dtype == torch.int64, "int64 labels", labels.dtype)
        expect(
            0 <= int(labels.min()) <= int(labels.max()) < CLASSES, f"classes 0..{CLASSES - 1}", labels.unique().tolist()
        )
        expect(torch.equal(logits, kept), "untouched logits", "changed ones")
        expect(torch.equal(labels, step({"logits": logits, **given})), "the same labels at every call", "others")
        alone = step({"logits": logits[-1:], **given})
        expect(torch.equal(labels[-1:], alone), "the labels of an image whatever stands beside it", "others")


def decodes_as_trained_at_0(step: Any, strength: str) -> None:
    """Strength 0 is the class of the largest logit, the first of equal ones."""
    logits = torch.randn(3, CLASSES, 7, 9, generator=torch.Generator().manual_seed(0)).mul(2).round()
    if strength:
        labels = step({"logits": logits, strength: 0.0})
        plain = torch.from_numpy(logits.numpy().argmax(axis=1))
        expect(torch.equal(labels, plain), f"the largest logit's class at {strength} 0", "another")


POST_HOC_CHECKS: tuple[Callable[[Any, str], None], ...] = (gives_one_label_a_pixel, decodes_as_trained_at_0)
