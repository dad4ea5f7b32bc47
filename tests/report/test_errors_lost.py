"""Classes learned and lost, epoch by epoch; and every question at once."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest
from error_runs import HOSTILE, OTHER, PLAIN, WEIGHTED, group_of, one_pair, write_table
from run_folders import make_run

from imbseg.report.errors import lost, why

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
    expected = found and dict(zip(("learned", "lost", "back", "best_before"), found, strict=True))
    assert lost.course(range(1, len(scores) + 1), scores) == expected


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
    found = lost.lost_classes(group_of(tmp_path))
    assert tuple(found.columns) == lost.COLUMNS
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
        "3 times in 2 runs a class was learned and lost again (IoU back to 0 on the validation images), 2 of them for "
        "good; most often pole (2).",
        "The most was lost by pole in cross_entropy, seed 2(split 1): IoU 0.3 before epoch 3.",
    ]


def test_nothing_lost_and_nothing_to_read(tmp_path: Path) -> None:
    make_run(tmp_path / "plain1")
    group = group_of(tmp_path)
    assert lost.lost_classes(group).empty
    (tmp_path / "plain1" / "epochs.csv").unlink()
    found = lost.lost_classes(group)
    assert tuple(found.columns) == lost.COLUMNS
    assert lost.sentences(found) == ["No epochs.csv tells of a class that was learned and lost again."]


def test_every_question_at_once(tmp_path: Path) -> None:
    group = one_pair(tmp_path, [[50, 0, 2], [0, 30, 0], [8, 0, 2]], [[48, 0, 4], [0, 30, 0], [3, 1, 6]],
                     classes=HOSTILE, tail=HOSTILE[2:])  # fmt: skip
    tables = why.tables(group)
    assert [name for name, table in tables.items() if len(table)] == [
        "class_profile", "pixel_effect", "confusion_change",
    ]  # fmt: skip
    said = why.sentences(tables)
    assert set(tables) - set(said) == {"exposure_pays"}
    for name, lines in said.items():
        assert 1 <= len(lines) <= 3, name
        assert all(line.endswith(".") and "\n" not in line and "nan" not in line for line in lines), lines
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
        assert list(pd.read_csv(tmp_path / f"{name}.csv").columns) == list(table.columns)
    assert tables["pixel_effect"]["strategy"].unique().tolist() == [OTHER]


def test_where_no_run_has_any_of_it(tmp_path: Path) -> None:
    make_run(tmp_path / "plain1")
    make_run(tmp_path / "weighted1", **WEIGHTED)
    tables = why.tables(group_of(tmp_path))
    assert all(table.empty and len(table.columns) > 2 for table in tables.values())
    assert all(len(lines) == 1 for lines in why.sentences(tables).values())
