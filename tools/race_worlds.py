"""Races whose truth is known: drawn worlds, finished runs raced again, and two simple rules beside ours."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from imbseg.files import REPOSITORY
from imbseg.racing.course import Step, run_course
from imbseg.racing.rule import NEAR, SHORT, Floats, Look, Mask, looks

PUBLISHED = REPOSITORY / "data" / "published" / "voc2012_imbalance_trials.csv"
PLAIN = "TRUE_random_x2_FALSE_none"


@dataclass(frozen=True)
class World:
    """What every trial of a grid would score.

    Attributes:
        truth: (candidates,) what the scores are held against.
        after: epochs -> (candidates, seeds) best validation score so far; the last are all epochs.
        baseline: index.
    """

    truth: Floats
    after: Mapping[int, Floats]
    baseline: int = 0

    @property
    def epochs(self) -> int:
        """Of the whole training."""
        return max(self.after)

    @property
    def full(self) -> Floats:
        """(candidates, seeds) after it."""
        return self.after[self.epochs]

    @property
    def good(self) -> Mask:
        """(candidates,) the best, and those within NEAR of it."""
        found: Mask = self.truth >= self.truth.max() - NEAR - 1e-9
        return found


class Arrays:
    """A field of a race that reads scores from a world; the unit of cost is one whole trial."""

    def __init__(self, world: World, plan: Sequence[Look], budget: float) -> None:
        """Take a world, the looks and the whole budget."""
        self.world, self.plan, self.budget, self.spent = world, plan, budget, 0.0

    def costs(self, number: int, _now: int) -> Floats:
        """Of each candidate: the epochs since the last look, or a whole trial of a new seed."""
        look = self.plan[number]
        before = self.plan[number - 1].epochs if number and look.seeds == 1 else 0
        return np.full(len(self.world.truth), (look.epochs - before) / self.world.epochs)

    def left(self, _number: int) -> float:
        """Of the budget."""
        return self.budget - self.spent

    def run(self, number: int, chosen: Mask) -> Floats:
        """Look the scores up."""
        look = self.plan[number]
        self.spent += float(self.costs(number, number)[chosen].sum())
        return np.where(chosen[:, None], self.world.after[look.epochs][:, : look.seeds], np.nan)


@dataclass(frozen=True)
class Raced:
    """How a rule ended.

    Attributes:
        kept: one of the good ones is left.
        won: the leader of those left is a good one.
        cost: in whole trials.
        left: candidates.
        wronged: the last good one was called beaten; otherwise the budget was too small for it, where none is kept.
    """

    kept: bool
    won: bool
    cost: float
    left: int
    wronged: bool = False


def raced(world: World, budget: float) -> Raced:
    """Our rule."""
    plan = looks(world.epochs, world.full.shape[1])
    field = Arrays(world, plan, budget)
    steps = run_course(field, plan, len(world.truth), world.baseline)
    return _ended(world, steps[-1].alive, steps[-1].means, field.spent, _wronged(world, steps))


def _wronged(world: World, steps: Sequence[Step]) -> bool:
    return any(world.good[one.beaten].any() and not world.good[one.alive].any() for one in steps)


def random_halving(world: World, budget: float, rng: np.random.Generator) -> Raced:
    """At each look a random half leaves, the baseline excepted, until one opponent is left."""
    plan, alive = looks(world.epochs, world.full.shape[1]), np.ones(len(world.truth), np.bool_)
    field, means = Arrays(world, plan, budget), np.zeros(len(alive))
    for number in range(len(plan)):
        if field.costs(number, number)[alive].sum() > field.left(number):
            break
        means = field.run(number, alive).mean(axis=1)
        others = rng.permutation([one for one in np.flatnonzero(alive) if one != world.baseline])
        alive[others[math.ceil(len(others) / 2) :]] = False
    return _ended(world, alive, means, field.spent)


def best_of_one(world: World) -> Raced:
    """The best of one whole trial each."""
    scores = world.full[:, 0]
    alive = np.arange(len(scores)) == int(scores.argmax())
    return _ended(world, alive, scores, float(len(scores)))


def _ended(world: World, alive: Mask, means: Floats, cost: float, wronged: bool = False) -> Raced:
    leader = int(np.where(alive, np.nan_to_num(means), -np.inf).argmax())
    return Raced(bool(world.good[alive].any()), bool(world.good[leader]), cost, int(alive.sum()), wronged)


def drawn(
    rng: np.random.Generator, gap: float, deviation: float, *, ladder: bool, candidates: int, seeds: int
) -> World:
    """A world: one best by `gap`, or each below the next by it; seeds shift all alike and each on its own."""
    below = np.arange(candidates) if ladder else np.minimum(np.arange(candidates), 1)
    truth = rng.permutation(-gap * below.astype(np.float64))
    epochs, shared = 20, rng.normal(0, deviation, seeds)
    at = {
        math.ceil(share * epochs): truth[:, None] + shared + rng.normal(0, deviation * ratio, (candidates, seeds))
        for share, ratio in SHORT.items()
    }
    return World(truth, at)


def published() -> World:
    """The eight strategies on the imbalanced data: test mIoU of five seeds, no curves."""
    table = pd.read_csv(PUBLISHED)
    scores = table[table["is_imbalance"]].pivot_table(index="configs", columns="random_state", values="test_mIoU")
    return World(scores.mean(axis=1).to_numpy(), {1: scores.to_numpy()}, list(scores.index).index(PLAIN))


def stored(folder: Path, score: str = "mIoU") -> World:
    """Run folders NAME_SEED of one number of epochs: those strategies with as many seeds as any has."""
    curves: dict[str, dict[int, NDArray[np.float64]]] = {}
    for file in sorted(folder.glob("*/epochs.csv")):
        name, _, seed = file.parent.name.rpartition("_")
        with file.open(encoding="utf-8", newline="") as handle:
            values = [float(row[score]) for row in csv.DictReader(handle)]
        curves.setdefault(name, {})[int(seed)] = np.maximum.accumulate(values)
    most = max(map(len, curves.values()))
    names = sorted((name for name in curves if len(curves[name]) == most), key=lambda name: name != "plain")
    cube = np.array([[curves[name][seed] for seed in sorted(curves[name])] for name in names])  # (names, seeds, epochs)
    return World(cube[:, :, -1].mean(axis=1), {epoch + 1: cube[:, :, epoch] for epoch in range(cube.shape[2])})


def orders(world: World) -> Iterator[World]:
    """The same world with its seeds in every order."""
    for order in itertools.permutations(range(world.full.shape[1])):
        yield World(world.truth, {epochs: scores[:, order] for epochs, scores in world.after.items()}, world.baseline)
