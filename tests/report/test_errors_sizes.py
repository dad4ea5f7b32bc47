"""Recall by object size, by hand; runs that didn't count by size are left out."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from asked import evidence
from error_runs import OTHER, PLAIN, WEIGHTED, add_counts
from run_folders import make_run

from imbseg.report.evidence import Evidence
from imbseg.report.questions import sizes

CONFUSION = [[900, 0], [100, 300]]  # background, and a class with 400 pixels
OBJECTS = [[0, 0, 0], [4, 0, 1]]


def by_size(small: int, large: int) -> list[list[list[int]]]:
    """Found of 100 small pixels and of 300 large ones; missed; objects."""
    return [[[0, 0, 0], [small, 0, large]], [[0, 0, 0], [100 - small, 0, 300 - large]], OBJECTS]


def runs(root: Path, **more) -> Evidence:
    """Seeds 1 and 2 of both; seed 3 of the weighted loss alone."""
    classes = more.pop("classes", ("ground", "pole"))
    given = {"classes": classes, "test": (0.9, 0.5), "tail": classes[1:], **more}
    for seed, small in ((1, 10), (2, 30)):
        add_counts(make_run(root / f"plain{seed}", seed=seed, **given), CONFUSION, by_size=by_size(small, 240))
    for seed, small in ((1, 50), (2, 40), (3, 99)):
        folder = make_run(root / f"weighted{seed}", seed=seed, **WEIGHTED, **given)
        add_counts(folder, CONFUSION, by_size=by_size(small, 210))
    return evidence(root)


def test_recall_by_hand(tmp_path: Path) -> None:
    found = sizes.table(runs(tmp_path))
    assert list(found.columns) == sizes.COLUMNS
    assert found[["strategy", "class", "size"]].to_numpy().tolist() == [
        [PLAIN, "pole", "small"], [PLAIN, "pole", "large"], [OTHER, "pole", "small"], [OTHER, "pole", "large"],
    ]  # fmt: skip
    assert found["seeds"].tolist() == [2, 2, 3, 3]
    assert found["objects"].tolist() == [4, 1, 4, 1]
    assert found["pixels"].tolist() == [100, 300, 100, 300]
    assert found["recall"].tolist() == pytest.approx([0.2, 0.8, (0.5 + 0.4 + 0.99) / 3, 0.7])
    assert found["gain"].isna().tolist() == [True, True, False, False]
    assert found["gain"].tolist()[2:] == pytest.approx([(0.4 + 0.1) / 2, -0.1])
    assert sizes.sentences(found) == [
        "cross_entropy: recall by object size, mean over the classes that have both: small 0.200, large 0.800 "
        "(1 class).",
        "weighted_cross_entropy: recall +0.250 on small objects of pole (4 objects, 3 seeds), the largest gain.",
        "weighted_cross_entropy: recall −0.100 on large objects of pole (1 object, 3 seeds), the largest loss.",
    ]


def said(*rows: tuple[str, str, str, float, float]) -> list[str]:
    """Sentences on rows of strategy, class, size, recall and gain."""
    found = pd.DataFrame(rows, columns=["strategy", "class", "size", "recall", "gain"])
    return sizes.sentences(found.assign(seeds=3, objects=2.0))


def test_sizes_are_compared_over_the_same_classes() -> None:
    # pole is small alone, road medium alone: over all classes small .35 and medium .55 would stand side by side
    rows = [("base", *cell, math.nan) for cell in (
        ("sky", "small", 0.2), ("sky", "medium", 0.4), ("car", "small", 0.4), ("car", "medium", 0.5),
        ("car", "large", 0.9), ("pole", "small", 0.45), ("road", "medium", 0.75))]  # fmt: skip
    first = "base: recall by object size, mean over the classes that have both: "
    both = "small 0.300, medium 0.450 (2 classes); medium 0.500, large 0.900 (1 class)."
    assert said(*rows) == [first + both]
    assert said(("base", "pole", "small", 0.4, math.nan), ("base", "road", "medium", 0.7, math.nan)) == []


@pytest.mark.parametrize("gain", [0.0, 1e-17, -1e-17, -0.0004])
def test_what_is_0_in_three_digits_is_neither_gain_nor_loss(gain: float) -> None:
    base = ("base", "pole", "small", 0.4, math.nan)
    assert said(base, ("other", "pole", "small", 0.4, gain)) == []
    (line,) = said(base, ("other", "pole", "small", 0.5, 0.1), ("other", "sky", "small", 0.4, gain))
    assert line.endswith("recall +0.100 on small objects of pole (2 objects, 3 seeds), the largest gain.")


def test_runs_that_did_not_count_by_size_are_left_out(tmp_path: Path) -> None:
    runs(tmp_path)
    for name in ("plain1", "weighted2"):
        add_counts(tmp_path / name, CONFUSION)
    found = sizes.table(evidence(tmp_path))
    assert found["seeds"].tolist() == [1, 1, 2, 2]
    assert found["recall"].tolist() == pytest.approx([0.3, 0.8, (0.5 + 0.99) / 2, 0.7])
    assert all(math.isnan(gain) for gain in found["gain"])  # no seed is left that both have
    assert len(sizes.sentences(found)) == 1


def test_the_baseline_alone_lacks_counts(tmp_path: Path) -> None:
    runs(tmp_path)
    for seed in (1, 2):
        (tmp_path / f"plain{seed}" / "counts_test.npz").unlink()
    found = sizes.table(evidence(tmp_path))
    assert set(found["strategy"]) == {OTHER}
    assert found["gain"].isna().all()
