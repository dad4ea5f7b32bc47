"""Is it more than luck: every strategy against the baseline, every single change, and rank sums, with their tests."""

import dataclasses
import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames, with_score
from imbseg.report.say import name, seeds, signed
from imbseg.runs.changes import changes
from imbseg.runs.collect import score_names
from imbseg.runs.strategies import Group, differences
from imbseg.statistics.claims import not_worse, probability_not_above, winner
from imbseg.statistics.difference import holm_by_family, rank_sum_p
from imbseg.statistics.power import MOST_SEEDS, detectable, noise_ratio, seeds_needed

FILE, RANKS, CHANGES, WINNER = "comparisons.csv", "rank_sums.csv", "one_change.csv", "winner.csv"
CHANGED = ["axis", "from", "to", "strategy", "instead_of", "score", "paired", "seeds", "mean", "low", "high", "p_t"]
CHANGED += ["p_t_holm", "tests", "detectable", "before", "after"]
METHOD = (
    "Difference: mean over the seeds that both have run, with its 95 % interval by Student's t over the seeds; test "
    "images add a chance of their own. p (t): paired t test; Holm: corrected over all strategies of that score. p "
    "(permutation): paired, exact, never below the smallest attainable p of so many seeds. p (rank-sum): Wilcoxon's, "
    "as published, which ignores pairs. Minimum detectable effect: the least true difference detected with 80 % power, "
    "at .05 / number of tests (Holm's first step); seeds needed: how many detect the difference measured "
    f"({MOST_SEEDS}: that many or more). P(not above 0): under a flat prior and normal differences. One seed a side "
    "gives no interval and no test."
)
UNPAIRED = (
    "Not paired: fewer than two seeds are shared, so runs are compared as they come (Welch's t; regroupings in place "
    "of sign changes)."
)
TESTS = ("p_t", "p_permutation", "p_rank_sum")


def table(evidence: Evidence, subset: str = "test") -> pd.DataFrame:
    """A row a strategy and score: difference, interval, every p as it is and corrected (Holm), and the power.

    Families: on each headline score all strategies; of each strategy all classes. `not_worse` is of the head: whether
    it loses no more than the margin.
    """
    group, rows = evidence.group, list[dict[str, Any]]()
    for strategy in group.others:
        for score in score_names(group.classes):
            if (found := against(strategy, group.baseline, score, subset)) is not None:
                family = f"the classes of {strategy.label}" if score.startswith("IoU/") else score
                told: dict[str, Any] = {
                    "group": group.name,
                    "baseline": group.baseline.label,
                    "strategy": strategy.label,
                }
                told |= {"score": score, "family": family}
                safe = not_worse(found.low, found.high, evidence.given.margin) if score == "head" else ""
                chance = probability_not_above(found.mean, found.deviation, found.p_t)
                claims = {"probability_not_above": chance, "not_worse": safe}
                rows.append(told | {"tests": 0} | dataclasses.asdict(found) | claims)
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
    """A row a change and headline score: the difference over the seeds; Holm and power are of all on that score."""
    rows: list[dict[str, Any]] = []
    for change, score in itertools.product(changes(evidence.group), ("tail", "head", "mIoU")):
        if (found := against(change.changed, change.plain, score)) is not None:
            told = {"axis": change.axis, "from": change.before, "to": change.after, "strategy": change.changed.label}
            told |= {"instead_of": change.plain.label, "score": score} | dataclasses.asdict(found)
            rows.append(told)
    tests = Counter(row["score"] for row in rows)
    for row in rows:
        row["tests"] = tests[row["score"]]
        row["detectable"] = detectable(row["deviation"], row["seeds"], family=row["tests"])
    table = pd.DataFrame(rows, columns=CHANGED)
    table["p_t_holm"] = holm_by_family([*table["score"]], [*table["p_t"]])
    return table


def best_on_validation(evidence: Evidence) -> pd.DataFrame:
    """A row a headline score: the strategy that validation chooses, and how much the choice flatters it.

    Gains over the baseline, of the strategies with two or more of its seeds, on the seeds that all of these have.
    """
    others, baseline = evidence.group.others, evidence.group.baseline
    rows: list[dict[str, Any]] = []
    for score in ("tail", "head", "mIoU"):
        gains = [[differences(one, baseline, subset, score) for subset in ("val", "test")] for one in others]
        held = [val.keys() & test.keys() for val, test in gains]
        several = [place for place, common in enumerate(held) if len(common) > 1]
        shared = sorted(set.intersection(*(held[place] for place in several))) if several else []
        if len(several) < 2 or len(shared) < 2:
            continue
        known = np.array([[[one[seed] for seed in shared] for one in gains[place]] for place in several])
        found = dataclasses.asdict(winner(known[:, 0], known[:, 1]))  # of (strategies, subsets, seeds)
        row = {"strategy": others[several[found.pop("place")]].label, "score": score, "strategies": len(several)}
        rows.append(row | {"seeds": len(shared)} | found)
    return pd.DataFrame(rows)


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
        "strategy",
        "score",
        "after",
        "mean",
        "seeds",
        *paired,
        "p_t",
        "p_t_holm",
        "not_worse",
        "detectable",
        "probability_not_above",
        "seeds_needed",
    )
    more = columns("strategy", "score", "p_permutation", "smallest_p", "p_rank_sum", "p_rank_sum_holm", "seeds")
    ranks = "Wilcoxon's rank-sum of test mIoU between strategies, two-sided p, as published"
    chosen = columns("strategy", "score", "strategies.chosen", "chosen", "luck", "tested", "left_out", "seeds")
    tables = (
        Table("Every strategy against the baseline, test images", FILE, headline, shown, folded=False),
        Table("The best of all on the validation images", WINNER, frames[WINNER], chosen),
        Table("The same by tests that assume less", FILE, headline, more, folded=True),
        Table(ranks, RANKS, frames[RANKS], columns("strategy", "other", "p"), folded=True),
    )
    said = (told_apart(group, "tail") or told_apart(group, "mIoU")) + flattered(frames[WINNER])
    notes = [METHOD, *[UNPAIRED] * bool(paired)]
    return Section("statistics", "Statistics in full", said, tables=tables, notes=notes)


def flattered(found: pd.DataFrame) -> list[str]:
    """The winner on validation: what its choice adds by luck, and what it is worth without."""
    rows = with_score(found, "tail") or with_score(found, "mIoU")
    return [
        f"{row['score']} {signed(row['chosen'])} on the validation images: {name(row['strategy'])}, the best of "
        f"{row['strategies']} there ({seeds(row['seeds'])}). Luck of the best: at most {signed(row['luck'])} expected. "
        f"On test {signed(row['tested'])}; {signed(row['left_out'])} where the other seeds choose for each seed."
        for row in rows
    ]


def told_apart(group: Group, score: str) -> list[str]:
    """Whether these data can tell strategies apart at all: the spread between them against that of seeds."""
    ratio = noise_ratio([list(one.values("test", score).values()) for one in group.strategies])
    if math.isnan(ratio):
        return []
    if math.isinf(ratio):
        return [f"Between-strategy SD / seed SD of {score}: seeds don't move it at all, strategies do."]
    words = "seed variance dominates" if ratio <= 1 else "strategies move it more than seeds do"
    return [f"Between-strategy SD / seed SD of {score}: {ratio:.1f} ({words})."]


TABLES = {RANKS: rank_sums, CHANGES: one_change, WINNER: best_on_validation}
