"""What the simulated experiments say of every interval and test of a report, held against what each promises."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from simulation import ALARM, TESTS, Rates, World, simulate, simulate_family
from simulation_claims import simulate_claims

SEEDS, IMAGES = (3, 5, 10), (100, 1000)
FAMILY = 9
EFFECT = 0.25  # in logits: .054 in IoU, two and a half standard deviations of a run's score
LOW, HIGH = 0.90, 0.98  # between which an interval's coverage has to lie
NEVER = math.nan  # nothing is promised
COVERAGE = {  # rate of `Rates` -> what it tells, and whether it is promised
    "seeds_cover": ("Student's t over seeds: difference, new seeds, these images", True),
    "crossed_cover": ("crossed: difference, new seeds and new images", True),
    "score_cover": ("crossed: a strategy's own score, new seeds and new images", True),
    "images_cover": ("images alone: difference, these runs, new images", True),
    "percentile_cover": ("percentiles of the crossed bootstrap: difference, new seeds and new images", False),
    "seeds_new_cover": ("Student's t over seeds: a strategy's own score, new seeds and new images", False),
}
NAMES = {"p_t": "t", "p_permutation": "permutation", "p_rank_sum": "rank-sum, normal approximation"}
ALARMS = {"p_t": SEEDS, "p_permutation": SEEDS, "p_rank_sum": ()}  # seeds at which the rate is promised
# Power at EFFECT: the least share, by seeds; where a test can't reach significance at all, 0 is what it is
LEAST = {"p_t": {3: 0.2, 5: 0.7, 10: 0.95}, "p_permutation": {10: 0.95}, "p_rank_sum": {5: 0.8, 10: 0.95}}
LEAST_HOLM = {"p_t": {5: 0.15, 10: 0.85}, "p_permutation": {10: 0.7}, "p_rank_sum": {10: 0.9}}
INTERACTION = "Student's t over seeds: interaction of four cells, new seeds, these images"
MARGIN = "not worse by more than the margin, where the true loss is the margin"
ERRORS = {  # of `Claims` -> what it tells, and whether no error is promised
    "calibration": ("gains with p (t) of .01 to .05 that are none: share minus mean probability", True),
    "alike": ("the same where all strategies have one deviation", False),
    "chosen": ("winner of 9 equals: validation gain", False),
    "luck": ("winner of 9 equals: validation gain less its expected luck", True),
    "tested": ("winner of 9 equals: test gain of the same runs", False),
    "left_out": ("winner of 9 equals: test gain where other seeds choose", True),
}
COLUMNS = ("seeds", "images", "question", "method", "low", "high", "rate", "tolerance", "experiments", "kept")


def simulation_table(
    repeats: int, *, cells: Sequence[tuple[int, int]] | None = None, say: Callable[[str], None] = print
) -> pd.DataFrame:
    """Simulate every cell of seeds and images, without an effect and with one.

    Args:
        repeats: experiments a cell.
        cells: (seeds, images); default: all of SEEDS x IMAGES.
        say: called with a line a cell.

    Returns:
        A frame of COLUMNS. question: coverage, false alarm, power, calibration or bias. low, high: what the rate is
        promised to lie between, empty where nothing is promised. tolerance: three standard errors of the nearer
        bound's rate, which the rate may lie beyond. kept: yes, no, or not promised.
    """
    rows: list[dict[str, Any]] = []
    for seeds, images in cells or tuple(itertools.product(SEEDS, IMAGES)):
        plain, moved = (
            simulate(world, seeds=seeds, images=images, repeats=repeats) for world in (World(), World(effect=EFFECT))
        )
        families = [
            simulate_family(world, seeds=seeds, images=images, repeats=repeats, family=FAMILY)
            for world in (World(), World(effect=EFFECT))
        ]
        found = [_row(seeds, images, repeats, *one) for one in _answers(seeds, plain, moved, families)]
        found += claims_rows(seeds, images, repeats)
        rows += found
        broken = sum(row["kept"] == "no" for row in found)
        say(f"{seeds} seeds, {images} images: {len(found)} rates, {broken} beyond what is promised")
    return pd.DataFrame(rows, columns=list(COLUMNS))


Answer = tuple[str, str, float, float, float]  # question, method, rate, low, high


def _answers(seeds: int, plain: Rates, moved: Rates, families: Sequence[Mapping[str, float]]) -> Iterator[Answer]:
    for name, (method, promised) in COVERAGE.items():
        bounds = (LOW, HIGH) if promised else (NEVER, NEVER)
        for word, rates in (("no effect", plain), ("an effect", moved)):
            yield "coverage", f"{method}; {word}", getattr(rates, name), *bounds
    for test in TESTS:
        highest = ALARM if seeds in ALARMS[test] else NEVER
        name, rate = NAMES[test], f"{test.removeprefix('p_')}_rejects"
        yield "false alarm", name, getattr(plain, rate), 0.0, highest
        yield "false alarm", f"{name}, Holm over {FAMILY}", families[0][f"alarm/{test}"], 0.0, ALARM
        yield "power", name, getattr(moved, rate), LEAST[test].get(seeds, NEVER), 1.0
        least = LEAST_HOLM[test].get(seeds, NEVER)
        yield "power", f"{name}, Holm over {FAMILY}", families[1][f"found/{test}"], least, 1.0


def with_new_claims(table: pd.DataFrame, repeats: int, say: Callable[[str], None] = print) -> pd.DataFrame:
    """An earlier table whose rows of `claims_rows` are simulated anew, the others as they are."""
    rows = list[dict[str, Any]]()
    for (seeds, images), cell in table.groupby(["seeds", "images"], sort=False):
        made = claims_rows(int(seeds), int(images), repeats)
        rows += cell[~cell["method"].isin([row["method"] for row in made])].to_dict("records") + made
        say(f"{seeds} seeds, {images} images: {len(made)} rates, {sum(row['kept'] == 'no' for row in made)} beyond")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def claims_rows(seeds: int, images: int, repeats: int) -> list[dict[str, Any]]:
    """What is claimed beyond intervals and tests; of a mean error the tolerance is three of its standard errors."""
    claims = simulate_claims(World(), seeds=seeds, images=images, repeats=repeats, family=FAMILY)
    cover, alarms = claims.interaction_cover, claims.margin_alarms
    rows = [
        _row(seeds, images, repeats, "coverage", INTERACTION, cover, LOW, HIGH),
        _row(seeds, images, repeats, "false alarm", MARGIN, alarms, 0.0, ALARM / 2),
    ]
    for name, (method, promised) in ERRORS.items():
        mean, error = getattr(claims, name)
        kept = ("yes" if abs(mean) <= 3 * error else "no") if promised else "not promised"
        bounds = (0.0, 0.0, mean, 3 * error) if promised else (NEVER, NEVER, mean, NEVER)
        row = (seeds, images, "bias" if "winner" in method else "calibration", method, *bounds, repeats, kept)
        rows.append(dict(zip(COLUMNS, row, strict=True)))
    return rows


def _row(
    seeds: int, images: int, repeats: int, question: str, method: str, rate: float, low: float, high: float
) -> dict[str, Any]:
    promised = not math.isnan(low) and not math.isnan(high)
    bound = low if rate < low or question != "false alarm" else high
    tolerance = 3 * math.sqrt(bound * (1 - bound) / repeats) if promised else NEVER
    kept = "not promised"
    if promised:
        kept = "yes" if low - tolerance <= rate <= high + tolerance else "no"
    low, high = (low, high) if promised else (NEVER, NEVER)
    return dict(zip(COLUMNS, (seeds, images, question, method, low, high, rate, tolerance, repeats, kept), strict=True))
