"""Whether common classes score better: IoU correlated with what the train images show of each class."""

from pathlib import Path

import pandas as pd

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.page.terminal import show
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, write_csv
from imbseg.runs.class_counts import ClassCounts, from_csv, from_meta
from imbseg.runs.methods_csv import read_methods
from imbseg.runs.recorded import dataset_of, meta_of
from imbseg.statistics.correlation import COLUMNS, class_statistics, correlations
from imbseg.statistics.difference import spread

FILE = "correlations.csv"
Parts = list[tuple[pd.DataFrame, ClassCounts]]


def found(evidence: Evidence) -> tuple[pd.DataFrame, str]:
    """Correlations of every strategy's mean test IoU, and sentences: of which images and classes, or why none.

    The statistics are of `given.counts`; without it of the meta of the runs, where that is still the same, of which
    strategies on imbalanced data take the images kept.

    Raises:
        InputError: `given.counts` can't be used.
    """
    group, given = evidence.group, evidence.given
    try:
        dataset, reason = dataset_of(group.baseline.runs[0]), ""
    except InputError as error:
        dataset, reason = None, str(error)
    background = given.background or (dataset.background if dataset else None)
    scores = pd.DataFrame(index=list(group.classes))
    for one in group.strategies:
        scores[one.label] = [spread(one.values("test", f"IoU/{name}").values())[0] for name in group.classes]
    scores = scores.drop(index=[background] if background else [])
    if given.counts is not None:
        parts = [(scores, from_csv(given.counts, group.classes))]
    else:
        try:
            parts = _from_meta(evidence, dataset, reason, scores)
        except InputError as error:
            said = f"No correlations with the statistics of classes: {error}."
            return pd.DataFrame(columns=["group", *COLUMNS]), said
    table, said = _correlated(parts, group.classes, background)
    table.insert(0, "group", group.name)
    return table, said


def table(evidence: Evidence) -> pd.DataFrame:
    """The correlations alone."""
    return evidence.once(found)[0]


def section(evidence: Evidence, frames: Frames) -> Section:
    """The correlations, or why there are none."""
    frame, said = frames[FILE], evidence.once(found)[1]
    title = "Do common classes score better"
    if not len(frame):
        return Section("correlations", title, (said,))
    return Section("correlations", title, (said,), tables=(_shown(frame, "its mean test IoU"),))


def of_methods(file: Path, counts: Path, dataset: Dataset) -> tuple[pd.DataFrame, str]:
    """Correlations of a table of methods (see `read_methods`) with a table of counts (see `class_counts.from_csv`).

    Raises:
        InputError: one of the two tables can't be used.
    """
    scores, percent = read_methods(file, dataset)
    kept = scores.drop(index=[dataset.background] if dataset.background else [])
    parts = [(kept, from_csv(counts, dataset.class_names))]
    frame, said = _correlated(parts, dataset.class_names, dataset.background)
    return frame, said + f" {file.name}: its values look like percent and were divided by 100." * percent


def write_methods(frame: pd.DataFrame, said: str, folder: Path) -> None:
    """Write correlations.csv, and print what it says."""
    write_csv(folder / FILE, frame)
    show(_shown(frame, "its IoU"))
    print(f"{said}\nwritten to {folder}: {FILE}")


def _correlated(parts: Parts, classes: tuple[str, ...], background: str | None) -> tuple[pd.DataFrame, str]:
    frames = []
    for scores, counts in parts:
        statistics = class_statistics(counts.pixels, counts.areas, classes, counts.objects)
        frames.append(correlations(scores, statistics))
    rest = f" but {background}" if background else ""
    said = [counts.said for _, counts in parts] + [f"Correlations over {len(parts[0][0])} classes, all{rest}."]
    return pd.concat(frames, ignore_index=True), " ".join(said)


def _shown(frame: pd.DataFrame, score: str) -> Table:
    """The rows that differ: means over all images correlate as their sums do, whichever images count."""
    kept = frame[(frame["aggregate"] == "sum") == (frame["over"] == "all")]
    return Table(f"Correlation of a class's statistics with {score}", FILE, kept, columns(*COLUMNS), "of", folded=True)


def _from_meta(evidence: Evidence, dataset: Dataset | None, reason: str, scores: pd.DataFrame) -> Parts:
    """Strategies on imbalanced data are held against the images that are kept."""
    if dataset is None:
        raise InputError(reason)
    meta, parts = meta_of(evidence.group.baseline.runs[0]), []
    cut = {one.label: one.runs[0].parameters.get("imbalance") == "imbalanced" for one in evidence.group.strategies}
    for kept in (False, True):
        if labels := [label for label, own in cut.items() if own is kept]:
            parts.append((scores[labels], from_meta(meta, dataset, kept=kept)))
    return parts
