"""Test IoU beside the ceiling that a run's own grid has."""

from __future__ import annotations

from pathlib import Path

import pytest
from asked import evidence
from error_runs import PLAIN, WEIGHTED, write_table
from run_folders import make_run

from imbseg.report.questions import ceiling


def runs(folder: Path) -> None:
    """Two seeds of the baseline, one on a finer grid; no test mask shows the road."""
    for name, pole, settings in (("plain1", 0.2, {}), ("plain2", 0.3, {}), ("weighted1", 0.8, WEIGHTED)):
        out = make_run(folder / name, seed=int(name[-1]), split_seed=1, test=(0.5, 0.6, 0.1), **settings)
        columns = {
            "val:sky": [1.0],
            "val:road": [1.0],
            "val:pole": [0.9],
            "test:sky": [0.98],
            "test:road": [float("nan")],
        }
        write_table(out / "ceiling.csv", columns | {"test:pole": [pole]})


def test_iou_and_ceiling_are_means_over_the_seeds_that_have_both(tmp_path: Path) -> None:
    runs(tmp_path)
    make_run(tmp_path / "plain3", seed=3, split_seed=1, test=(0.5, 0.6, 0.9))  # of an earlier version
    found = ceiling.table(evidence(tmp_path))
    assert list(found.columns) == ceiling.COLUMNS
    assert found["class"].tolist() == ["sky", "pole", "sky", "pole"]
    assert found.iloc[1].tolist()[:3] == [PLAIN, "pole", 2]
    assert found.iloc[1].tolist()[3:] == pytest.approx([0.1, 0.25, 0.75, 0.15])
    assert ceiling.sentences(found) == [
        "pole: IoU 0.100 of a ceiling of 0.250 (cross_entropy, 2 seeds): 0.750 is left to resolution, 0.150 to "
        f"learning; {found['strategy'].iloc[-1]} lifts the ceiling to 0.800."
    ]


def test_a_class_that_nothing_caps_and_runs_that_say_nothing(tmp_path: Path) -> None:
    runs(tmp_path)
    found = ceiling.table(evidence(tmp_path))
    assert ceiling.sentences(found[found["class"] == "sky"]) == [
        "cross_entropy: no class has a ceiling below 0.9; the rest is left to learning."
    ]
    for name in ("plain1", "plain2", "weighted1"):
        (tmp_path / name / "ceiling.csv").unlink()
    assert ceiling.table(evidence(tmp_path)).empty
    assert ceiling.sentences(ceiling.table(evidence(tmp_path))) == []
