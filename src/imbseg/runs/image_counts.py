"""Counts of single test images of a group's runs: read, brought into one order of images, of one image set only."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError, first_line, listed
from imbseg.metrics.counts import Counts, load_counts, of_images
from imbseg.runs.collect import Run
from imbseg.runs.recorded import dataset_of

Integers = NDArray[np.int64]
Texts = NDArray[np.str_]


@dataclasses.dataclass(frozen=True)
class Counted:
    """Runs whose counts are there, on the same images.

    Attributes:
        runs: in the order of the first axis.
        tp, fp, fn: (runs, images, classes) pixels.
        groups: (images,) patient, scene or video of each image; None where that isn't recorded.
    """

    runs: tuple[Run, ...]
    tp: Integers
    fp: Integers
    fn: Integers
    groups: Texts | None


def read_counts(runs: Sequence[Run], file: str) -> tuple[Counted | None, list[str]]:
    """Read the counts of runs.

    Args:
        runs: of one group of strategies.
        file: name of the counts in a run folder, such as counts_test.npz.

    Returns:
        The counts (None where no run has any), and a sentence for each reason why runs are left out.

    Raises:
        InputError: two runs' counts are of different image sets, or put the same images into different groups.
    """
    found: list[tuple[Run, Counts]] = []
    missing, broken = [], []
    for run in runs:
        if not (run.folder / file).is_file():
            missing.append(run.name)
            continue
        try:
            found.append((run, _whole(load_counts(run.folder / file), run)))
        except InputError as error:
            broken.append(f"{run.name} ({first_line(error)})")
    notes = [f"Without {file}, and so left out of the intervals over test images: {listed(missing)}."] * bool(missing)
    notes += [f"Left out of the intervals over test images: {listed(broken)}."] * bool(broken)
    if not found:
        return None, notes
    ordered = [_ordered(counts, run, *found[0], file) for run, counts in found]
    tp, fp, fn = (np.stack([getattr(counts, part) for counts in ordered]) for part in ("tp", "fp", "fn"))
    return Counted(tuple(run for run, _ in found), tp, fp, fn, _common_groups(found, ordered)), notes


def _whole(counts: Counts, run: Run) -> Counts:
    """Refuse arrays that don't fit each other or the run's classes."""
    shape, groups = (len(counts.ids), len(run.classes)), groups_of(counts)
    if any(part.shape != shape for part in (counts.tp, counts.fp, counts.fn)):
        raise InputError(f"its counts are {counts.tp.shape}, expected {shape} (images, classes)")
    if groups is not None and groups.shape != counts.ids.shape:
        raise InputError(f"its counts name {len(groups)} groups of {len(counts.ids)} images")
    return counts


def groups_of(counts: Counts) -> Texts | None:
    """(images,) names of groups, where counts have them."""
    return counts.groups if counts.groups.size else None


def _ordered(counts: Counts, run: Run, first: Run, expected: Counts, file: str) -> Counts:
    """Bring the images into the first run's order."""
    if np.array_equal(counts.ids, expected.ids):
        return counts
    ours, theirs = set(counts.ids.tolist()), set(expected.ids.tolist())
    if ours != theirs or len(ours) != len(counts.ids) or len(theirs) != len(expected.ids):
        only = [f"only in {where}: {listed(sorted(ids))}" for where, ids in
                ((first.folder, theirs - ours), (run.folder, ours - theirs)) if ids]  # fmt: skip
        raise InputError(f"{file} of {first.folder} and {run.folder}: expected counts of the same test images, found "
                         f"{len(expected.ids)} and {len(counts.ids)} ({'; '.join(only) or 'an id stands there twice'})"
                         f"; report runs of one test set, or move one of the two elsewhere")  # fmt: skip
    place = {name: number for number, name in enumerate(counts.ids.tolist())}
    order = np.array([place[name] for name in expected.ids.tolist()])
    return of_images(counts, order)


def _common_groups(found: Sequence[tuple[Run, Counts]], ordered: Sequence[Counts]) -> Texts | None:
    known = [(run, groups) for (run, _), counts in zip(found, ordered, strict=True)
             if (groups := groups_of(counts)) is not None]  # fmt: skip
    for run, groups in known[1:]:
        if not np.array_equal(groups, known[0][1]):
            raise InputError(f"{known[0][0].folder} and {run.folder}: expected the same groups of images "
                             f"(scenes, patients, videos), found others; report runs of one data set file")  # fmt: skip
    return known[0][1] if known else _declared_groups(found[0][0], ordered[0].ids)


def _declared_groups(run: Run, ids: Texts) -> Texts | None:
    """Groups by the data set's file, of runs that were counted before groups were recorded."""
    try:
        dataset = dataset_of(run)
        names = [dataset.group_of(str(one)) if dataset.group else "" for one in ids]
    except (InputError, OSError):
        return None
    return np.array(names) if all(names) else None
