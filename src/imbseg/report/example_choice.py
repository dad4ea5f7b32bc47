"""The best strategy against the baseline -> the test images that gained and lost most by it, and how they changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError
from imbseg.metrics.counts import Counts, of_images
from imbseg.metrics.scores import image_iou, mean
from imbseg.runs.collect import Run
from imbseg.runs.strategies import Group, Strategy, differences

LEAST = 0.001  # share of an image's labelled pixels from which a class counts in it: less can't be seen in a picture
TOLD = 3  # classes of an image that are told, the most changed


@dataclasses.dataclass(frozen=True)
class Pair:
    """A run of the best strategy and the baseline's of the same seed.

    Attributes:
        strategy, baseline: labels.
        after: the strategy's run.
        before: the baseline's run.
        score: what "best" means: tail, or mIoU where no class is of the tail.
        gain: of the two runs, strategy minus baseline.
        seeds: how many both have run.
    """

    strategy: str
    baseline: str
    after: Run
    before: Run
    score: str
    gain: float
    seeds: int


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

    @property
    def text(self) -> str:
        """What changed, in words.

        >>> Changed("a", 0.25, 0.5, (ClassChange("pole", 0.25, 0.5),)).text
        'gained 0.25 (0.25 to 0.50): pole 0.25 to 0.50'
        """
        told = ", ".join(f"{one.name} {one.before:.2f} to {one.after:.2f}" for one in self.classes)
        word = "gained" if self.change > 0 else "lost"
        return f"{word} {abs(self.change):.2f} ({self.before:.2f} to {self.after:.2f}): {told}"


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


def best_pair(group: Group, label: str = "") -> Pair:
    """A strategy against the baseline, and of their shared seeds the one nearest its mean gain.

    Args:
        group: baseline and strategies.
        label: of the strategy; empty, or where it shares no seed: the one with the largest mean gain.

    Raises:
        InputError: there is no other strategy, or none shares a seed with the baseline.
    """
    score = "tail" if any(one.values("test", "tail") for one in group.strategies) else "mIoU"
    gains = [(one, differences(one, group.baseline, "test", score)) for one in group.others]
    gains = [(one, found) for one, found in gains if found]
    if not gains:
        raise InputError("no strategy shares a seed with the baseline")
    named = [pair for pair in gains if pair[0].label == label]
    best, found = max(named or gains, key=lambda pair: float(np.mean(list(pair[1].values()))))
    middle = float(np.mean(list(found.values())))
    seed = min(found, key=lambda one: (abs(found[one] - middle), one))
    return Pair(best.label, group.baseline.label, _run(best, seed), _run(group.baseline, seed), score, found[seed],
                len(found))  # fmt: skip


def _run(strategy: Strategy, seed: tuple[int, int]) -> Run:
    return next(run for run in strategy.runs if run.seed == seed)


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
    after = _same_images(before, after)
    columns = [number for number, name in enumerate(names) if name in wanted]
    if len(columns) != len(set(wanted)) or not columns or before.tp.shape[1] != len(names):
        raise InputError(f"classes {', '.join(wanted) or '(none)'}: expected some of {', '.join(names)}")
    truth = (before.tp + before.fn)[:, columns]  # (images, classes in question)
    labelled = (before.tp + before.fn).sum(axis=1, keepdims=True)
    counted = (truth > 0) & (truth >= least * labelled)
    old, new = (np.where(counted, image_iou(one)[:, columns], np.nan) for one in (before, after))
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


def _same_images(before: Counts, after: Counts) -> Counts:
    """The strategy's counts in the baseline's order of images."""
    ours, theirs = before.ids.tolist(), {name: row for row, name in enumerate(after.ids.tolist())}
    if set(ours) != theirs.keys() or len(ours) != len(theirs):
        odd = sorted(set(ours) ^ theirs.keys())
        raise InputError(f"the two runs were tested on different images ({len(ours)} and {len(after.ids)}; only one "
                         f"has {odd[0] if odd else 'each once'})")  # fmt: skip
    found = of_images(after, np.array([theirs[name] for name in ours], np.int64))
    if not np.array_equal(before.tp + before.fn, found.tp + found.fn):
        raise InputError("the two runs were tested on other masks of the same images")
    return found
