"""What a search optimises, of the scores that a trial reports."""

import math
from collections.abc import Mapping
from typing import Any

from imbseg.errors import InputError, unknown_name

# The mean of these scores. mIoU counts a group by its number of classes; `balanced` counts head and tail alike, so a
# gain of .01 in one pays for a loss of .01 in the other, however few classes the tail has.
GOALS: Mapping[str, tuple[str, ...]] = {"mIoU": ("default",), "tail": ("tail",), "balanced": ("head", "tail")}


def score(goal: str, scores: Any) -> float | None:
    """What is optimised, of what a trial reported; None where it lacks a score, or that is no finite number.

    >>> score("balanced", {"default": 0.5, "head": 0.75, "tail": 0.25}), score("tail", {"default": 0.5})
    (0.5, None)
    """
    known = scores if isinstance(scores, Mapping) else {"default": scores}
    found = [known.get(name) for name in GOALS[goal]]
    numbers = [float(value) for value in found if isinstance(value, int | float) and math.isfinite(value)]
    return sum(numbers) / len(numbers) if len(numbers) == len(found) else None


def check_arguments(given: Mapping[str, Any]) -> None:
    """Check the classArgs that the tuner and the assessor take.

    Raises:
        InputError: an unknown goal, or a number that isn't a whole one >= 0.
    """
    if given.get("optimize", "mIoU") not in GOALS:
        raise unknown_name("optimize", given["optimize"], GOALS)
    for name in ("seed", "startup", "start_step"):
        value = given.get(name, 0)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InputError(f"{name}: expected a whole number >= 0, found {value!r}")
