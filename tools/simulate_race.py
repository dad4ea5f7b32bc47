"""make simulate PART=race: what a race keeps, at which cost -> docs/race_simulation.csv, docs/images/race.png.

    python tools/simulate_race.py [--experiments N] [--measure] [--out FILE]

Drawn worlds with gaps of 0, .005, .01 and .03 at the seed SD of three data sets, raced at a third of the grid's cost,
beside random halving and the best of one seed; and finished runs raced again in every order of their seeds. Half a
minute of one core. --measure prints the seeds' noise and what short training adds to it. Exit status 1 where the goal
is missed.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import numpy as np
import pandas as pd
from race_worlds import Raced, World, best_of_one, drawn, orders, published, raced, random_halving, stored
from scipy import optimize, special, stats

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY, write_text
from imbseg.racing.rule import SHARES, Floats, Noise
from imbseg.statistics.correlation import tau_interval

DOCS = REPOSITORY / "docs"
STORED = {"coffee": DOCS / "runs" / "coffee", "idrid": DOCS / "runs" / "idrid", "sample": DOCS / "sample_runs"}
GAPS, CANDIDATES, SEEDS, COST, GOAL = (0.0, 0.005, 0.01, 0.03), 10, 5, 1 / 3, 0.95
COLUMNS = ("world", "rule", "kept", "low", "high", "won", "wronged", "cost", "left", "races", "goal")


def main() -> int:
    """Simulate, replay, write the table, say what is missed."""
    parser = Parser(prog="simulate_race.py", description="What a race keeps of the best, and what it costs.")
    parser.add_argument("--experiments", type=int, default=1000, metavar="N", help="a world (1000)")
    parser.add_argument("--measure", action="store_true", help="print the constants of racing/rule.py, and stop")
    parser.add_argument("--out", type=Path, default=DOCS / "race_simulation.csv", metavar="FILE", help="CSV to write")
    options = parser.parse_args()
    if options.experiments < 1:
        raise InputError(f"--experiments: expected 1 or more, found {options.experiments}")
    if options.measure:
        print("\n".join([*measured("mIoU"), *measured("tail")]))
        return 0
    found = pd.DataFrame([*replays(), *simulations(options.experiments)], columns=list(COLUMNS))
    write_text(options.out, found.to_csv(index=False, lineterminator="\n", float_format="%.3f"))
    draw(found, options.out)
    print(found.to_string(index=False, float_format="%.3f"))
    print(f"written to {options.out}")
    return int((found["goal"] == "missed").any())


def draw(found: pd.DataFrame, out: Path) -> None:
    """What each rule kept, a panel a seed SD: race.png in docs/images, or beside a table that goes elsewhere."""
    from matplotlib.figure import Figure

    drawn_ones = found[found["low"].notna()]
    groups = list(drawn_ones.groupby(drawn_ones["world"].str.split(", ").str[0], sort=False))
    figure = Figure(figsize=(11, 3.9), layout="constrained")
    for axes, (name, rows) in zip(figure.subplots(1, len(groups), sharey=True), groups, strict=True):
        for rule, marker in (("race", "o"), ("best of one seed", "s"), ("random halving", "^")):
            own = rows[rows["rule"] == rule]
            shapes = own["world"].str.split(", ").str[1].str.removeprefix("one ").str.removesuffix(" below the next")
            spread = np.abs(own[["low", "high"]].to_numpy().T - own["kept"].to_numpy())
            axes.errorbar(shapes, own["kept"], spread, fmt=marker, label=rule, capsize=2)
        axes.axhline(GOAL, color="grey", linewidth=0.8, linestyle="--")
        axes.set(title=name, ylim=(0, 1.03))
        axes.tick_params(axis="x", rotation=60)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    figure.supylabel("share of races that kept the best\nor one within .01", fontsize="medium")
    figure.savefig(DOCS / "images" / "race.png" if out.parent == DOCS else out.with_suffix(".png"), dpi=110)


def worlds(score: str = "mIoU") -> dict[str, World]:
    """Finished grids: run folders, and the published table, of which no validation tail is known."""
    known = {"voc2012": published()} if score == "mIoU" else {}
    return known | {name: stored(folder, score) for name, folder in STORED.items()}


def deviations() -> dict[str, float]:
    """The seed SD of the data sets with eight strategies."""
    return {name: residual(world.full).deviation for name, world in worlds().items() if len(world.truth) >= 8}


def simulations(experiments: int) -> Iterator[dict[str, Any]]:
    """A row a world and rule."""
    for name, deviation in deviations().items():
        for ladder in (False, True):
            for gap in GAPS[1:] if ladder else GAPS:
                shape = f"each {gap:g} below the next" if ladder else f"one best by {gap:g}"
                yield from _rows(
                    f"seed SD {deviation:.3f} ({name}), {shape}", _draw(gap, deviation, ladder, experiments)
                )


def _draw(gap: float, deviation: float, ladder: bool, experiments: int) -> Iterator[World]:
    rng = np.random.default_rng(1)
    for _ in range(experiments):
        yield drawn(rng, gap, deviation, ladder=ladder, candidates=CANDIDATES, seeds=SEEDS)


def replays() -> Iterator[dict[str, Any]]:
    """A row a finished grid and rule; orders of the same seeds are no independent races: no interval, no goal."""
    for name, world in worlds().items():
        if len(world.truth) > 2:
            yield from _rows(f"replay of {name}", orders(world), independent=False)


def _rows(name: str, given: Iterator[World], *, independent: bool = True) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(2)
    rules: Mapping[str, Callable[[World], Raced]] = {
        "race": lambda world: raced(world, COST * world.full.size),
        "random halving": lambda world: random_halving(world, COST * world.full.size, rng),
        "best of one seed": best_of_one,
    }
    ended: dict[str, list[Raced]] = {rule: [] for rule in rules}
    for world in given:
        for rule, race in rules.items():
            ended[rule].append(race(world))
    for rule, races in ended.items():
        yield _row(name, rule, races, world.full.size, independent=independent)


def _row(name: str, rule: str, races: Sequence[Raced], grid: int, *, independent: bool) -> dict[str, Any]:
    kept = sum(race.kept for race in races)
    interval = stats.binomtest(kept, len(races)).proportion_ci(method="exact")
    goal = "not promised"
    if independent and rule == "race":
        goal = "kept" if kept / len(races) >= GOAL else "within noise" if interval.high >= GOAL else "missed"
    means = {key: float(np.mean([getattr(race, key) for race in races])) for key in ("won", "wronged", "cost", "left")}
    bounds = (interval.low, interval.high) if independent else (math.nan, math.nan)
    row = (name, rule, kept / len(races), *bounds, means["won"], means["wronged"], means["cost"] / grid, means["left"])
    return dict(zip(COLUMNS, (*row, len(races), goal), strict=True))


def residual(scores: Floats) -> Noise:
    """The SD of what neither the candidate nor the seed explains."""
    rest = scores - scores.mean(axis=1, keepdims=True)
    rest = rest - rest.mean(axis=0)
    free = (scores.shape[0] - 1) * (scores.shape[1] - 1)
    return Noise(math.sqrt(float((rest**2).sum()) / free), free)


def prior(found: Sequence[Noise]) -> Noise:
    """What data sets' deviations have in common, by the moments of their logarithms.

    Where they differ by no more than chance their root mean square, with a degree of freedom each.

    Source: Smyth, 2004, doi:10.2202/1544-6115.1027, section 6.2.
    """
    free = np.array([one.free for one in found])
    logs = np.log([one.deviation**2 for one in found]) - special.digamma(free / 2) + np.log(free / 2)
    excess = logs.var(ddof=1) - special.polygamma(1, free / 2).mean()
    if excess <= 0:  # they differ by no more than chance: few degrees of freedom, all the same
        return Noise(float(np.sqrt(np.mean([one.deviation**2 for one in found]))), len(found))
    common = 2 * optimize.brentq(lambda half: special.polygamma(1, half) - excess, 1e-3, 1e6)
    return Noise(math.exp((logs.mean() + special.digamma(common / 2) - math.log(common / 2)) / 2), common)


def short_ratio(world: World, share: float) -> float:
    """The SD of one run's error of the whole training at a share of its epochs, in seed SDs; NaN without such an epoch.

    Held against the mean of the other seeds, whose own noise is taken off.
    """
    epochs, seeds = math.ceil(share * world.epochs), world.full.shape[1]
    if epochs >= world.epochs:
        return math.nan
    errors = []
    for seed in range(seeds):
        others = np.delete(world.full, seed, axis=1).mean(axis=1)
        difference = world.after[epochs][:, seed] - others
        errors.append(difference - difference.mean())
    known = residual(world.full)
    size = len(world.truth)
    variance = float((np.array(errors) ** 2).sum()) / (seeds * (size - 1)) - known.deviation**2 / (seeds - 1)
    return math.sqrt(max(variance, 0.0)) / known.deviation


def agreements(world: World, share: float) -> list[tuple[float, float, float]]:
    """Of each seed Kendall's tau, with its interval, of short training against the other seeds' whole training."""
    short, seeds = world.after[math.ceil(share * world.epochs)], range(world.full.shape[1])
    return [tau_interval(short[:, seed], np.delete(world.full, seed, axis=1).mean(axis=1)) for seed in seeds]


def measured(score: str) -> Iterator[str]:
    """Seed SDs, what they have in common, and the noise of short training."""
    given = worlds(score)
    found = {name: residual(world.full) for name, world in given.items()}
    for name, one in found.items():
        yield f"{score}, {name}: seed SD {one.deviation:.4f} ({one.free:g} degrees of freedom)"
    common = prior(list(found.values()))
    yield f"{score}: prior {common.deviation:.4f}, {common.free:.1f} degrees of freedom"
    for share in SHARES[:-1]:
        ratios = {name: short_ratio(world, share) for name, world in given.items() if len(world.truth) > 2}
        known = {name: ratio for name, ratio in ratios.items() if not math.isnan(ratio)}
        for name in known:
            told = ", ".join(f"{tau:.2f} [{low:.2f}, {high:.2f}]" for tau, low, high in agreements(given[name], share))
            yield f"{score}, {share:g} of the epochs, {name}: Kendall's tau by seed {told}"
        common_ratio = math.sqrt(np.mean([ratio**2 for ratio in known.values()]))
        told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in known.items())
        yield f"{score}, {share:g} of the epochs: {told}; root mean square {common_ratio:.2f}"


if __name__ == "__main__":
    run_command(main)
