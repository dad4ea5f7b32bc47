"""Every strategy against the baseline on every score, with families of tests corrected; and rank sums between all."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import pandas as pd
from scipy import stats

from imbseg.report.tables import number
from imbseg.runs.collect import CORRECTED, SCORES
from imbseg.runs.strategies import Group, Strategy
from imbseg.statistics.difference import Difference, difference, holm
from imbseg.statistics.power import MOST_SEEDS, detectable, seeds_needed

METHOD = (
    "Difference: mean over the seeds that both have run, with its 95 % interval by Student's t. p (t): paired t test; "
    "Holm: corrected over all strategies of that score. p (permutation): paired, exact, never below 'least possible' "
    "with so many seeds. p (rank-sum): Wilcoxon's, as published, which ignores pairs. 'Could have shown': the smallest "
    "true difference that these seeds find in 80 % of experiments, corrected; 'seeds to show it': how many would do "
    f"for the difference found ({MOST_SEEDS}: that many or more). 'Unpaired' beside the seeds: fewer than two are "
    "shared, so runs are held against each other as they come (Welch's t; regroupings in place of sign changes). With "
    "one seed a side there is no interval and no test, since nothing tells how far chance alone moves a score."
)
NAMES = ("group", "baseline", "strategy", "score")  # of an empty table
TESTS = ("p_t", "p_permutation", "p_rank_sum")


@dataclasses.dataclass(frozen=True)
class Compared:
    """A strategy against the baseline on one score.

    Attributes:
        strategy: the one in question.
        score: mIoU, head, medium, tail, prior/..., or IoU/<class>.
        family: what is corrected together.
        found: the difference.
    """

    strategy: Strategy
    score: str
    family: str
    found: Difference


def compare_all(group: Group, subset: str = "test") -> list[Compared]:
    """Hold every strategy against the baseline on every score that both have.

    Families: on each headline score all strategies; of each strategy all classes.

    Args:
        group: strategies that may be compared.
        subset: test or val.
    """
    rows = []
    for strategy in group.others:
        for score in (*SCORES, *CORRECTED, *(f"IoU/{name}" for name in group.classes)):
            ours, theirs = strategy.values(subset, score), group.baseline.values(subset, score)
            if ours and theirs:
                family = f"the classes of {strategy.label}" if score.startswith("IoU/") else score
                rows.append(Compared(strategy, score, family, difference(ours, theirs)))
    return rows


def table(group: Group, subset: str = "test") -> pd.DataFrame:
    """A row a strategy and score: difference, interval, every p as it is and corrected (Holm), and the power."""
    compared = compare_all(group, subset)
    corrected = {name: _corrected(compared, name) for name in TESTS}
    rows = []
    for place, one in enumerate(compared):
        found, members = one.found, sum(other.family == one.family for other in compared)
        row = {"group": group.name, "baseline": group.baseline.label, "strategy": one.strategy.label,
               "score": one.score, "family": one.family, "tests": members}  # fmt: skip
        row |= {name: value for name, value in dataclasses.asdict(found).items() if name not in TESTS}
        for name in TESTS:
            row |= {name: getattr(found, name), f"{name}_holm": corrected[name][place]}
        row["detectable"] = detectable(found.deviation, found.seeds, family=members)
        known = not math.isnan(found.deviation)
        row["seeds_needed"] = str(seeds_needed(found.mean, found.deviation, family=members)) if known else ""
        rows.append(row)
    return pd.DataFrame(rows, columns=list(rows[0]) if rows else [*NAMES])


def headlines(found: pd.DataFrame) -> pd.DataFrame:
    """The headline scores of what `table` gave as texts, for a person."""
    if found.empty:
        return found
    shown = found[~found["score"].str.startswith("IoU/")]
    columns = {"strategy": "strategy", "score": "score", "mean": "difference", "low": "low", "high": "high",
               "seeds": "seeds", "p_t": "p (t)", "p_t_holm": "Holm", "p_permutation": "p (permutation)",
               "least_p": "least possible", "p_rank_sum": "p (rank-sum)", "detectable": "could have shown",
               "seeds_needed": "seeds to show it"}  # fmt: skip
    seeds = shown["seeds"].astype(str) + shown["paired"].map({True: "", False: " unpaired"})
    return as_text(shown.assign(seeds=seeds)[list(columns)].rename(columns=columns))


def as_text(found: pd.DataFrame) -> pd.DataFrame:
    """Numbers in five digits, nothing for NaN."""
    return found.map(lambda value: number(value) if isinstance(value, float) else str(value))


def rank_sums(strategies: Sequence[Strategy], score: str = "mIoU") -> pd.DataFrame:
    """Wilcoxon's rank-sum between every two strategies, as published.

    Returns:
        A row a pair: strategy, other, score, p (two-sided; NaN where a side has fewer than two seeds).
    """
    values = [list(one.values("test", score).values()) for one in strategies]
    rows = []
    for one, other in itertools.combinations(range(len(strategies)), 2):
        several = min(len(values[one]), len(values[other])) > 1
        p = float(stats.ranksums(values[one], values[other]).pvalue) if several else math.nan
        rows.append({"strategy": strategies[one].label, "other": strategies[other].label, "score": score, "p": p})
    return pd.DataFrame(rows, columns=["strategy", "other", "score", "p"])


def rank_sum_square(strategies: Sequence[Strategy], found: pd.DataFrame) -> pd.DataFrame:
    """The same as a square for a person: a row and a column a strategy, whatever these are called."""
    p = {frozenset((row["strategy"], row["other"])): row["p"] for _, row in found.iterrows()}
    labels = [one.label for one in strategies]
    rows = [[one, *(p.get(frozenset((one, other)), math.nan) for other in labels)] for one in labels]
    return pd.DataFrame(rows, columns=["strategy", *labels])


def _corrected(compared: Sequence[Compared], test: str) -> list[float]:
    values = [math.nan] * len(compared)
    for family in dict.fromkeys(one.family for one in compared):
        places = [place for place, one in enumerate(compared) if one.family == family]
        for place, p in zip(places, holm([getattr(compared[place].found, test) for place in places]), strict=True):
            values[place] = p
    return values
