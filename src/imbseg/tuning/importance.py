"""Which sampled settings a score depends on: PED-ANOVA's share of each, and whether chance gives as much."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from imbseg.runs.collect import Run
from imbseg.trial.fields import KINDS

COLUMNS = ("score", "setting", "trials", "importance", "explained", "p_chance", "detectable")
LUCK = ("seed", "split_seed", "fold")  # sampled, too, but nothing that one would tune
NUMERIC = 5  # values from which on a number is one, and not a choice
TOP = 0.25  # of the trials: importance for being among them
DRAWS = 1999  # shuffles of the scores: the smallest p is 1 / 2000
ALPHA = 0.05  # up to which p a setting counts as told apart from chance
WIDE = 10.0  # largest by smallest value from which on a setting is on a log scale


def sampled(runs: Sequence[Run]) -> pd.DataFrame:
    """The settings that NNI sampled and that differ between the runs, a row a run; None where a run wasn't given one.

    Returns:
        Empty where no setting is a number with at least NUMERIC values: then the experiment is a grid.
    """
    sources: list[Mapping[str, str]] = [run.about.get("sources", {}) for run in runs]
    names = [name for name in KINDS if name not in LUCK and any(one.get(name) == "sampled" for one in sources)]
    rows = [
        {name: run.parameters.get(name) if source.get(name) == "sampled" else None for name in names}
        for run, source in zip(runs, sources, strict=True)
    ]
    found = pd.DataFrame(rows, columns=names, dtype=object)
    found = found[[name for name in names if len(set(map(repr, found[name]))) > 1]]
    return found if any(is_number(found[name]) for name in found) else found.iloc[:, :0]


def is_number(values: pd.Series) -> bool:
    """Whether a setting is a number that takes enough values to be drawn along an axis."""
    known = values.dropna()
    numbers = all(isinstance(one, int | float) and not isinstance(one, bool) for one in known)
    return numbers and known.nunique() >= NUMERIC


def is_log(values: pd.Series) -> bool:
    """Whether a number spans a decade or more and lies more evenly on a log scale than as it is.

    >>> is_log(pd.Series([0.001, 0.01, 0.1])), is_log(pd.Series([0.01, 0.25, 0.5])), is_log(pd.Series([0.0, 1.0]))
    (True, False, False)
    """
    known = values.dropna().astype(float).to_numpy()
    if known.min() <= 0 or known.max() / known.min() < WIDE:
        return False
    return _off_middle(np.log(known)) < _off_middle(known)


def _off_middle(values: np.ndarray) -> float:
    """How far the median lies from the middle of the range, of its length."""
    return abs(float(np.median(values) - (values.min() + values.max()) / 2)) / float(np.ptp(values))


def importances(settings: pd.DataFrame, scores: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """How much each setting matters for each score, and whether these trials can tell it from chance.

    PED-ANOVA says for which settings the best quarter of the trials is distributed otherwise than all; it gives shares
    to noise, too. So each setting is also tested by the variance of the scores' ranks that it explains: a number by a
    parabola, since the best is often in the middle, a choice by the mean of each.

    Args:
        settings: see `sampled`.
        scores: name -> one value a row; trials without one (NaN) are left out.

    Returns:
        A frame of COLUMNS, the surest first. importance sums to 1 over the settings of a score. p_chance is the
        share of shuffles of the scores in which any setting stands out as much as this one: it holds for all of them
        together (Westfall and Young). detectable is the share of the variance from which on p_chance is below ALPHA.

    Source: Watanabe et al., PED-ANOVA, arXiv:2304.10255, and its form for nested settings, arXiv:2601.20800, as Optuna
        has it.
    """
    rows: list[dict[str, Any]] = []
    for score, values in scores.items():
        found = np.asarray(values, np.float64)
        known = np.isfinite(found)
        own = settings[known].reset_index(drop=True)
        own = own[[name for name in own if len(set(map(repr, own[name]))) > 1]]
        if len(own.columns) and known.sum() > 2:
            rows += _of_score(score, own, found[known])
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_score(score: str, settings: pd.DataFrame, values: np.ndarray) -> list[dict[str, Any]]:
    shares, bases = _ped_anova(settings, values), [basis(settings[name]) for name in settings]
    explained, p, detectable = chance_of(bases, values)
    rows = [
        {"score": score, "setting": name, "trials": int(settings[name].notna().sum()), "importance": float(share)}
        | {"explained": one, "p_chance": chance, "detectable": least}
        for name, share, one, chance, least in zip(settings, shares, explained, p, detectable, strict=True)
    ]
    return sorted(rows, key=lambda row: (row["p_chance"], -row["importance"]))


def basis(values: pd.Series) -> np.ndarray:
    """Orthonormal columns (trials, degrees of freedom) that a setting explains a score with, each of mean 0."""
    there = values.notna().to_numpy()
    if is_number(values):
        x = np.where(there, values.where(there, 1.0).astype(float), 1.0)
        x = np.log(x) if is_log(values) else x
        x = np.where(there, x - x[there].mean(), 0.0)
        design = np.stack([there.astype(float), x, np.where(there, x**2, 0.0)], axis=1)
    else:
        design = pd.get_dummies(values.map(repr)).to_numpy(np.float64)
    left, sizes, _ = np.linalg.svd(design - design.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, sizes > 1e-9 * sizes.max(initial=1e-12)])


def chance_of(bases: Sequence[np.ndarray], values: np.ndarray) -> tuple[list[float], list[float], list[float]]:
    """Share of the variance of the ranks that each setting explains, its p for all together, and what p < ALPHA needs.

    Args:
        bases: see `basis`; of each setting.
        values: (trials,) scores.
    """
    ranks, rng = stats.rankdata(values), np.random.default_rng(1)
    ranks = ranks - ranks.mean()
    shuffled = np.array([ranks, *(rng.permutation(ranks) for _ in range(DRAWS))])  # (1 + draws, trials)
    total = (ranks**2).sum() or 1.0
    shares = np.stack([((shuffled @ one) ** 2).sum(axis=1) / total for one in bases], axis=1)
    # Settings of several choices explain more by chance: each share as the tail of its distribution for normal scores.
    free = [(one.shape[1] / 2, (len(values) - 1 - one.shape[1]) / 2) for one in bases]
    tails = np.stack([_tail(shares[:, place], *one) for place, one in enumerate(free)], axis=1)
    least = tails.min(axis=1)
    p = [float((least <= one + 1e-12).mean()) for one in tails[0]]
    limit = float(np.quantile(least, ALPHA))
    detectable = [float(stats.beta.isf(limit, *one)) if min(one) > 0 else 1.0 for one in free]
    return shares[0].tolist(), p, detectable


def _tail(shares: np.ndarray, ours: float, rest: float) -> np.ndarray:
    return np.asarray(stats.beta.sf(shares, ours, rest)) if min(ours, rest) > 0 else np.ones_like(shares)


def _ped_anova(settings: pd.DataFrame, values: np.ndarray) -> list[float]:
    """Importances that sum to 1."""
    import optuna  # half a second: only where settings were sampled
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
    from optuna.importance import PedAnovaImportanceEvaluator
    from optuna.trial import create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    names = [str(name) for name in settings]
    spaces: dict[str, BaseDistribution] = {}
    for name in names:
        known = settings[name].dropna()
        if is_number(settings[name]):
            numbers = known.astype(float)
            spaces[name] = FloatDistribution(numbers.min(), numbers.max(), log=is_log(settings[name]))
        else:
            spaces[name] = CategoricalDistribution(tuple(dict.fromkeys(map(str, known))))
    study = optuna.create_study(direction="maximize")
    for value, row in zip(values, settings.to_dict("records"), strict=True):
        given = {str(name): one for name, one in row.items() if not pd.isna(one)}
        params = {name: float(one) if is_number(settings[name]) else str(one) for name, one in given.items()}
        used = {name: spaces[name] for name in params}
        study.add_trial(create_trial(value=float(value), params=params, distributions=used))
    with warnings.catch_warnings():  # that a branch has one trial alone: the p beside it says what that is worth
        warnings.simplefilter("ignore", UserWarning)
        found = PedAnovaImportanceEvaluator(target_quantile=TOP).evaluate(study, params=names)
    total = sum(found.values()) or 1.0
    return [found[name] / total for name in names]
