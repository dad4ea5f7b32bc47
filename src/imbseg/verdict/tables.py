"""Several data sets -> the tables of a verdict, each as its CSV holds it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from imbseg.statistics.difference import sign_change_p
from imbseg.verdict.advice import FALSE, OPEN, TRUE, Judged, judge
from imbseg.verdict.data_sets import DataSet
from imbseg.verdict.effects import Effect

SHARED = 3  # data sets that must have run a remedy for its row
TESTED = 5  # data sets below which no p value is given
EFFECT = ["remedy", "dataset", "seeds", "before", "after", "mean", "low", "high", "detectable", "pairs", "geometry"]


def effects_table(data: Sequence[DataSet]) -> pd.DataFrame:
    """A row a remedy and data set, on the tail's test IoU, with the remedy's rank among those that its data set ran.

    `shared` counts the data sets that ran the remedy; ranks are among the remedies that SHARED of them ran. `p` is of
    the paired permutation test over data sets, of TESTED or more.
    """
    rows = [_row(one) for own in data for one in own.effects()]
    table = pd.DataFrame(rows, columns=EFFECT)
    table["shared"] = table.groupby("remedy")["dataset"].transform("nunique").astype(int)
    in_common = table[table["shared"] >= SHARED]
    table["rank"] = in_common.groupby("dataset")["mean"].rank(ascending=False)
    table["mean_rank"] = table.groupby("remedy")["rank"].transform("mean")
    tested = {name: _p(own["mean"].to_numpy(np.float64)) for name, own in table.groupby("remedy")}
    table["p"] = table["remedy"].map(tested)
    return table.sort_values(["shared", "mean_rank", "remedy", "dataset"], ascending=[False, True, True, True])


def _row(effect: Effect) -> dict[str, Any]:
    found = effect.found
    numbers = {name: getattr(found, name) for name in ("seeds", "before", "after", "mean", "low", "high")}
    pairs = "; ".join(f"{after} against {before}" for after, before in effect.pairs)
    about = {"remedy": effect.remedy, "dataset": effect.dataset, "pairs": pairs, "geometry": effect.what}
    return {**about, **numbers, "detectable": effect.detectable}


def _p(means: np.ndarray) -> float:
    return sign_change_p(means) if len(means) >= TESTED else math.nan


def troubles_table(data: Sequence[DataSet]) -> pd.DataFrame:
    """A row a trouble, data set and remedy: the gain of the classes in that trouble, and whether it paid."""
    rows = []
    for own in data:
        for trouble, classes in own.troubles.items():
            told = {"trouble": trouble, "classes": ", ".join(classes)}
            rows += [{**told, **_row(one), "paid": one.paid} for one in own.effects(classes)]
    return pd.DataFrame(rows, columns=["trouble", "classes", *EFFECT, "paid"])


def judged(own: DataSet) -> list[Judged]:
    """The sentences of one data set's diagnosis."""
    return judge(own.diagnosis, own.effects)


def advice_table(data: Sequence[DataSet]) -> pd.DataFrame:
    """A row a data set and sentence of its diagnosis."""
    rows = []
    for own in data:
        for one in judged(own):
            effect = _row(one.effect) if one.effect else {"dataset": own.name}
            rows.append({"sentence": one.sentence, "verdict": one.verdict, **effect})
    return pd.DataFrame(
        rows, columns=["dataset", "sentence", "verdict", *(name for name in EFFECT if name != "dataset")]
    )


def counted(advice: pd.DataFrame, dataset: str) -> dict[str, int]:
    """How many sentences of a data set are true, false and open."""
    own = advice.loc[advice["dataset"] == dataset, "verdict"]
    return {verdict: int((own == verdict).sum()) for verdict in (TRUE, FALSE, OPEN)}
