"""Whether common classes score better: IoU correlated with what the train images show of each class."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, write_csv
from imbseg.report.page.content import Column, P, Section, Table
from imbseg.report.page.terminal import show
from imbseg.runs.class_counts import ClassCounts, from_csv, from_meta
from imbseg.runs.methods_csv import read_methods
from imbseg.runs.recorded import dataset_of, meta_of
from imbseg.statistics.correlation import COLUMNS, class_statistics, correlations
from imbseg.statistics.difference import spread

FILE, TITLE = "correlations.csv", "Do common classes score better"
SHOWN = (
    Column("of", "strategy"), Column("statistic", "a class's"), Column("aggregate", "taken as"), Column("over", "over"),
    Column("pearson", "Pearson", 2, signed=True), Column("pearson_p", "p", P),
    Column("spearman", "Spearman", 2, signed=True), Column("spearman_p", "p", P),
    Column("kendall", "Kendall", 2, signed=True), Column("kendall_p", "p", P), Column("classes", "classes", 0),
)  # fmt: skip


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
    means = {one.label: [spread(one.values("test", f"IoU/{name}").values())[0] for name in group.classes]
             for one in group.strategies}  # fmt: skip
    scores = pd.DataFrame(means, index=list(group.classes)).drop(index=[background] if background else [])
    if given.counts is not None:
        parts = [(scores, from_csv(given.counts, group.classes))]
    else:
        try:
            parts = _from_meta(evidence, dataset, reason, scores)
        except InputError as error:
            return pd.DataFrame(
                columns=["group", *COLUMNS]
            ), f"No correlations with the statistics of classes: {error}."
    frames = [correlated(own, counts, group.classes) for own, counts in parts]
    table = pd.concat(frames, ignore_index=True)
    table.insert(0, "group", group.name)
    return table, " ".join([*(counts.said for _, counts in parts), _classes_said(len(scores), background)])


def table(evidence: Evidence) -> pd.DataFrame:
    """The correlations alone."""
    return evidence.once(found)[0]


def section(evidence: Evidence, frames: Frames) -> Section:
    """The correlations, or why there are none."""
    frame, said = frames[FILE], evidence.once(found)[1]
    if not len(frame):
        return Section("correlations", TITLE, notes=(said,))
    kept = frame[_differing(frame) & frame["of"].isin([one.label for one in evidence.group.strategies])]
    shown = Table("Correlation of a class's statistics with its mean test IoU", FILE, kept, SHOWN, by="of", folded=True)
    return Section("correlations", TITLE, (said,), tables=(shown,))


def of_methods(file: Path, counts: Path, dataset: Dataset) -> tuple[pd.DataFrame, str]:
    """Correlations of a table of methods from elsewhere.

    Args:
        file: see `read_methods`.
        counts: a table of pixel counts, see `class_counts.from_csv`.
        dataset: names the classes and the background.

    Raises:
        InputError: one of the two tables can't be used.
    """
    scores, percent = read_methods(file, dataset)
    taken = from_csv(counts, dataset.class_names)
    kept = scores.drop(index=[dataset.background] if dataset.background else [])
    said = [taken.said, _classes_said(len(kept), dataset.background)]
    said += [f"{file.name}: its values look like percent and were divided by 100."] * percent
    return correlated(kept, taken, dataset.class_names), " ".join(said)


def write_methods(frame: pd.DataFrame, said: str, folder: Path) -> None:
    """Write correlations.csv, and print what it says."""
    write_csv(folder / FILE, frame)
    show(Table("Correlation of a class's statistics with its IoU", FILE, frame[_differing(frame)], SHOWN))
    print(f"{said}\nwritten to {folder}: {FILE}")


def correlated(scores: pd.DataFrame, counts: ClassCounts, classes: tuple[str, ...]) -> pd.DataFrame:
    """Correlate a table of scores with the statistics of what images show."""
    return correlations(scores, class_statistics(counts.pixels, counts.areas, classes, counts.objects))


def _differing(frame: pd.DataFrame) -> pd.Series[bool]:
    """The rows that differ: means over all images correlate as their sums do, whichever images count."""
    kept: pd.Series[bool] = (frame["aggregate"] == "sum") == (frame["over"] == "all")
    return kept


def _from_meta(
    evidence: Evidence, dataset: Dataset | None, reason: str, scores: pd.DataFrame
) -> list[tuple[pd.DataFrame, ClassCounts]]:
    """Strategies on imbalanced data are held against the images that are kept."""
    if dataset is None:
        raise InputError(reason)
    meta, parts = meta_of(evidence.group.baseline.runs[0]), []
    for kept in (False, True):
        labels = [one.label for one in evidence.group.strategies
                  if (one.runs[0].parameters.get("imbalance") == "imbalanced") is kept]  # fmt: skip
        if labels:
            parts.append((scores[labels], from_meta(meta, dataset, kept=kept)))
    return parts


def _classes_said(number: int, background: str | None) -> str:
    rest = f" but {background}" if background else ""
    return f"Correlations over {number} classes, all{rest}."
