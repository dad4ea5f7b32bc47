"""Which epoch is the best so far, and whether it is time to stop."""

from __future__ import annotations

from collections.abc import Sequence


def best_epoch(scores: Sequence[float]) -> int:
    """The first epoch, counted from 1, with the highest score; 0 where there is none.

    >>> best_epoch([0.2, 0.5, 0.5])
    2
    """
    return 1 + max(range(len(scores)), key=lambda i: (scores[i], -i)) if scores else 0


def should_stop(scores: Sequence[float], patience: int) -> bool:
    """Whether `patience` epochs have gone by without a better score; never with patience 0.

    >>> should_stop([0.5, 0.4, 0.3], 2), should_stop([0.5, 0.4], 2), should_stop([0.5, 0.4, 0.3], 0)
    (True, False, False)
    """
    return patience > 0 and len(scores) - best_epoch(scores) >= patience
