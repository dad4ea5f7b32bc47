"""How much of a gain is a moved prior: what the baseline gets by decoding anew, without any training."""

from __future__ import annotations

from collections.abc import Sequence

from imbseg.results.collect import PRIOR
from imbseg.results.compare import Comparison, compare, verdict
from imbseg.results.strategies import Strategy, differences
from imbseg.results.tables import spread


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


def share(strategy: Strategy, baseline: Strategy, score: str) -> str:
    """What part of a strategy's gain the baseline's prior gives by itself, over the seeds that have both.

    (baseline, prior moved - baseline) / (strategy - baseline), each the mean over those seeds. A gain that noise
    explains has no parts.
    """
    gains = differences(strategy, baseline, "test", score)
    moved = baseline.values("test", PRIOR + score)
    seeds = [seed for seed in gains if seed in moved]
    if not seeds:
        return "no seed has both"
    gain, _, _ = spread(gains[seed] for seed in seeds)
    alone, _, _ = spread(moved[seed] - baseline.values("test", score)[seed] for seed in seeds)
    if gain <= 0:
        return f"no gain to explain ({gain:+.3f}); the prior alone {alone:+.3f}"
    if len(seeds) > 1 and not compare(strategy, baseline, score).beyond_noise:
        return f"a gain within noise ({gain:+.3f}) is not shared out; the prior alone {alone:+.3f}"
    part = f"{100 * alone / gain:.0f} % of {gain:+.3f}" if alone > 0 else f"none of {gain:+.3f}"
    return f"{part} (the prior alone {alone:+.3f})" + (", one seed" if len(seeds) == 1 else "")
