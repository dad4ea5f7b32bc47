"""Intervals over test images of run folders: against draws written out, and what is said where there are none."""

from __future__ import annotations

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from asked import evidence
from counted_runs import counted_run, random_counts
from run_folders import CLASSES
from scipy import stats

from imbseg.datasets import spec
from imbseg.errors import InputError
from imbseg.metrics.counts import load_counts, save_counts
from imbseg.report.evidence import Evidence
from imbseg.report.questions import image_intervals
from imbseg.report.questions.image_intervals import INDEPENDENT, ONE_SEED
from imbseg.report.write import report
from imbseg.runs.collect import collect

OTHER = {"loss": "dice"}


def group(root: Path) -> Evidence:
    return evidence(root, "cross_entropy")


def two_strategies(root: Path, seeds: tuple[int, ...] = (1, 2, 3), images: int = 20) -> None:
    for seed in seeds:
        counted_run(root / f"plain{seed}", random_counts(seed, images), seed=seed)
        counted_run(root / f"dice{seed}", random_counts(100 + seed, images, better=300), seed=seed, **OTHER)


def written_out(sides: list[list[int]], classes: list[int], draws: int, units: np.ndarray) -> tuple[float, ...]:
    """Mean, low, high, images_low, images_high of a paired difference, one draw, run and class after the other."""
    times = np.random.default_rng(0).multinomial(
        units.max() + 1, np.full(units.max() + 1, 1 / (units.max() + 1)), draws
    )

    def score(seed: int, better: int, weights: np.ndarray) -> float:
        one, total = random_counts(seed, len(units), better=better), 0.0
        for index in classes:
            hits = (weights * one.tp[:, index]).sum()
            total += hits / (hits + (weights * (one.fp + one.fn)[:, index]).sum())
        return total / len(classes)

    def pairs(weights: np.ndarray) -> list[float]:
        return [score(a, 300, weights) - score(b, 0, weights) for a, b in zip(*sides, strict=True)]

    observed = np.array(pairs(np.ones(len(units))))
    of_images = np.var([np.mean(pairs(time[units])) for time in times], ddof=1)
    of_seeds, seeds, free = observed.var(ddof=1) / len(observed), len(observed) - 1, int(units.max())
    total = of_seeds + of_images
    half = stats.t.ppf(0.975, total**2 / (of_seeds**2 / seeds + of_images**2 / free)) * math.sqrt(total)
    alone = stats.t.ppf(0.975, free) * math.sqrt(of_images)
    half = max(half, alone, stats.t.ppf(0.975, seeds) * math.sqrt(of_seeds))
    mean = observed.mean()
    return mean, mean - half, mean + half, mean - alone, mean + alone


@pytest.mark.parametrize(
    ("score", "classes"), [("mIoU", [0, 1, 2]), ("head", [0, 1]), ("tail", [2]), ("IoU/road", [1])]
)
def test_a_row_is_the_interval_of_draws_written_out(tmp_path: Path, score: str, classes: list[int]) -> None:
    two_strategies(tmp_path)
    found, said = image_intervals.intervals(group(tmp_path), draws=60)
    assert found["score"].tolist() == ["mIoU", "head", "tail", *(f"IoU/{name}" for name in CLASSES)]
    row = found.set_index("score").loc[score]
    expected = written_out([[101, 102, 103], [1, 2, 3]], classes, 60, np.arange(20))
    assert tuple(row[["mean", "low", "high", "images_low", "images_high"]]) == pytest.approx(expected, rel=1e-9)
    assert (row["paired"], row["seeds"], row["units"], row["unit"]) == (True, 3, 20, "images")
    assert said == INDEPENDENT


def test_scenes_are_drawn_whole(tmp_path: Path) -> None:
    two_strategies(tmp_path, images=24)
    scenes = np.arange(24) // 2
    files = sorted(tmp_path.glob("*/counts_test.npz"))
    for file in files:
        save_counts(file, dataclasses.replace(load_counts(file), groups=np.array([f"scene{one:02}" for one in scenes])))
    found, said = image_intervals.intervals(group(tmp_path), draws=60)
    row = found.set_index("score").loc["tail"]
    expected = written_out([[101, 102, 103], [1, 2, 3]], [2], 60, scenes)
    assert tuple(row[["mean", "low", "high", "images_low", "images_high"]]) == pytest.approx(expected, rel=1e-9)
    assert (row["units"], row["unit"], said) == (12, "groups of images", "")
    save_counts(files[-1], dataclasses.replace(load_counts(files[-1]), groups=np.array(["scene00"] * 24)))
    with pytest.raises(InputError, match="expected the same groups of images"):
        image_intervals.intervals(group(tmp_path), draws=60)


def test_a_moved_prior_has_counts_of_its_own(tmp_path: Path) -> None:
    for seed in (1, 2):
        counted_run(tmp_path / f"a{seed}", random_counts(seed), prior=random_counts(10 + seed), seed=seed)
        better = random_counts(10 + seed, better=500)
        counted_run(tmp_path / f"b{seed}", random_counts(20 + seed), prior=better, seed=seed, **OTHER)
    found, said = image_intervals.intervals(group(tmp_path), draws=50)
    row = found.set_index("score").loc["prior/tail"]
    assert "prior/mIoU" not in found["score"].tolist()
    expected = []
    for seed in (1, 2):
        plain, more = random_counts(10 + seed), random_counts(10 + seed, better=500)
        union = (plain.tp + plain.fp + plain.fn)[:, 2].sum()
        expected.append(more.tp[:, 2].sum() / union - plain.tp[:, 2].sum() / union)
    assert row["mean"] == pytest.approx(np.mean(expected))
    assert said == INDEPENDENT


def test_without_a_shared_seed_each_side_has_its_own_spread(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        counted_run(tmp_path / f"a{seed}", random_counts(seed), seed=seed)
    for seed in (4, 5):
        counted_run(tmp_path / f"b{seed}", random_counts(seed, better=300), seed=seed, **OTHER)
    row = image_intervals.intervals(group(tmp_path), draws=50)[0].set_index("score").loc["IoU/sky"]

    def scores(seeds: tuple[int, ...], better: int, weights: np.ndarray) -> np.ndarray:
        runs = [random_counts(seed, better=better) for seed in seeds]
        return np.array([(weights @ one.tp[:, 0]) / (weights @ (one.tp + one.fp + one.fn)[:, 0]) for one in runs])

    times = np.random.default_rng(0).multinomial(20, np.full(20, 1 / 20), 50)
    ours, theirs = scores((4, 5), 300, np.ones(20)), scores((1, 2, 3), 0, np.ones(20))
    moved = [scores((4, 5), 300, time).mean() - scores((1, 2, 3), 0, time).mean() for time in times]
    parts = [(ours.var(ddof=1) / 2, 1), (theirs.var(ddof=1) / 3, 2), (np.var(moved, ddof=1), 19)]
    halves = []
    for some in (parts, parts[:2], parts[2:]):  # both sources of chance, seeds alone, images alone
        total = sum(variance for variance, _ in some)
        free = total**2 / sum(variance**2 / degrees for variance, degrees in some)
        halves.append(stats.t.ppf(0.975, free) * math.sqrt(total))
    assert (row["paired"], row["seeds"]) == (False, 2)
    assert row["mean"] == pytest.approx(ours.mean() - theirs.mean())
    assert row["high"] - row["mean"] == pytest.approx(max(halves))


def test_one_seed_leaves_the_interval_for_new_seeds_empty(tmp_path: Path) -> None:
    two_strategies(tmp_path, seeds=(1,))
    found, said = image_intervals.intervals(group(tmp_path), draws=50)
    assert found["low"].isna().all()
    assert found["high"].isna().all()
    assert (found["images_low"] < found["mean"]).all()
    assert said == f"{INDEPENDENT} {ONE_SEED}"


def test_a_class_in_no_image_has_no_interval(tmp_path: Path) -> None:
    for seed in (1, 2):
        for name, better, loss in (("a", 0, "cross_entropy"), ("b", 300, "dice")):
            counts = random_counts(seed, better=better)
            for part in (counts.tp, counts.fp, counts.fn):
                part[:, 2] = 0
            counted_run(tmp_path / f"{name}{seed}", counts, seed=seed, loss=loss)
    found, _ = image_intervals.intervals(group(tmp_path), draws=50)
    assert found["score"].tolist() == ["mIoU", "head", "IoU/sky", "IoU/road"]
    assert found.notna().all(axis=None)


def test_a_strategy_alone_is_held_against_nothing(tmp_path: Path) -> None:
    counted_run(tmp_path / "a", random_counts(1))
    found, said = image_intervals.intervals(group(tmp_path))
    assert (len(found), said) == (0, "")


def test_too_few_images(tmp_path: Path) -> None:
    two_strategies(tmp_path, images=9)
    found, said = image_intervals.intervals(group(tmp_path))
    assert found.empty
    assert list(found.columns) == image_intervals.COLUMNS + image_intervals.ENDS
    assert said == ("Intervals over test images: expected at least 10 images, found 9; the intervals over seeds stand.")


@pytest.mark.slow
def test_the_published_size(tmp_path: Path) -> None:
    """Ten strategies x five seeds x 1,449 images x 21 classes, 2,000 draws, reading included: the whole report."""
    dataset, root, out = spec.load("voc2012"), tmp_path / "runs", tmp_path / "out"
    groups = {name: list(found) for name, found in (dataset.groups or {}).items()}
    for number, seed in itertools.product(range(10), range(1, 6)):
        counts = random_counts(100 * number + seed, 1449, 21, better=10 * number)
        counted_run(root / f"{number}-{seed}", counts, classes=dataset.class_names, tail=groups["tail"],
                    about={"class_groups": groups}, seed=seed, lr=0.01 + number / 1000)  # fmt: skip
    report(collect(root), root, out, None)
    assert len((out / "image_intervals.csv").read_text().splitlines()) == 1 + 9 * (1 + 2 + 21)
    assert (out / "report.html").stat().st_size < 5e6
