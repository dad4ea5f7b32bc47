"""Calibration in the report: errors, ratios and sentences by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from asked import evidence, sections
from error_runs import OTHER, PLAIN
from run_folders import CLASSES, WEIGHTED, make_run
from test_detections import ABOUT, add_tables

from imbseg.runs.tables import BINNED, CALIBRATED, calibration_errors, reliability


def bins(**rows: tuple[float, float, float]) -> np.ndarray:
    """(classes, 15, 3): pole's bins by number, such as b0=(pixels, hits, probabilities); all else has none."""
    found = np.zeros((3, 15, 3))
    for name, row in rows.items():
        found[CLASSES.index("pole"), int(name[1:])] = row
    return found


def runs(root: Path) -> Path:
    # Plain expects 40 + 30 pixels of pole where there are 100; weighted 260 + 60 of 100, where 60 + 40 are
    plain = bins(b0=(10_000, 80, 40.0), b9=(50, 20, 30.0))
    weighted = bins(b0=(9_000, 40, 60.0), b4=(1_000, 60, 260.0))
    for seed in (1, 2):
        add_tables(make_run(root / f"plain{seed}", seed=seed, about=ABOUT), calibration=plain)
        add_tables(make_run(root / f"weighted{seed}", seed=seed, about=ABOUT, **WEIGHTED), calibration=weighted)
    return root


def test_errors_by_hand(tmp_path: Path) -> None:
    found = calibration_errors(evidence(runs(tmp_path)).group)
    assert list(found.columns) == CALIBRATED
    pole = found[(found["subset"] == "test") & (found["class"] == "pole")]
    assert pole[["strategy", "seeds"]].to_numpy().tolist() == [[PLAIN, 2], [OTHER, 2]]
    assert pole["ece"].tolist() == pytest.approx([(40 + 10) / 10_050, (20 + 200) / 10_000])
    assert pole["ece_likely"].tolist() == pytest.approx([10 / 50, 200 / 1000])
    assert pole["expected"].tolist() == pytest.approx([0.7, 3.2])
    assert found[found["class"] == "sky"][["ece", "ece_likely", "expected"]].isna().all(axis=None)


def test_curves_by_hand(tmp_path: Path) -> None:
    found = reliability(evidence(runs(tmp_path)).group)
    assert list(found.columns) == BINNED
    assert found[["strategy", "class", "bin", "pixels"]].to_numpy().tolist() == [
        [PLAIN, "pole", 0, 20_000], [PLAIN, "pole", 9, 100], [OTHER, "pole", 0, 18_000], [OTHER, "pole", 4, 2_000],
    ]  # fmt: skip
    assert found["probability"].tolist() == pytest.approx([0.004, 0.6, 60 / 9000, 0.26])
    assert found["share"].tolist() == pytest.approx([0.008, 0.4, 40 / 9000, 0.06])


def test_the_part_of_the_page(tmp_path: Path) -> None:
    part = sections(evidence(runs(tmp_path / "runs")), tmp_path)["calibration"]
    assert list(part.said) == [
        "0.200 calibration error where the probability is 1/15 or more; all probabilities add up to 0.70 x the true "
        "pixels (cross_entropy; pole; 2 seeds)."
    ]
    assert part.shown[0].frame["strategy"].tolist() == [PLAIN, OTHER]
    (chart,) = part.charts
    assert chart.file == "reliability.csv"
    assert chart.svg.count('class="line"') == 2
    assert 'data-rows="0 1"' in chart.svg
    assert {(tmp_path / f"reliability.{kind}").is_file() for kind in ("png", "svg")} == {True}


def test_the_least_and_the_largest_error_are_told(tmp_path: Path) -> None:
    for number, hits in enumerate((20, 29, 5, 25)):
        settings = {"loss": ("cross_entropy", "dice", "focal", "lovasz")[number]}
        folder = make_run(tmp_path / f"runs/{number}", about=ABOUT, **settings)
        add_tables(folder, calibration=bins(b9=(50, hits, 30.0)))
    said = sections(evidence(tmp_path / "runs"), tmp_path)["calibration"].said
    assert [(line[:5], line[line.index("(") + 1 :].split(";")[0]) for line in said] == [
        ("0.200", "cross_entropy"), ("0.020", "dice"), ("0.500", "focal"),
    ]  # fmt: skip


def test_a_network_that_gives_the_tail_nothing(tmp_path: Path) -> None:
    add_tables(make_run(tmp_path / "runs/a", about=ABOUT), calibration=bins(b0=(1000, 20, 1.0)))
    part = sections(evidence(tmp_path / "runs"), tmp_path)["calibration"]
    assert list(part.said) == [
        "0 pixels have a probability of 1/15 or more (full/mskf/none/none, cross_entropy; pole; 1 seed)."
    ]


def test_runs_of_an_earlier_version_have_no_part(tmp_path: Path) -> None:
    make_run(tmp_path / "runs/a")
    asked = evidence(tmp_path / "runs")
    assert calibration_errors(asked.group).empty
    assert reliability(asked.group).empty
    assert sections(asked, tmp_path)["calibration"].empty
