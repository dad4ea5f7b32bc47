"""Classes learned and lost, epoch by epoch; and every question at once."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from asked import evidence, sections
from error_runs import PLAIN, WEIGHTED, write_table
from run_folders import make_run

from imbseg.report.questions import curves as lost

NAN = math.nan


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ([0.0, 0.0, 0.1, 0.2], None),
        ([0.0, 0.0], None),
        ([], None),
        ([0.1, 0.3, 0.0, 0.0], (1, 3, None, 0.3)),
        ([0.0, 0.1, 0.3, 0.2, 0.0, 0.0, 0.4, 0.0], (2, 5, 7, 0.3)),  # the first time
        ([NAN, 0.1, NAN, 0.0, NAN, 0.1], (2, 4, 6, 0.1)),
        ([0.1, NAN, NAN], None),  # neither shown nor predicted is not lost
    ],
)
def test_the_course_of_a_class(scores: list[float], found: tuple[int, int, int | None, float] | None) -> None:
    assert lost.course(range(1, len(scores) + 1), scores) == found


def test_a_row_a_run_and_class(tmp_path: Path) -> None:
    courses = {
        "plain1": ([0.5, 0.6, 0.7], [0.1, 0.0, 0.2], [0.1, 0.0, 0.0]),
        "plain2": ([0.5, 0.6, 0.7], [0.1, 0.2, 0.2], [0.2, 0.3, 0.0]),
        "weighted2": ([0.5, 0.6, 0.7], [NAN, NAN, NAN], [0.0, 0.2, 0.3]),
    }
    for name, columns in courses.items():
        settings = WEIGHTED if name.startswith("weighted") else {}
        folder = make_run(tmp_path / name, seed=int(name[-1]), split_seed=1, **settings)
        scores = {f"IoU/{one}": values for one, values in zip(("sky", "road", "pole"), columns, strict=True)}
        write_table(folder / "epochs.csv", {"epoch": [1, 2, 3], "mIoU": [0.1, 0.2, 0.3], **scores})
    found = lost.forgotten(evidence(tmp_path))
    assert list(found.columns) == lost.LOST
    assert found.drop(columns="back").to_numpy().tolist() == [
        [PLAIN, "1(split 1)", "road", 1, 2, 0.1],
        [PLAIN, "1(split 1)", "pole", 1, 2, 0.1],
        [PLAIN, "2(split 1)", "pole", 1, 3, 0.3],
    ]
    assert found["back"].isna().tolist() == [False, True, True]
    assert found["back"].iloc[0] == 3
    assert found.to_csv(index=False).splitlines()[1:3] == [
        f"{PLAIN},1(split 1),road,1,2,3,0.1", f"{PLAIN},1(split 1),pole,1,2,,0.1",
    ]  # fmt: skip
    assert lost.sentences(found) == [
        "3 times in 2 runs a class was forgotten (validation IoU back to 0), 2 of them for good; most often pole (2).",
        "pole lost most: IoU 0.3 before epoch 3 in cross_entropy, seed 2(split 1).",
    ]


def test_nothing_lost_and_nothing_to_read(tmp_path: Path) -> None:
    make_run(tmp_path / "plain1")
    group = evidence(tmp_path)
    assert lost.forgotten(group).empty
    (tmp_path / "plain1" / "epochs.csv").unlink()
    found = lost.forgotten(group)
    assert list(found.columns) == lost.LOST
    assert lost.sentences(found) == []


def test_where_no_run_has_any_of_it(tmp_path: Path) -> None:
    make_run(tmp_path / "runs/plain1")
    make_run(tmp_path / "runs/weighted1", **WEIGHTED)
    parts = sections(evidence(tmp_path / "runs"), tmp_path)
    assert all(parts[key].empty for key in WHY)


WHY = ("confusion", "pixels", "sizes", "exposure", "forgotten")


def test_a_baseline_that_still_rose_is_warned_of() -> None:
    courses = {"a": [0.1, 0.2, 0.3], "b": [0.1, 0.3, 0.3], "c": [0.3, 0.2, NAN], "d": [0.2]}
    curves = [
        {"strategy": strategy, "trial": trial, "epoch": epoch, "mIoU": score}
        for strategy in (PLAIN, WEIGHTED)
        for trial, scores in courses.items()
        for epoch, score in enumerate(scores, 1)
        if (strategy, trial) != (WEIGHTED, "a")
    ]
    found = pd.DataFrame(curves).sample(frac=1, random_state=1)  # in any order
    (warning,) = lost.rising(found, PLAIN)
    assert warning.startswith("1 of 4 runs of the baseline (")
    assert "highest validation mIoU in the last epoch: it still rose." in warning
    assert lost.rising(found, WEIGHTED) == []
    assert lost.rising(found, "neither") == []
