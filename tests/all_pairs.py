"""Few combinations of choices that together hold every pair of choices that may stand together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

Choice = tuple[str, str]  # (axis, value)
Pair = frozenset[Choice]
Combination = dict[str, str]


def pairs_of(combination: Mapping[str, str]) -> set[Pair]:
    """All pairs of choices of two axes that a combination holds."""
    return {frozenset(pair) for pair in itertools.combinations(combination.items(), 2)}


def all_pairs(axes: Mapping[str, Sequence[str]]) -> list[Pair]:
    """Every pair of choices of two axes."""
    return [
        frozenset([(one, x), (other, y)])
        for one, other in itertools.combinations(axes, 2)
        for x, y in itertools.product(axes[one], axes[other])
    ]


def cover(axes: Mapping[str, Sequence[str]], valid: Callable[[Pair], bool]) -> list[Combination]:
    """Combinations, greedily chosen, of valid pairs only, that hold every valid pair.

    Args:
        axes: name -> choices.
        valid: whether two choices may stand together.

    >>> len(cover({"a": "12", "b": "123", "c": "12"}, lambda pair: pair != {("a", "1"), ("b", "3")}))
    6
    """
    allowed = {pair for pair in all_pairs(axes) if valid(pair)}
    left = dict.fromkeys(pair for pair in all_pairs(axes) if pair in allowed)  # in order
    found = []
    while left:
        combination = dict(sorted(next(iter(left))))
        for axis in axes:
            if axis not in combination:
                combination[axis] = _most_new(axis, axes[axis], combination, allowed, left)
        found.append({axis: combination[axis] for axis in axes})
        for pair in pairs_of(combination):
            left.pop(pair, None)
    return found


def _most_new(
    axis: str, choices: Sequence[str], chosen: Combination, allowed: set[Pair], left: Mapping[frozenset, None]
) -> str:
    def new(choice: str) -> list[Pair]:
        return [frozenset([(axis, choice), item]) for item in chosen.items()]

    possible = [choice for choice in choices if all(pair in allowed for pair in new(choice))]
    if not possible:
        raise AssertionError(f"no choice of {axis} may stand beside {chosen}")
    return max(possible, key=lambda choice: sum(pair in left for pair in new(choice)))
