"""How much of each class the training showed, and whether what was shown more gained more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from imbseg.report.tables import spread
from imbseg.runs.collect import Run, Seed
from imbseg.runs.counted import Row, frame, name, numbers
from imbseg.runs.strategies import Group, Strategy, differences

COLUMNS = ("strategy", "class", "seeds", "pixels_shown", "baseline_pixels_shown", "ratio", "pasted", "gain")
PAYS = ("strategy", "classes", "spearman")
FEWEST = 3  # classes: two always agree or disagree
Shown = dict[str, NDArray[np.float64]]  # pixels and pasted: (classes,)


def exposure(group: Group, subset: str = "test") -> pd.DataFrame:
    """What the samples of a training showed of each class, against the baseline, and what the class gained.

    Args:
        group: strategies that may be compared.
        subset: whose IoU the gain is in: test or val.

    Returns:
        A row a strategy and class: strategy, class, seeds (shared with the baseline, where both runs have a draws.csv),
        pixels_shown and baseline_pixels_shown (sum over the epochs that were trained, mean over the seeds), ratio (of
        the two; NaN where the baseline showed none), pasted (objects, likewise; 0 without copy-paste), gain (in IoU,
        mean over those of the seeds that have it). Empty where no two runs tell what they showed.
    """
    baseline = _shown(group.baseline, group.classes)
    rows = []
    for strategy in group.others:
        ours = _shown(strategy, group.classes)
        seeds = [seed for seed in ours if seed in baseline]
        for place, one in enumerate(group.classes if seeds else ()):
            pixels, theirs, pasted = (
                float(np.mean([runs[seed][what][place] for seed in seeds]))
                for runs, what in ((ours, "pixels"), (baseline, "pixels"), (ours, "pasted"))
            )
            gains = differences(strategy, group.baseline, subset, f"IoU/{one}")
            row = {"strategy": strategy.label, "class": one, "seeds": len(seeds), "pixels_shown": pixels}
            row |= {"baseline_pixels_shown": theirs, "ratio": pixels / theirs if theirs else math.nan}
            gain = spread(gains[seed] for seed in seeds if seed in gains)[0]
            rows.append(row | {"pasted": pasted, "gain": gain})
    return frame(rows, COLUMNS)


def exposure_pays(group: Group, subset: str = "test") -> pd.DataFrame:
    """Whether the classes that a strategy showed more than the baseline did are those that gained more.

    Args:
        group: strategies that may be compared.
        subset: whose IoU the gain is in: test or val.

    Returns:
        A row a strategy of `exposure`: strategy, classes (that have a ratio and a gain), spearman (rank correlation of
        ratio and gain over them; the log of the ratio has the same ranks). NaN below three classes, and where all
        ratios or all gains are the same, as with a strategy that only changes the loss.
    """
    return pays(exposure(group, subset))


def pays(found: pd.DataFrame) -> pd.DataFrame:
    """The same of what `exposure` gave."""
    rows = []
    for label, own in found.groupby("strategy", sort=False):
        known = own.dropna(subset=["ratio", "gain"])
        rows.append({"strategy": label, "classes": len(known), "spearman": _spearman(known["ratio"], known["gain"])})
    return frame(rows, PAYS)


def sentences(found: pd.DataFrame) -> list[str]:
    """What showing more brought, for the strategies (at most three) where it is told most clearly.

    A correlation counts as more than chance where it leaves 1.96 / sqrt(classes - 1) behind, its 95 % bound when
    exposure and gain have nothing to do with each other.

    Args:
        found: what `exposure` gave.
    """
    if found.empty:
        return ["No strategy and baseline share a seed and tell what they showed (draws.csv): whether showing a class "
                "more pays can't be told."]  # fmt: skip
    known = pays(found).dropna(subset="spearman")
    if known.empty:
        if (found.groupby("strategy")["ratio"].nunique() < 2).all():
            return ["No strategy changed how often classes were shown, so nothing tells whether that pays."]
        return ["Whether showing a class more pays can't be told: of fewer than three classes, or all gained the same."]
    order = known["spearman"].abs().sort_values(ascending=False, kind="stable").index[:3]
    return [_words(known.loc[place].to_dict()) for place in order]


def _words(row: Row) -> str:
    rho, classes = row["spearman"], row["classes"]
    numbers = f"Spearman {rho:+.2f} over {classes} classes"
    if abs(rho) <= 1.96 / math.sqrt(classes - 1):
        return f"{name(row['strategy'])}: how much more a class was shown says nothing sure of its gain: {numbers}."
    return f"{name(row['strategy'])}: what was shown more gained {'more' if rho > 0 else 'less'}: {numbers}."


def _spearman(ratios: pd.Series[float], gains: pd.Series[float]) -> float:
    if len(ratios) < FEWEST or ratios.nunique() < 2 or gains.nunique() < 2:
        return math.nan
    return float(stats.spearmanr(ratios, gains).statistic)


def _shown(strategy: Strategy, classes: Sequence[str]) -> Mapping[Seed, Shown]:
    found = {run.seed: _of_run(run, classes) for run in strategy.runs}
    return {seed: shown for seed, shown in found.items() if shown is not None}


def _of_run(run: Run, classes: Sequence[str]) -> Shown | None:
    """Sums over the epochs; None of a run whose draws.csv is missing or tells nothing of the classes."""
    table = numbers(run.folder / "draws.csv")
    columns = {what: [f"{what}:{one}" for one in classes] for what in ("pixels", "pasted")}
    if table is None or not {*columns["pixels"]} <= {*table.columns} or table[columns["pixels"]].isna().any(axis=None):
        return None
    sums = table.sum()
    pasted = [float(sums.get(column, 0.0)) for column in columns["pasted"]]
    return {"pixels": np.array([float(sums[column]) for column in columns["pixels"]]), "pasted": np.array(pasted)}
