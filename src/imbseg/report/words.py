"""What the trials show, in sentences: each strategy against the baseline, paired by seed, and never more than that."""

from __future__ import annotations

import math

from imbseg.report.compare import compare, verdict
from imbseg.report.moved_prior import prior_sentences, with_best_prior
from imbseg.runs.strategies import Group, Strategy
from imbseg.statistics.difference import noise_ratio


def sentences(group: Group) -> list[str]:
    """The answer of one group: a sentence a strategy on the tail (mIoU where no tail is declared), head beside it."""
    score = "tail" if any(one.values("test", "tail") for one in group.strategies) else "mIoU"
    what = "the tail classes (mean IoU" if score == "tail" else "all classes (mIoU, since no tail is declared"
    if not group.others:
        return [f"{group.name}: {group.baseline.label!r} is the only strategy; there is nothing to hold against it."]
    lines = [f"{group.name}: baseline {group.baseline.label!r} ({group.chosen})."]
    lines.append(f"On {what}, test images), seed by seed against the baseline where seeds are shared:")
    compared = [compare(one, group.baseline, score) for one in group.others]
    for strategy, comparison in zip(group.others, compared, strict=True):
        lines.append(f"- {strategy.label}: {verdict(comparison)}{_beside(strategy, group.baseline, score)}")
    lines += [*_steps(group), *told_apart(group, score)]
    lines += prior_sentences(group.others, group.baseline, score)
    compared += with_best_prior(group.others, group.baseline, score)
    tested = sum(one.seeds > 1 for one in compared)
    if tested > 1:
        lines.append(f"{tested} intervals, each for itself: without any effect, one in twenty leaves 0 out by chance.")
    return lines


def _beside(strategy: Strategy, baseline: Strategy, score: str) -> str:
    """The head's part: what a gain on the tail costs."""
    head = compare(strategy, baseline, "head")
    return f"; head: {verdict(head)}" if score == "tail" and head.seeds else ""


def _steps(group: Group) -> list[str]:
    """Samplers show the train fold and as many images again: who was trained longer than the baseline, or shorter."""
    once = {one.label: one.runs[0].parameters.get("sampling", "none") == "none" for one in group.strategies}
    longer = [one.label for one in group.others if once[group.baseline.label] and not once[one.label]]
    shorter = [one.label for one in group.others if once[one.label] and not once[group.baseline.label]]
    return [
        f"{words} the steps an epoch of the baseline: {', '.join(labels)}; part of the difference may be the length of "
        f"the training (samplers but `none` take the steps of `x2`, which is the baseline of them all)."
        for words, labels in (("Twice", longer), ("Half", shorter))
        if labels
    ]


def told_apart(group: Group, score: str) -> list[str]:
    """Whether these data can tell strategies apart at all: the spread between them against that of seeds."""
    ratio = noise_ratio([list(one.values("test", score).values()) for one in group.strategies])
    if math.isnan(ratio):
        return []
    if math.isinf(ratio):
        return [f"Seeds don't move {score} at all, strategies do."]
    words = "seeds move it as much as strategies do" if ratio <= 1 else "strategies move it more than seeds do"
    return [f"Spread of {score} between strategies over that of seeds within them: {ratio:.1f} ({words})."]


METHOD = (
    "Brackets: 95 % interval of the mean difference by Student's t over the seeds that both have run; it tells the "
    "chance of the seeds, not of the test images."
)
