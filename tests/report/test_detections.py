"""Objects as detections in the report: means, gains and sentences by hand; runs without the table are left out."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from asked import evidence, frames_of, sections
from error_runs import HOSTILE, OTHER, PLAIN
from run_folders import CLASSES, WEIGHTED, make_run

from imbseg.metrics.counts import collect, image_confusion
from imbseg.metrics.tables import save_tables
from imbseg.report.questions import sizes
from imbseg.runs.tables import DETECTED, detections

NOTHING = collect(["a"], [image_confusion(np.array([[0]]), np.array([[0]]), 3)])


def add_tables(folder: Path, classes=CLASSES, **tables: np.ndarray) -> Path:
    """Write the same tables for both subsets."""
    counts = dataclasses.replace(NOTHING, **tables)
    save_tables(folder, {"val": counts, "test": counts}, classes)
    return folder


def objects(**found: list[list[int]]) -> np.ndarray:
    """(classes, 2, 3) from (tp, fp, fn) at both thresholds of some classes."""
    return np.array([found.get(one, [[0, 0, 0]] * 2) for one in CLASSES])


def runs(root: Path, plain: Mapping[int, list[list[int]]], weighted: Mapping[int, list[list[int]]]) -> Path:
    for name, by_seed, settings in (("plain", plain, {}), ("weighted", weighted, WEIGHTED)):
        for seed, pole in by_seed.items():
            folder = make_run(root / f"{name}{seed}", seed=seed, about=ABOUT, **settings)
            add_tables(folder, components=objects(pole=pole, sky=[[1, 0, 0], [1, 0, 0]]))
    return root


ABOUT = {"class_groups": {"tail": ["pole"]}}
BY_HAND = (
    {1: [[2, 2, 8], [0, 4, 10]], 2: [[4, 0, 6], [1, 3, 9]]},
    {1: [[6, 6, 4], [2, 10, 8]], 2: [[8, 4, 2], [3, 9, 7]], 3: [[9, 1, 1], [9, 1, 1]]},
)


def test_scores_by_hand(tmp_path: Path) -> None:
    found = detections(evidence(runs(tmp_path, *BY_HAND)).group)
    assert list(found.columns) == DETECTED
    assert set(found["subset"]) == {"test", "val"}
    assert set(found["class"]) == {"sky", "pole"}  # no road in truth or prediction
    pole = found[(found["subset"] == "test") & (found["class"] == "pole")]
    assert pole[["strategy", "least_iou", "seeds"]].to_numpy().tolist() == [
        [PLAIN, 0.1, 2], [PLAIN, 0.5, 2], [OTHER, 0.1, 3], [OTHER, 0.5, 3],
    ]  # fmt: skip
    assert pole["objects"].tolist() == [10, 10, 10, 10]
    assert pole["predicted"].tolist() == pytest.approx([4, 4, 34 / 3, 34 / 3])
    assert pole["found"].tolist() == pytest.approx([3, 0.5, 23 / 3, 14 / 3])
    assert pole["precision"].tolist()[:2] == pytest.approx([(0.5 + 1) / 2, (0 + 0.25) / 2])
    assert pole["recall"].tolist()[:2] == pytest.approx([0.3, 0.05])
    # F1: 4/14 and 8/14, of the other 12/22, 16/22 and 18/20; the gain is of seeds 1 and 2
    assert pole["f1"].tolist()[::2] == pytest.approx([6 / 14, (14 / 11 + 0.9) / 3])
    assert pole["gain"].isna().tolist() == [True, True, False, False]
    assert pole[["before", "after", "gain"]].iloc[2].tolist() == pytest.approx([6 / 14, 7 / 11, 7 / 11 - 6 / 14])


def test_sentences_by_hand(tmp_path: Path) -> None:
    part = sections(evidence(runs(tmp_path / "runs", *BY_HAND)), tmp_path)["detections"]
    assert list(part.said) == [
        "3 at IoU 0.1; 0 at IoU 0.5: so many of 10 objects are found, with 4 predicted (cross_entropy; pole; mean of 2 "
        "seeds).",
        "F1 0.429 -> 0.636 (+0.208) on pole at IoU 0.1 (10 objects): weighted_cross_entropy, the largest gain.",
    ]
    (table,) = part.shown
    assert set(table.frame["class"]) == {"pole"}
    assert set(table.frame["subset"]) == {"test"}


def test_a_seed_without_a_score_enters_no_gain(tmp_path: Path) -> None:
    # Seed 1 of the baseline predicts no pole and no image shows one: no F1
    plain, weighted = {1: [[0, 0, 0]] * 2, 2: [[1, 1, 1]] * 2}, {1: [[0, 3, 0]] * 2, 2: [[2, 0, 0]] * 2}
    found = detections(evidence(runs(tmp_path, plain, weighted)).group)
    row = found[(found["strategy"] == OTHER) & (found["class"] == "pole")].iloc[0]
    assert row[["before", "after", "gain"]].tolist() == [0.5, 1.0, 0.5]
    assert row["f1"] == 0.5  # of both seeds: 0 and 1


def test_runs_of_an_earlier_version_have_no_part(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_run(tmp_path / f"runs/a{seed}", seed=seed)
        make_run(tmp_path / f"runs/b{seed}", seed=seed, **WEIGHTED)
    asked = evidence(tmp_path / "runs")
    assert detections(asked.group).empty
    assert list(detections(asked.group).columns) == DETECTED
    assert sizes.DETECTIONS not in dict(frames_of(asked))
    assert sections(asked, tmp_path)["detections"].empty


def test_the_baseline_alone_lacks_the_table(tmp_path: Path) -> None:
    root = runs(tmp_path / "runs", *BY_HAND)
    for seed in (1, 2):
        (root / f"plain{seed}/components.csv").write_text("subset,class\n")
    part = sections(evidence(root), tmp_path)["detections"]
    assert set(part.shown[0].frame["strategy"]) == {OTHER}
    assert all(math.isnan(gain) for gain in part.shown[0].frame["gain"])
    assert len(part.said) == 1


def test_hostile_class_names(tmp_path: Path) -> None:
    about, tail = {"class_groups": {"tail": HOSTILE[2:]}}, HOSTILE[2:]
    folder = make_run(tmp_path / "runs/a", classes=HOSTILE, test=(0.5, 0.5, 0.5), tail=tail, about=about)
    add_tables(folder, HOSTILE, components=objects(pole=[[1, 0, 1]] * 2))
    part = sections(evidence(tmp_path / "runs"), tmp_path)["detections"]
    assert part.shown[0].frame["class"].tolist() == [HOSTILE[2]] * 2
