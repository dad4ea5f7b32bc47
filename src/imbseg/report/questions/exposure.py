"""How much of each class the training showed, and whether what was shown more gained more."""

import math

import numpy as np
import pandas as pd

from imbseg.page.columns import columns
from imbseg.page.content import Section, Table
from imbseg.report.evidence import Evidence
from imbseg.report.frames import Frames, Record, records
from imbseg.report.say import name
from imbseg.runs.draws import shown
from imbseg.runs.strategies import differences
from imbseg.statistics.correlation import coefficient
from imbseg.statistics.difference import spread

FILE, PAYS = "exposure.csv", "exposure_correlation.csv"
COLUMNS = ["strategy", "class", "seeds", "pixels_shown", "baseline_pixels_shown", "ratio", "instances_pasted", "gain"]


def exposure(evidence: Evidence) -> pd.DataFrame:
    """What the samples of a training showed of each class, against the baseline, and what the class gained on test.

    Pixels and pasted instances are sums over the epochs, means over the seeds of which both runs have a draws.csv;
    ratio is NaN where the baseline showed none. Empty where no two runs tell what they showed.
    """
    group, rows = evidence.group, []
    baseline = shown(group.baseline)
    for strategy in group.others:
        ours = shown(strategy)
        both = [seed for seed in ours if seed in baseline]
        for place, one in enumerate(group.classes if both else ()):
            sums = ((ours, "pixels"), (baseline, "pixels"), (ours, "pasted"))
            pixels, theirs, pasted = (float(np.mean([of[seed][what][place] for seed in both])) for of, what in sums)
            gains = differences(strategy, group.baseline, "test", f"IoU/{one}")
            gain = spread(gains[seed] for seed in both if seed in gains)[0]
            ratio = pixels / theirs if theirs else math.nan
            rows.append([strategy.label, one, len(both), pixels, theirs, ratio, pasted, gain])
    return pd.DataFrame(rows, columns=COLUMNS)


def pays(evidence: Evidence) -> pd.DataFrame:
    """Whether the classes that a strategy showed more gained more: the rank correlation of ratio and gain.

    NaN below three classes, and where all ratios or all gains are the same, as of a strategy that changes the loss.
    """
    rows = []
    for label, own in evidence.once(exposure).groupby("strategy", sort=False):
        known = own.dropna(subset=["ratio", "gain"])
        rho, _ = coefficient("spearman", known["ratio"].to_numpy(np.float64), known["gain"].to_numpy(np.float64))
        rows.append([label, len(known), rho])
    return pd.DataFrame(rows, columns=["strategy", "classes", "spearman"])


def section(evidence: Evidence, frames: Frames) -> Section:
    """What training showed; nothing where no strategy changed it."""
    known = frames[PAYS].dropna(subset="spearman") if len(frames[PAYS]) else frames[PAYS]
    title = "Was it shown more, and did that pay"
    if not len(known):
        return Section("exposure", title)
    of_class = columns("strategy", "class", "ratio", "gain", "instances_pasted", "seeds")
    tables = (
        Table("What training showed of each class, and its gain", FILE, frames[FILE], of_class),
        Table("Correlation of exposure with gain over the classes", PAYS, known, columns(*known.columns[[0, 2, 1]])),
    )
    return Section("exposure", title, sentences(known), tables=tables)


def sentences(known: pd.DataFrame) -> list[str]:
    """What showing more brought, for the strategies (at most three) where it is told most clearly.

    A correlation counts as more than chance beyond 1.96 / sqrt(classes - 1), its 95 % bound when exposure and gain
    have nothing to do with each other.
    """
    order = known["spearman"].abs().sort_values(ascending=False, kind="stable").index[:3]
    return [_words(row) for _, row in records(known.loc[order])]


def _words(row: Record) -> str:
    rho, classes = row["spearman"], row["classes"]
    numbers = f"Spearman {rho:+.2f} over {classes} classes"
    if abs(rho) <= 1.96 / math.sqrt(classes - 1):
        return f"{name(row['strategy'])}: no sure relation of exposure and gain: {numbers}."
    return f"{name(row['strategy'])}: classes shown more gained {'more' if rho > 0 else 'less'}: {numbers}."


TABLES = {FILE: exposure, PAYS: pays}
