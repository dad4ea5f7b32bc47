"""How much of a gain is a moved prior: what the baseline gets by decoding anew, without any training."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd

from imbseg.report.compare import Comparison, compare, verdict
from imbseg.report.tables import spread
from imbseg.runs.collect import PRIOR
from imbseg.runs.strategies import Group, Strategy, differences


def with_best_prior(others: Sequence[Strategy], baseline: Strategy, score: str) -> list[Comparison]:
    """Each strategy against the baseline, both with their best prior; nothing where the baseline never had it moved.

    Args:
        others: the strategies.
        baseline: what they are held against.
        score: tail or mIoU.
    """
    if not baseline.values("test", PRIOR + score):
        return []
    return [compare(one, baseline, PRIOR + score) for one in others]


def prior_sentences(others: Sequence[Strategy], baseline: Strategy, score: str) -> list[str]:
    """A heading and a sentence a strategy; nothing where the baseline never had its prior moved."""
    compared = with_best_prior(others, baseline, score)
    heading = (
        f"How much of that is a moved prior: the baseline as it is, decoded with logits - beta log(prior) (beta by "
        f"validation {score}, no training), held against each gain on {score}, test images:"
    )
    return [heading][: len(compared)] + [
        f"- {one.label}: {share(one, baseline, score)}; both with their best prior: {verdict(both)}"
        for one, both in zip(others, compared, strict=False)
    ]


@dataclasses.dataclass(frozen=True)
class Part:
    """How much of a gain the baseline's prior gives by itself, over the seeds that have both.

    Attributes:
        seeds: how many have the strategy's score, the baseline's, and the baseline's with its prior moved.
        gain: the strategy minus the baseline.
        alone: the baseline with its prior moved minus the baseline.
        share: alone / gain, at least 0; NaN where there is no gain, noise explains it, or not all of its seeds have
            their prior moved: such a gain has no parts.
    """

    seeds: int
    gain: float
    alone: float
    share: float


def part(strategy: Strategy, baseline: Strategy, score: str) -> Part:
    """Share out a strategy's gain on tail or mIoU."""
    gains = differences(strategy, baseline, "test", score)
    moved = baseline.values("test", PRIOR + score)
    seeds = [seed for seed in gains if seed in moved]
    gain, _, _ = spread(gains[seed] for seed in seeds)
    alone, _, _ = spread(moved[seed] - baseline.values("test", score)[seed] for seed in seeds)
    found = compare(strategy, baseline, score)
    told = found.paired and found.seeds == len(seeds) and (found.seeds == 1 or found.beyond_noise)
    return Part(len(seeds), gain, alone, max(alone, 0.0) / gain if told and gain > 0 else math.nan)


def share(strategy: Strategy, baseline: Strategy, score: str) -> str:
    """What part of a strategy's gain the baseline's prior gives by itself, in words."""
    found = part(strategy, baseline, score)
    if not found.seeds:
        return "no seed has both"
    if found.gain <= 0:
        return f"no gain to explain ({found.gain:+.3f}); the prior alone {found.alone:+.3f}"
    if math.isnan(found.share):
        why = "within noise" if not compare(strategy, baseline, score).beyond_noise else "of other seeds"
        return f"a gain {why} ({found.gain:+.3f}) is not shared out; the prior alone {found.alone:+.3f}"
    words = f"{100 * found.share:.0f} % of" if found.share > 0 else "none of"
    return f"{words} {found.gain:+.3f} (the prior alone {found.alone:+.3f})" + (", one seed" * (found.seeds == 1))


def table(group: Group) -> pd.DataFrame:
    """Every comparison twice: as trained, and with each side's best prior; a row a strategy and score.

    Args:
        group: strategies that may be compared.

    Returns:
        Columns strategy, score (tail, mIoU), seeds, gain, low, high, prior_alone, share, both, both_low, both_high: the
        last three are the difference where both sides have their best prior.
    """
    rows = []
    for score in ("tail", "mIoU"):
        both = with_best_prior(group.others, group.baseline, score)
        for strategy, moved in zip(group.others, both, strict=False):
            plain, found = compare(strategy, group.baseline, score), part(strategy, group.baseline, score)
            rows.append({
                "strategy": strategy.label, "score": score, "seeds": found.seeds, "gain": plain.mean, "low": plain.low,
                "high": plain.high, "prior_alone": found.alone, "share": found.share, "both": moved.mean,
                "both_low": moved.low, "both_high": moved.high,
            })  # fmt: skip
    return pd.DataFrame(rows)
