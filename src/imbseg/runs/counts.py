"""The one reader of counts: of a group's runs by strategy and seed, or stacked image by image for a bootstrap."""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError, first_line, listed
from imbseg.metrics.counts import Counts, in_order_of, load_counts, same_truth
from imbseg.metrics.scores import iou, mean
from imbseg.runs.collect import Run, Seed
from imbseg.runs.recorded import class_groups, dataset_of
from imbseg.runs.strategies import Group

Integers = NDArray[np.int64]
Texts = NDArray[np.str_]
EXACT = 1e-9  # by which a recounted score may differ from the stored one
SCORED = "the intervals over test images"


@dataclasses.dataclass(frozen=True)
class Counted:
    """The runs of one strategy whose counts can be read: its label, and seed -> counts."""

    label: str
    by_seed: Mapping[Seed, Counts]


@dataclasses.dataclass(frozen=True)
class Stacked:
    """Runs whose counts are there, on the same images.

    Attributes:
        runs: in the order of the first axis.
        tp, fp, fn: (runs, images, classes) pixels.
        groups: (images,) patient, scene or video of each image; None where that isn't recorded.
        parts: score -> indices of the classes that it is a mean of: mIoU, head, medium, tail, IoU/<class>.
    """

    runs: tuple[Run, ...]
    tp: Integers
    fp: Integers
    fn: Integers
    groups: Texts | None
    parts: Mapping[str, list[int]]


def counts_of(run: Run, file: str) -> Counts:
    """A run's counts.

    Raises:
        InputError: the file is missing, broken, or its arrays don't fit each other or the run's classes.
    """
    counts, classes = load_counts(run.folder / file), len(run.classes)
    shape, square = (len(counts.ids), classes), (classes, classes)
    for part, expected, axes in (
        *((part, shape, "images, classes") for part in (counts.tp, counts.fp, counts.fn)),
        (counts.confusion, square, "classes, classes"),
        *((part, (classes, 3), "classes, sizes") for part in (counts.object_tp, counts.object_fn, counts.objects)),
    ):
        if part is not None and part.shape != expected:
            raise InputError(f"its counts are {part.shape}, expected {expected} ({axes})")
    if counts.groups.size and counts.groups.shape != counts.ids.shape:
        raise InputError(f"its counts name {len(counts.groups)} groups of {len(counts.ids)} images")
    return counts


def counted(group: Group, subset: str = "test") -> list[Counted]:
    """The counts of every strategy, the baseline first; a run without usable ones is left out."""
    found = []
    for strategy in group.strategies:
        by_seed = {}
        for run in strategy.runs:
            try:
                by_seed[run.seed] = counts_of(run, f"counts_{subset}.npz")
            except InputError:
                continue
        found.append(Counted(strategy.label, by_seed))
    return found


def against_baseline(read: Sequence[Counted]) -> Iterator[tuple[str, list[tuple[Counts, Counts]]]]:
    """Label and pairs of every strategy but the baseline that has a pair, from what `counted` gave."""
    baseline, *others = read
    for ours in others:
        if found := pairs(ours, baseline):
            yield ours.label, found


def pairs(ours: Counted, baseline: Counted) -> list[tuple[Counts, Counts]]:
    """(strategy, baseline) of each seed that both have, where both counted the same truth: image by image.

    On the validation images of two splits they didn't.
    """
    both = [(counts, baseline.by_seed[seed]) for seed, counts in ours.by_seed.items() if seed in baseline.by_seed]
    return [(one, other) for one, other in both if same_truth(one, other)]


def stacked(
    runs: Sequence[Run], file: str, prefix: str = "", wanted: Sequence[str] = ()
) -> tuple[Stacked | None, list[str]]:
    """Read the counts of runs into one order of images.

    Args:
        prefix: before the names of the scores that these counts give.
        wanted: such scores, without the prefix; all, where none are named.

    Returns:
        The counts (None where no run has any), and a sentence for each reason why runs are left out.

    Raises:
        InputError: two runs' counts are of different image sets or masks, or put the same images into different groups.
    """
    found: list[tuple[Run, Counts]] = []
    missing, broken = [], []
    for run in runs:
        if not (run.folder / file).is_file():
            missing.append(run.name)
            continue
        try:
            found.append((run, counts_of(run, file)))
        except InputError as error:
            broken.append(f"{run.name} ({first_line(error)})")
    notes = [f"Without {file}, and so left out of {SCORED}: {listed(missing)}."] * bool(missing)
    notes += [f"Left out of {SCORED}: {listed(broken)}."] * bool(broken)
    if not found:
        return None, notes
    found = [(run, _ordered(counts, run, *found[0], file)) for run, counts in found]
    groups, parts = _common_groups(found), _parts(found[0][0])
    parts = {name: places for name, places in parts.items() if name in wanted or not wanted}
    problems = [_disagreement(run, counts, parts, prefix) for run, counts in found]
    wrong = [problem for problem in problems if problem]
    notes += [f"Left out of {SCORED}, since counts and scores disagree: {listed(wrong)}."] * bool(wrong)
    kept = [one for one, problem in zip(found, problems, strict=True) if not problem]
    if not kept:
        return None, notes
    _same_masks(kept, file)
    tp, fp, fn = (np.stack([getattr(counts, part) for _, counts in kept]) for part in ("tp", "fp", "fn"))
    return Stacked(tuple(run for run, _ in kept), tp, fp, fn, groups, parts), notes


def _parts(run: Run) -> dict[str, list[int]]:
    index = {name: number for number, name in enumerate(run.classes)}
    groups = {name: [index[one] for one in names] for name, names in class_groups(run).items()}
    return {"mIoU": [*index.values()], **groups, **{f"IoU/{name}": [number] for name, number in index.items()}}


def _disagreement(run: Run, counts: Counts, parts: Mapping[str, list[int]], prefix: str) -> str:
    """The first recounted score that isn't the stored one; empty where all are."""
    recounted = iou(counts)
    for name, places in parts.items():
        value, stored = float(mean(recounted[places])), run.score("test", prefix + name)
        if not abs(value - stored) <= EXACT and not (math.isnan(value) and math.isnan(stored)):
            return f"{run.name} ({prefix}{name} recounted {value:.5f}, stored {stored:.5f})"
    return ""


def _ordered(counts: Counts, run: Run, first: Run, expected: Counts, file: str) -> Counts:
    """Bring the images into the first run's order."""
    if (same := in_order_of(expected, counts)) is not None:
        return same
    ours, theirs = set(counts.ids.tolist()), set(expected.ids.tolist())
    only = [
        f"only in {where}: {listed(sorted(ids))}"
        for where, ids in ((first.folder, theirs - ours), (run.folder, ours - theirs))
        if ids
    ]
    raise InputError(
        f"{file} of {first.folder} and {run.folder}: expected counts of the same test images, found "
        f"{len(expected.ids)} and {len(counts.ids)} ({'; '.join(only) or 'an id stands there twice'})"
        f"; report runs of one test set, or move one of the two elsewhere"
    )


def _same_masks(found: Sequence[tuple[Run, Counts]], file: str) -> None:
    (first, expected), *others = found
    for run, counts in others:
        changed = (counts.tp + counts.fn != expected.tp + expected.fn).any(axis=1)
        if changed.any():
            names = listed(expected.ids[changed].tolist())
            raise InputError(
                f"{file} of {first.folder} and {run.folder}: the masks of {int(changed.sum())} test images changed "
                f"between the two ({names}); train the older one again, or move one of the two elsewhere"
            )


def _common_groups(found: Sequence[tuple[Run, Counts]]) -> Texts | None:
    known = [(run, counts.groups) for run, counts in found if counts.groups.size]
    for run, groups in known[1:]:
        if not np.array_equal(groups, known[0][1]):
            raise InputError(
                f"{known[0][0].folder} and {run.folder}: expected the same groups of images "
                f"(scenes, patients, videos), found others; report runs of one data set file"
            )
    return known[0][1] if known else _declared_groups(found[0][0], found[0][1].ids)


def _declared_groups(run: Run, ids: Texts) -> Texts | None:
    """Groups by the data set's file, of runs that were counted before groups were recorded."""
    try:
        dataset = dataset_of(run)
        names = [dataset.group_of(str(one)) if dataset.group else "" for one in ids]
    except (InputError, OSError):
        return None
    return np.array(names) if all(names) else None
