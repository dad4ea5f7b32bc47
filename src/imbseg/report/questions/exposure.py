"""How much of each class the training showed, and whether what was shown more gained more."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records
from imbseg.report.page.content import CLASS, GAIN, SEEDS, STRATEGY, Column, Section, Table
from imbseg.report.questions.pixels import MOST
from imbseg.report.say import name
from imbseg.runs.draws import shown
from imbseg.runs.strategies import differences
from imbseg.statistics.correlation import coefficient
from imbseg.statistics.difference import spread

FILE, PAYS, TITLE = "exposure.csv", "exposure_pays.csv", "Was it shown more, and did that pay"
COLUMNS = ("strategy", "class", "seeds", "pixels_shown", "baseline_pixels_shown", "ratio", "pasted", "gain")


def exposure(evidence: Evidence) -> pd.DataFrame:
    """What the samples of a training showed of each class, against the baseline, and what the class gained on test.

    Returns:
        A row a strategy and class: strategy, class, seeds (shared with the baseline, where both runs have a draws.csv),
        pixels_shown and baseline_pixels_shown (sum over the epochs that were trained, mean over the seeds), ratio (of
        the two; NaN where the baseline showed none), pasted (instances, likewise; 0 without copy-paste), gain (in IoU,
        mean over those of the seeds that have it). Empty where no two runs tell what they showed.
    """
    group, rows = evidence.group, []
    baseline = shown(group.baseline)
    for strategy in group.others:
        ours = shown(strategy)
        seeds = [seed for seed in ours if seed in baseline]
        for place, one in enumerate(group.classes if seeds else ()):
            pixels, theirs, pasted = (
                float(np.mean([runs[seed][what][place] for seed in seeds]))
                for runs, what in ((ours, "pixels"), (baseline, "pixels"), (ours, "pasted"))
            )
            gains = differences(strategy, group.baseline, "test", f"IoU/{one}")
            row = {"strategy": strategy.label, "class": one, "seeds": len(seeds), "pixels_shown": pixels}
            row |= {"baseline_pixels_shown": theirs, "ratio": pixels / theirs if theirs else math.nan}
            gain = spread(gains[seed] for seed in seeds if seed in gains)[0]
            rows.append(row | {"pasted": pasted, "gain": gain})
    return pd.DataFrame(rows, columns=list(COLUMNS))


def pays(evidence: Evidence) -> pd.DataFrame:
    """Whether the classes that a strategy showed more than the baseline did are those that gained more.

    Returns:
        A row a strategy of `exposure`: strategy, classes (that have a ratio and a gain), spearman (rank correlation of
        ratio and gain over them; the log of the ratio has the same ranks). NaN below three classes, and where all
        ratios or all gains are the same, as with a strategy that only changes the loss.
    """
    rows = []
    for label, own in evidence.once(exposure).groupby("strategy", sort=False):
        known = own.dropna(subset=["ratio", "gain"])
        rho, _ = coefficient("spearman", known["ratio"].to_numpy(np.float64), known["gain"].to_numpy(np.float64))
        rows.append({"strategy": label, "classes": len(known), "spearman": rho})
    return pd.DataFrame(rows, columns=["strategy", "classes", "spearman"])


def section(evidence: Evidence, frames: Frames) -> Section:
    """What training showed; nothing where no strategy changed it."""
    frame, paid = frames[FILE], frames[PAYS]
    if not len(frame) or not len(paid) or not paid["spearman"].notna().any():
        return Section("exposure", TITLE)
    columns = (STRATEGY, CLASS, Column("ratio", "pixels shown, times the baseline's", 2), GAIN,
               Column("pasted", "instances pasted", 0, minor=True), SEEDS)  # fmt: skip
    tables = (
        Table("What training showed of each class, and its gain", FILE, frame, columns, by="strategy",
              folded=len(frame) > MOST),
        Table("Spearman's correlation of exposure with gain over the classes", PAYS, paid,
              (STRATEGY, Column("spearman", "Spearman", 2, signed=True), Column("classes", "classes", 0)),
              by="strategy"),
    )  # fmt: skip
    return Section("exposure", TITLE, tuple(sentences(frame, paid)), tables=tables)


def sentences(found: pd.DataFrame, paid: pd.DataFrame) -> list[str]:
    """What showing more brought, for the strategies (at most three) where it is told most clearly.

    A correlation counts as more than chance beyond 1.96 / sqrt(classes - 1), its 95 % bound when exposure and gain
    have nothing to do with each other.
    """
    if found.empty:
        return ["No strategy and baseline share a seed and tell what they showed (draws.csv)."]
    known = paid.dropna(subset="spearman")
    if known.empty:
        if (found.groupby("strategy")["ratio"].nunique() < 2).all():
            return ["No strategy changed how often classes were shown, so nothing tells whether that pays."]
        return ["Whether showing a class more pays can't be told: of fewer than three classes, or all gained the same."]
    order = known["spearman"].abs().sort_values(ascending=False, kind="stable").index[:3]
    return [_words(row) for _, row in records(known.loc[order])]


def _words(row: Record) -> str:
    rho, classes = row["spearman"], row["classes"]
    numbers = f"Spearman {rho:+.2f} over {classes} classes"
    if abs(rho) <= 1.96 / math.sqrt(classes - 1):
        return f"{name(row['strategy'])}: no sure relation of exposure and gain: {numbers}."
    return f"{name(row['strategy'])}: classes shown more gained {'more' if rho > 0 else 'less'}: {numbers}."
