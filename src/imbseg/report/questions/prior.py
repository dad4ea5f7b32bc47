"""How much of a gain logit adjustment alone gives, without any training; and whether probabilities are calibrated."""

import math
from typing import Any

import pandas as pd

from imbseg.errors import listed
from imbseg.metrics.calibration import BINS
from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence, against
from imbseg.report.frames import Frames, Record, records
from imbseg.report.questions.strategies import of_tail
from imbseg.report.say import levels, name, seeds, signed
from imbseg.runs.collect import PRIOR
from imbseg.runs.strategies import Strategy, differences
from imbseg.runs.tables import calibration_errors
from imbseg.statistics.difference import spread

FILE, CALIBRATION = "logit_adjustment.csv", "calibration.csv"
ENDS = {"mean": "", "low": "_low", "high": "_high"}
SHOWN = ("strategy", "score", "after.adjusted", "adjustment_alone")
SAID = (
    "A network leans toward the frequent classes: it learns their prior. Logit adjustment (logits - beta log prior, "
    "beta chosen on the validation images) takes that back without training.",
    "'Adjustment alone' is what that gives the baseline. The last column compares both sides after their best "
    "adjustment: what is left there is not explained by a shift of the prior alone.",
)
NOTE = "No share is given of a gain whose interval includes 0, or that was measured on other seeds than the adjustment."
ECE = (
    f"Class-wise ECE (Nixon et al., arXiv:1904.01685): each class against the rest, in {BINS} bins. Most pixels give a "
    f"rare class nearly nothing, so over all it is small; the second is over those that give it at least 1/{BINS}."
)


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


def calibration_section(evidence: Evidence, frames: Frames) -> Section:
    """Errors of the tail's classes: both post-hoc corrections rest on their probabilities."""
    found = of_tail(evidence, frames[CALIBRATION])
    shown = ("strategy", "class", "ece", "ece_likely", "expected", "seeds")
    table = Table("Calibration of the tail", CALIBRATION, found, columns(*shown))
    return Section("calibration", "Calibration by class", calibrated(found), tables=(table,), notes=(ECE,))


def calibrated(found: pd.DataFrame) -> list[str]:
    """The classes' calibration error, of the baseline and of the strategies with the least and the largest."""
    if found.empty:
        return []
    means = found.groupby("strategy", sort=False)[["ece_likely", "expected", "seeds"]].mean().reset_index()
    errors = means["ece_likely"].dropna()
    places = dict.fromkeys([0, *([errors.idxmin(), errors.idxmax()] if len(errors) else [])])
    return [_error(row, listed([*map(name, found["class"].unique())])) for _, row in records(means.loc[[*places]])]


def _error(row: Record, classes: str) -> str:
    of = f"{name(row['strategy'])}; {classes}; {seeds(round(row['seeds']))}"
    if math.isnan(row["ece_likely"]):
        return f"0 pixels have a probability of 1/{BINS} or more ({of})."
    shown = f"; all probabilities add up to {row['expected']:.2f} x the true pixels" if row["expected"] >= 0 else ""
    return f"{row['ece_likely']:.3f} calibration error where the probability is 1/{BINS} or more{shown} ({of})."


TABLES = {CALIBRATION: lambda evidence: calibration_errors(evidence.group)}
