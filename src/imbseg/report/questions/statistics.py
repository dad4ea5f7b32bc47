"""Is it more than luck: every strategy against the baseline, every single change, and rank sums, with their tests."""

import dataclasses
import itertools
import math
from typing import Any

import pandas as pd

from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames
from imbseg.runs.changes import changes
from imbseg.runs.collect import score_names
from imbseg.runs.strategies import Group
from imbseg.statistics.difference import holm_by_family, rank_sum_p
from imbseg.statistics.power import MOST_SEEDS, detectable, noise_ratio, seeds_needed

FILE, RANKS, CHANGES = "comparisons.csv", "rank_sums.csv", "one_change.csv"
CHANGED = ["axis", "from", "to", "strategy", "instead_of", "score", "paired", "seeds", "mean", "low", "high", "p_t"]
CHANGED += ["p_t_holm", "tests", "detectable", "before", "after"]
METHOD = (
    "Difference: mean over the seeds that both have run, with its 95 % interval by Student's t over the seeds; test "
    "images add a chance of their own. p (t): paired t test; Holm: corrected over all strategies of that score. p "
    "(permutation): paired, exact, never below the smallest attainable p of so many seeds. p (rank-sum): Wilcoxon's, "
    "as published, which ignores pairs. Minimum detectable effect: the least true difference detected with 80 % power, "
    "at .05 / number of tests (Holm's first step; single changes: at .05); seeds needed: how many detect the "
    f"difference measured ({MOST_SEEDS}: that many or more). One seed a side gives no interval and no test."
)
UNPAIRED = (
    "Not paired: fewer than two seeds are shared, so runs are compared as they come (Welch's t; regroupings in place "
    "of sign changes)."
)
TESTS = ("p_t", "p_permutation", "p_rank_sum")


def table(evidence: Evidence, subset: str = "test") -> pd.DataFrame:
    """A row a strategy and score: difference, interval, every p as it is and corrected (Holm), and the power.

    Families: on each headline score all strategies; of each strategy all classes.
    """
    group, rows = evidence.group, list[dict[str, Any]]()
    for strategy in group.others:
        for score in score_names(group.classes):
            if (found := against(strategy, group.baseline, score, subset)) is not None:
                family = f"the classes of {strategy.label}" if score.startswith("IoU/") else score
                told = {"group": group.name, "baseline": group.baseline.label, "strategy": strategy.label}
                rows.append(told | {"score": score, "family": family, "tests": 0} | dataclasses.asdict(found))
    families = [row["family"] for row in rows]
    corrected = {test: holm_by_family(families, [row[test] for row in rows]) for test in TESTS}
    for place, row in enumerate(rows):
        row["tests"] = families.count(row["family"])
        for test in TESTS:
            row |= {test: row.pop(test), f"{test}_holm": corrected[test][place]}
        row["detectable"] = detectable(row["deviation"], row["seeds"], family=row["tests"])
        known = not math.isnan(row["deviation"])
        row["seeds_needed"] = str(seeds_needed(row["mean"], row["deviation"], family=row["tests"])) if known else ""
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else ["group", "baseline", "strategy", "score"])


def rank_sums(evidence: Evidence, score: str = "mIoU") -> pd.DataFrame:
    """Wilcoxon's rank-sum between every two strategies, as published.

    Returns:
        A row a pair: strategy, other, score, p (two-sided; NaN where a side has fewer than two seeds).
    """
    rows = []
    for one, other in itertools.combinations(evidence.group.strategies, 2):
        p = rank_sum_p(*([*side.values("test", score).values()] for side in (one, other)))
        rows.append({"strategy": one.label, "other": other.label, "score": score, "p": p})
    return pd.DataFrame(rows, columns=["strategy", "other", "score", "p"])


def one_change(evidence: Evidence) -> pd.DataFrame:
    """A row a change and headline score: the difference over the seeds; Holm's correction is over all on that score."""
    rows = []
    for change, score in itertools.product(changes(evidence.group), ("tail", "head", "mIoU")):
        if (found := against(change.changed, change.plain, score)) is not None:
            told = {"axis": change.axis, "from": change.before, "to": change.after, "strategy": change.changed.label}
            told |= {"instead_of": change.plain.label, "score": score} | dataclasses.asdict(found)
            rows.append(told | {"detectable": detectable(found.deviation, found.seeds)})
    table = pd.DataFrame(rows, columns=CHANGED)
    table["p_t_holm"] = holm_by_family([*table["score"]], [*table["p_t"]])
    table["tests"] = table.groupby("score")["score"].transform("size")
    return table


def changes_section(_: Evidence, frames: Frames) -> Section:
    """Every pair of strategies that differ in one thing."""
    shown = columns("axis", "from", "to", "instead_of", "score", "after", "mean", "seeds", "p_t_holm", "detectable")
    table = Table("Pairs of strategies that differ in one thing", CHANGES, frames[CHANGES], shown)
    words = "What a remedy adds to the others: every pair of strategies that differ in one setting, seed by seed."
    return Section("changes", "One change at a time", (words,), tables=(table,))


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every test of the headline scores, the intervals over images, and the rank sums."""
    compared, group = frames[FILE], evidence.group
    headline = compared[~compared["score"].str.startswith("IoU/")] if len(compared) else compared
    paired = ["paired"] if "paired" in headline and not headline["paired"].all() else []
    shown = columns(
        "strategy", "score", "after", "mean", "seeds", *paired, "p_t", "p_t_holm", "detectable", "seeds_needed"
    )
    more = columns("strategy", "score", "p_permutation", "smallest_p", "p_rank_sum", "p_rank_sum_holm", "seeds")
    ranks = "Wilcoxon's rank-sum of test mIoU between strategies, two-sided p, as published"
    tables = (
        Table("Every strategy against the baseline, test images", FILE, headline, shown, folded=False),
        Table("The same by tests that assume less", FILE, headline, more, folded=True),
        Table(ranks, RANKS, frames[RANKS], columns("strategy", "other", "p"), folded=True),
    )
    said = told_apart(group, "tail") or told_apart(group, "mIoU")
    notes = [METHOD, *[UNPAIRED] * bool(paired)]
    return Section("statistics", "Statistics in full", said, tables=tables, notes=notes)


def told_apart(group: Group, score: str) -> list[str]:
    """Whether these data can tell strategies apart at all: the spread between them against that of seeds."""
    ratio = noise_ratio([list(one.values("test", score).values()) for one in group.strategies])
    if math.isnan(ratio):
        return []
    if math.isinf(ratio):
        return [f"Between-strategy SD / seed SD of {score}: seeds don't move it at all, strategies do."]
    words = "seed variance dominates" if ratio <= 1 else "strategies move it more than seeds do"
    return [f"Between-strategy SD / seed SD of {score}: {ratio:.1f} ({words})."]


TABLES = {RANKS: rank_sums, CHANGES: one_change}
