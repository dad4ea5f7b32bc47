"""The end of a chapter, for who wants to know exactly: every test, every trial, every setting."""

from __future__ import annotations

from imbseg.report import comparisons, words
from imbseg.report.frames import Frames, of_group, trials_of
from imbseg.report.page.content import Column, Section, Table
from imbseg.report.tables import seeds
from imbseg.runs.collect import SCORES
from imbseg.runs.strategies import Group

DIFFERENCE = Column("mean", "difference [95 %]", 3, low="low", high="high", signed=True)
P = 4  # digits of a p value


def statistics(group: Group, frames: Frames, on_images: str) -> Section:
    """Every test of the headline scores, the intervals over images, and the rank sums."""
    compared = of_group(frames, "comparisons.csv", group)
    if not len(compared):
        return Section("statistics", "Statistics in full")
    headline = compared[~compared["score"].str.startswith("IoU/")]
    columns = (
        Column("strategy", "strategy"), Column("score", "score"), DIFFERENCE, Column("seeds", "seeds", 0),
        Column("p_t", "p (t)", P), Column("p_t_holm", "Holm", P), Column("p_permutation", "p (permutation)", P),
        Column("least_p", "least possible", P), Column("p_rank_sum", "p (rank-sum)", P),
        Column("p_rank_sum_holm", "Holm", P), Column("detectable", "could have shown", 3),
        Column("seeds_needed", "seeds to show it", 0),
    )  # fmt: skip
    shown = [Table("Every strategy against the baseline, test images", "comparisons.csv", headline, columns,
                   by="strategy")]  # fmt: skip
    shown += _image_intervals(group, frames)
    ranks = of_group(frames, "rank_sums.csv", group)
    if len(ranks):
        pairs = (Column("strategy", "strategy"), Column("other", "against"), Column("p", "p (rank-sum)", P))
        shown.append(Table("Wilcoxon's rank-sum of test mIoU between strategies, two-sided p, as published",
                           "rank_sums.csv", ranks, pairs, by="strategy", folded=True))  # fmt: skip
    said = tuple(words.told_apart(group, "tail") or words.told_apart(group, "mIoU"))
    notes = tuple(filter(None, [comparisons.METHOD, on_images]))
    return Section("statistics", "Statistics in full", said, tables=tuple(shown), notes=notes)


def correlated(group: Group, frames: Frames, said: str) -> Section:
    """Whether classes score better the more of them the train images show."""
    frame = of_group(frames, "correlations.csv", group)
    title = "Do common classes score better"
    if not len(frame):
        return Section("correlations", title)
    labels = [one.label for one in group.strategies]
    kept = frame[(frame["aggregate"] == "sum") == (frame["over"] == "all")]
    columns = (
        Column("of", "strategy"), Column("statistic", "a class's"), Column("aggregate", "taken as"),
        Column("over", "over"), Column("pearson", "Pearson", 2, signed=True), Column("pearson_p", "p", P),
        Column("spearman", "Spearman", 2, signed=True), Column("spearman_p", "p", P),
        Column("kendall", "Kendall", 2, signed=True), Column("kendall_p", "p", P), Column("classes", "classes", 0),
    )  # fmt: skip
    table = Table("Correlation of a class's statistics with its mean test IoU", "correlations.csv",
                  kept[kept["of"].isin(labels)], columns, by="of", folded=True)  # fmt: skip
    return Section("correlations", title, (said,), tables=(table,))


def _image_intervals(group: Group, frames: Frames) -> list[Table]:
    frame = of_group(frames, "image_intervals.csv", group)
    if not len(frame):
        return []
    columns = (Column("strategy", "strategy"), Column("score", "score"),
               Column("mean", "difference [new seeds and new images]", 3, low="low", high="high", signed=True),
               Column("mean", "[new images alone]", 3, low="images_low", high="images_high", signed=True),
               Column("seeds", "seeds", 0), Column("units", "drawn from", 0))  # fmt: skip
    return [Table("Crossed bootstrap: chance of the seeds and of the test images together", "image_intervals.csv",
                  frame, columns, by="strategy", folded=True)]  # fmt: skip


def run(group: Group, frames: Frames) -> Section:
    """Every trial, and how it was run."""
    trials = trials_of(frames, group)
    columns = [Column("trial", "trial"), Column("label", "strategy"), Column("seed", "seed", 0)]
    columns += [Column(name, name.replace("_", " "), 0) for name in ("best_epoch", "epochs") if name in trials]
    for subset in ("val", "test"):
        columns += [
            Column(f"{subset}/{score}", f"{subset} {score}", 3) for score in SCORES if f"{subset}/{score}" in trials
        ]
    columns.append(Column("seconds", "seconds", 0))
    shown = [column for column in columns if trials[column.name].astype(str).ne("").any()]
    settings = of_group(frames, "settings.csv", group)
    tables = [Table("Every trial", "results.csv", trials, tuple(shown), by="label", folded=len(trials) > 12)]
    if len(settings):
        tables.append(Table("Settings, versions and data", "settings.csv", settings,
                            (Column("setting", "setting"), Column("value", "value")), folded=True))  # fmt: skip
    said = f"Baseline: {group.baseline.label}, {group.chosen}; seeds {seeds(group.baseline)}."
    return Section("run", "How it was run", (said,), tables=tuple(tables))
