"""What a race says: a line a look, the standings, how well short training ranked, and what a grid would have cost."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from imbseg.errors import amount, listed
from imbseg.racing.course import Step
from imbseg.racing.entries import Entries
from imbseg.racing.rule import Floats, Mask
from imbseg.statistics.correlation import tau_interval

Rows = list[dict[str, str | float | int]]


def standings(entries: Entries, steps: Sequence[Step]) -> Rows:
    """A row a candidate, the best first: its last look, mean score, seeds, and whether and why it left."""
    rows: Rows = []
    for who, label in enumerate(entries.labels):
        own = [(number, step) for number, step in enumerate(steps) if not math.isnan(step.means[who])]
        number, step = own[-1] if own else (-1, steps[0])
        rows.append(
            {
                "candidate": label,
                "baseline": int(who == 0),
                "score": float(step.means[who]) if own else math.nan,
                "epochs": step.look.epochs if own else 0,
                "seeds": step.look.seeds if own else 0,
                "look": number + 1,
                "state": state_of(who, steps),
            }
        )
    return sorted(rows, key=lambda row: (row["state"] != "in the race", -int(row["look"]), -_known(row["score"])))


def _known(score: str | float | int) -> float:
    return float(score) if not math.isnan(float(score)) else -1.0


def state_of(who: int, steps: Sequence[Step]) -> str:
    """In the race, beaten, failed, or out for want of hours."""
    for number, step in enumerate(steps, start=1):
        for mask, words in ((step.unaffordable, "no hours for it"), (step.failed, "failed"), (step.beaten, "beaten")):
            if mask[who]:
                return f"{words} at look {number}"
    return "in the race"


def look_line(entries: Entries, steps: Sequence[Step]) -> str:
    """What the last look found: the leader, the bar, who left and why."""
    step = steps[-1]
    if np.isnan(step.means).all():
        return f"look {len(steps)}: all trials failed"
    leader = int(np.nanargmax(step.means))
    leads = f"{entries.labels[leader]} leads with {step.means[leader]:.3f}"
    parts = [f"look {len(steps)}: {leads}, bar {step.bar:.3f} below"]
    for mask, words in ((step.beaten, "beaten"), (step.failed, "failed"), (step.unaffordable, "no hours for")):
        if mask.any():
            parts.append(f"{words}: {listed(_named(entries, mask, step.means), most=10, between='; ')}")
    return "; ".join([*parts, f"{amount(int(step.alive.sum()), 'candidate')} left"])


def _named(entries: Entries, mask: Mask, means: Floats) -> list[str]:
    return [
        entries.labels[who] + ("" if math.isnan(means[who]) else f" {means[who]:.3f}") for who in np.flatnonzero(mask)
    ]


def ending(entries: Entries, steps: Sequence[Step], score: str, spent: float, grid: float) -> Iterator[str]:
    """The sentences at the end.

    Args:
        score: its name.
        spent: hours.
        grid: hours that all candidates would take, trained whole with all seeds.
    """
    last = steps[-1]
    leader = int(np.nanargmax(np.where(last.alive, last.means, np.nan)))
    level = f"{score} {last.means[leader]:.3f} in validation, {amount(last.look.seeds, 'seed')}"
    yield f"leader: {entries.labels[leader]}, {level}, baseline {last.means[0]:.3f}"
    within = last.alive & (last.means >= last.means[leader] - last.bar)
    near = [who for who in np.flatnonzero(within) if who != leader]
    yield (
        f"not told apart from it: {'; '.join(entries.labels[who] for who in near)}"
        if near
        else "nobody else is within the bar"
    )
    yield agreement(entries, steps)
    whole = f"{len(entries.labels)} candidates, {amount(len(entries.seeds), 'seed')}"
    yield f"hours: {spent:.2f}; the whole grid ({whole}) would have taken {grid:.2f}"


def agreement(entries: Entries, steps: Sequence[Step]) -> str:
    """Kendall's tau between short and whole training, over those that have both with the first seed."""
    whole = next((step for step in steps if step.look.share == 1.0), None)
    shorts = [step for step in steps if step.look.share < 1.0]
    if whole is None or not shorts:
        return "ranks at short training: nobody was trained whole, or there was no shorter look"
    told = []
    for step in shorts:
        both = ~np.isnan(step.means) & ~np.isnan(whole.scores[:, 0])
        tau, low, high = tau_interval(step.means[both], whole.scores[both, 0])
        between = f" [{low:.2f}, {high:.2f}]" if not math.isnan(low) else " (too few for an interval)"
        told.append(
            f"after {step.look.epochs} of {entries.epochs} epochs Kendall's tau "
            + (f"{tau:.2f}{between}" if not math.isnan(tau) else "can't be told")
            + f", {amount(int(both.sum()), 'candidate')}"
        )
    return f"ranks at short against whole training, first seed: {'; '.join(told)}"
