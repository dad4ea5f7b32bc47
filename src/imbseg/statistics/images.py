"""The images whose IoU two runs change most."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.metrics.counts import Counts, in_order_of, same_truth
from imbseg.metrics.scores import image_iou, mean

LEAST = 0.001  # share of an image's labelled pixels from which a class counts in it: less can't be seen in a picture
TOLD = 3  # classes of an image that are told, the most changed


@dataclasses.dataclass(frozen=True)
class ClassChange:
    """IoU of one class in one image, by the baseline and by the strategy."""

    name: str
    before: float
    after: float


@dataclasses.dataclass(frozen=True)
class Changed:
    """One image's change.

    Attributes:
        image_id: of the image.
        before, after: mean IoU over the classes in question that its truth shows.
        classes: the most changed of them, at most three, the most changed first.
    """

    image_id: str
    before: float
    after: float
    classes: tuple[ClassChange, ...]

    @property
    def change(self) -> float:
        """Strategy minus baseline, in IoU."""
        return self.after - self.before


@dataclasses.dataclass(frozen=True)
class Choice:
    """The images that changed most.

    Attributes:
        gained: the largest gain first.
        lost: the largest loss first.
        up, down, same: how many test images gained, lost, or neither.
    """

    gained: tuple[Changed, ...]
    lost: tuple[Changed, ...]
    up: int
    down: int
    same: int


def choose(
    before: Counts, after: Counts, names: Sequence[str], wanted: Sequence[str], *, most: int = 3, least: float = LEAST
) -> Choice:
    """The images whose mean IoU over some classes changed most.

    Args:
        before: the baseline's counts of the test images.
        after: the strategy's, of the same images in any order.
        names: of the classes, in index order.
        wanted: the classes in question, such as the tail.
        most: how many gained, and how many lost.
        least: share of an image's labelled pixels, in truth, from which a class counts in it.

    Returns:
        Distinct images; of equal changes the one first by id. An image that shows none of the classes is left out.

    Raises:
        InputError: the two were not counted on the same images, or `wanted` names no class.
    """
    now = in_order_of(before, after)
    if now is None:
        odd = sorted(set(before.ids.tolist()) ^ set(after.ids.tolist()))
        raise InputError(
            f"the two runs were tested on different images ({len(before.ids)} and {len(after.ids)}; only one has "
            f"{odd[0] if odd else 'each once'})"
        )
    if not same_truth(before, now):
        raise InputError("the two runs were tested on other masks of the same images")
    columns = [number for number, name in enumerate(names) if name in wanted]
    if len(columns) != len(set(wanted)) or not columns or before.tp.shape[1] != len(names):
        raise InputError(f"classes {', '.join(wanted) or '(none)'}: expected some of {', '.join(names)}")
    truth = (before.tp + before.fn)[:, columns]  # (images, classes in question)
    labelled = (before.tp + before.fn).sum(axis=1, keepdims=True)
    counted = (truth > 0) & (truth >= least * labelled)
    old, new = (np.where(counted, image_iou(one)[:, columns], np.nan) for one in (before, now))
    change = mean(new, axis=1) - mean(old, axis=1)  # (images,), NaN where none of the classes is shown
    order = sorted(np.flatnonzero(~np.isnan(change)).tolist(), key=lambda row: (-change[row], str(before.ids[row])))
    fall = sorted(order, key=lambda row: (change[row], str(before.ids[row])))
    listed = [names[column] for column in columns]
    up, down = [row for row in order if change[row] > 0], [row for row in fall if change[row] < 0]
    gained, lost = (
        tuple(_changed(str(before.ids[row]), listed, old[row], new[row]) for row in rows[:most]) for rows in (up, down)
    )
    return Choice(gained, lost, len(up), len(down), len(order) - len(up) - len(down))


def _changed(image_id: str, names: Sequence[str], before: NDArray[np.float64], after: NDArray[np.float64]) -> Changed:
    moved = [number for number in range(len(names)) if abs(after[number] - before[number]) > 0]  # NaN isn't
    first = sorted(moved, key=lambda number: -abs(after[number] - before[number]))[:TOLD]
    classes = tuple(ClassChange(names[number], float(before[number]), float(after[number])) for number in first)
    return Changed(image_id, float(mean(before)), float(mean(after)), classes)
