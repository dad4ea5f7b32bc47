"""How much of a gain logit adjustment alone gives: the baseline corrected by the class prior, without any training."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames, Record
from imbseg.report.page.content import SEEDS, STRATEGY, Column, Section, Table
from imbseg.report.say import signed
from imbseg.runs.collect import PRIOR
from imbseg.runs.strategies import Strategy, differences
from imbseg.statistics.difference import spread

FILE, TITLE = "moved_prior.csv", "What logit adjustment alone gives"
ENDS = ("mean", "low", "high")
SAID = (
    "A network leans toward the frequent classes: it learns their prior. Logit adjustment (logits - beta log prior, "
    "beta chosen on the validation images) takes that back without training.",
    "'Adjustment alone' is what that gives the baseline. The last column compares both sides after their best "
    "adjustment: what is left there needed the training.",
)
NOTE = "No share is given of a gain whose interval includes 0, or that was measured on other seeds than the adjustment."


def table(evidence: Evidence) -> pd.DataFrame:
    """Every comparison twice, as trained and with each side's best prior: a row a strategy and score (tail, mIoU).

    Returns:
        Columns strategy, score, seeds, gain, low, high, prior_alone, share, both, both_low, both_high: prior_alone is
        the baseline with its prior moved minus the baseline, over the seeds that have both and the strategy's score;
        share is prior_alone / gain, at least 0, and NaN where noise explains the gain, there is none, or not all of
        its seeds have their prior moved; the last three are the difference where both sides have their best prior.
    """
    group, rows = evidence.group, []
    for score in ("tail", "mIoU"):
        if group.baseline.values("test", PRIOR + score):
            rows += [_row(one, group.baseline, score) for one in group.others]
    return pd.DataFrame(rows)


def _row(strategy: Strategy, baseline: Strategy, score: str) -> dict[str, Any]:
    plain, adjusted = (against(strategy, baseline, one) for one in (score, PRIOR + score))
    gains, moved = differences(strategy, baseline, "test", score), baseline.values("test", PRIOR + score)
    seeds = [seed for seed in gains if seed in moved]
    gain, alone = (
        spread(gains[seed] for seed in seeds)[0],
        spread(moved[seed] - baseline.values("test", score)[seed] for seed in seeds)[0],
    )
    sure = (
        plain and plain.paired and plain.seeds == len(seeds) and (plain.seeds == 1 or plain.low > 0 or plain.high < 0)
    )
    row = {"strategy": strategy.label, "score": score, "seeds": len(seeds)}
    row |= {name: getattr(plain, of, math.nan) for name, of in (("gain", "mean"), ("low", "low"), ("high", "high"))}
    row |= {"prior_alone": alone, "share": max(alone, 0.0) / gain if sure and gain > 0 else math.nan}
    return row | {
        f"both{end}": getattr(adjusted, of, math.nan) for end, of in (("", "mean"), ("_low", "low"), ("_high", "high"))
    }


def section(evidence: Evidence, frames: Frames) -> Section:
    """Every gain as trained and after both sides' best adjustment."""
    frame = frames[FILE]
    if not len(frame):
        return Section("prior", TITLE)
    columns = (
        STRATEGY, Column("score", "score"), Column("gain", "gain as trained", 3, low="low", high="high", signed=True),
        Column("prior_alone", "adjustment alone", 3, signed=True), Column("share", "its share", 0, percent=True),
        Column("both", "gain, both adjusted", 3, low="both_low", high="both_high", signed=True), SEEDS,
    )  # fmt: skip
    shown = Table("Every gain as trained, and with each side's best adjustment", FILE, frame, columns, by="strategy")
    return Section("prior", TITLE, SAID, tables=(shown,), notes=(NOTE,))


def share_of(row: Record) -> str:
    """What part of a gain logit adjustment of the baseline gives by itself."""
    gain, alone = float(row["gain"]), float(row["prior_alone"])
    if not row["seeds"]:
        return "no seed has both"
    if gain <= 0:
        return f"no gain to explain ({signed(gain)}); adjustment alone {signed(alone)}"
    if math.isnan(row["share"]):
        why = "whose interval includes 0" if row["low"] <= 0 <= row["high"] else "of other seeds"
        return f"a gain {why} ({signed(gain)}) is not shared out; adjustment alone {signed(alone)}"
    part = f"{100 * row['share']:.0f} % of" if row["share"] > 0 else "none of"
    return f"{part} {signed(gain)} (adjustment alone {signed(alone)}){', one seed' if row['seeds'] == 1 else ''}"
