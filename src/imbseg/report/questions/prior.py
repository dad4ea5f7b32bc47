"""How much of a gain logit adjustment alone gives: the baseline corrected by the class prior, without any training."""

import math
from typing import Any

import pandas as pd

from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames, Record
from imbseg.report.say import levels, signed
from imbseg.runs.collect import PRIOR
from imbseg.runs.strategies import Strategy, differences
from imbseg.statistics.difference import spread

FILE = "logit_adjustment.csv"
ENDS = {"mean": "", "low": "_low", "high": "_high"}
SHOWN = ("strategy", "score", "after.adjusted", "adjustment_alone")
SAID = (
    "A network leans toward the frequent classes: it learns their prior. Logit adjustment (logits - beta log prior, "
    "beta chosen on the validation images) takes that back without training.",
    "'Adjustment alone' is what that gives the baseline. The last column compares both sides after their best "
    "adjustment: what is left there is not explained by a shift of the prior alone.",
)
NOTE = "No share is given of a gain whose interval includes 0, or that was measured on other seeds than the adjustment."


def table(evidence: Evidence) -> pd.DataFrame:
    """Every comparison twice, as trained and with each side's best adjustment: a row a strategy and score.

    before, after are the baseline without and with adjustment, adjustment_alone their difference, over the seeds that
    have both and the strategy's score; share is adjustment_alone / gain, at least 0: NaN where noise explains the
    gain, there is none, or a seed lacks one.
    """
    group, rows = evidence.group, []
    for score in ("tail", "mIoU"):
        if group.baseline.values("test", PRIOR + score):
            rows += [_row(one, group.baseline, score) for one in group.others]
    return pd.DataFrame(rows)


def _row(strategy: Strategy, baseline: Strategy, score: str) -> dict[str, Any]:
    plain, adjusted = (against(strategy, baseline, one) for one in (score, PRIOR + score))
    gains, before = differences(strategy, baseline, "test", score), baseline.values("test", score)
    moved = {seed: value for seed, value in baseline.values("test", PRIOR + score).items() if seed in gains}
    gain = spread(gains[seed] for seed in moved)[0]
    level, now = (spread(side[seed] for seed in moved)[0] for side in (before, moved))
    alone = spread(value - before[seed] for seed, value in moved.items())[0]
    sure = plain and plain.paired and plain.seeds == len(moved) and (plain.seeds == 1 or plain.sure)
    row: dict[str, Any] = {"strategy": strategy.label, "score": score, "seeds": len(moved)}
    row |= {of if of != "mean" else "gain": getattr(plain, of, math.nan) for of in ENDS}
    row |= {
        "before": level,
        "after": now,
        "adjustment_alone": alone,
        "share": max(alone, 0.0) / gain if sure and gain > 0 else math.nan,
    }
    return row | {f"both_adjusted{end}": getattr(adjusted, of, math.nan) for of, end in ENDS.items()}


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every gain as trained and after both sides' best adjustment."""
    shown = columns(*SHOWN, "gain.trained", "share", "both_adjusted", "seeds")
    table = Table("Every gain as trained, and with each side's best adjustment", FILE, frames[FILE], shown)
    return Section("prior", "What logit adjustment alone gives", SAID, tables=(table,), notes=(NOTE,))


def in_words(row: Record) -> str:
    """What logit adjustment of the baseline gives by itself, and what part of the gain that is."""
    first = f"Logit adjustment of the baseline, without training: {row['score']} {levels(row)} "
    first += f"({signed(row['adjustment_alone'])}{', one seed' if row['seeds'] == 1 else ''})"
    if row["gain"] <= 0:
        return f"{first}; there is no gain to explain."
    if math.isnan(row["share"]):
        why = "includes 0" if row["low"] <= 0 <= row["high"] else "was measured on other seeds"
        return f"{first}; no share of the gain, which {why}."
    return f"{first}, {100 * row['share']:.0f} % of the gain."
