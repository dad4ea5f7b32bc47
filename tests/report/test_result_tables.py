"""Tables: means and deviations worked by hand, equal digits in CSV and Markdown, hostile names."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pytest
from run_folders import make_run

from imbseg.report import tables
from imbseg.report.document import document
from imbseg.report.frames import all_frames, image_frames
from imbseg.runs.collect import collect
from imbseg.runs.strategies import Results, arrange

WEIGHTED = {"loss": "weighted_cross_entropy", "class_weights": "inverse_sqrt"}
HOSTILE = ('a,b "quoted"', "<script>alert(1)</script>", "x|y *z* `c` [l](u)", "very_long_" * 20)


def results_of(root: Path) -> Results:
    return arrange(collect(root), root)


def test_means_and_deviations_by_hand(tmp_path: Path):
    for seed, pole in ((1, 0.1), (2, 0.2), (3, 0.6)):
        make_run(tmp_path / str(seed), test=(0.9, 0.5, pole), seed=seed)
    (row,) = tables.strategies_table(results_of(tmp_path)).to_dict("records")
    # mean .3; deviations -.2 -.1 .3: squares .04 + .01 + .09 = .14, / 2 = .07, root .26458
    assert (row["test/IoU/pole mean"], row["test/IoU/pole std"], row["test/IoU/pole n"]) == ("0.30000", "0.26458", "3")
    assert (row["test/head mean"], row["test/head std"]) == ("0.70000", "0.00000")
    assert (row["seeds"], row["baseline"]) == ("1 2 3", "yes")
    assert row["test/medium mean"] == ""


def test_one_seed_has_no_deviation_and_an_absent_class_no_score(tmp_path: Path):
    make_run(tmp_path / "a", test=(0.9, 0.5, math.nan))
    (row,) = tables.strategies_table(results_of(tmp_path)).to_dict("records")
    assert (row["test/mIoU mean"], row["test/mIoU std"], row["test/mIoU n"]) == ("0.70000", "", "1")
    assert (row["test/IoU/pole mean"], row["test/IoU/pole n"]) == ("", "0")


def test_a_class_scored_in_some_seeds_only_says_in_how_many(tmp_path: Path):
    for seed, pole in ((1, 0.2), (2, 0.4), (3, math.nan)):
        make_run(tmp_path / str(seed), test=(0.9, 0.5, pole), seed=seed)
    (group,) = results_of(tmp_path).groups
    assert tables.cell(group.baseline, "test", "IoU/pole") == "0.30000 ± 0.14142 (n = 2)"


def test_unfinished_runs_stand_in_the_table_without_numbers(tmp_path: Path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", status="failed", message="loss is nan", seed=2)
    make_run(tmp_path / "c", workers=0)  # the same trial as a
    rows = tables.trials_table(results_of(tmp_path)).to_dict("records")
    assert [(row["trial"], row["status"], row["test/mIoU"]) for row in rows] == [
        ("a", "finished", "0.50000"),
        ("b", "failed", ""),
        ("c", "duplicate", ""),
    ]
    assert rows[1]["reason"] == "loss is nan (2 of 2 epochs)"


def test_csv_and_markdown_hold_the_same_digits(tmp_path: Path):
    for seed in (1, 2):
        make_run(tmp_path / f"a{seed}", test=(0.9123456, 0.5, 0.1 / seed), seed=seed)
        make_run(tmp_path / f"b{seed}", test=(0.8, 0.4321987, 0.3 / seed), seed=seed, **WEIGHTED)
    results = results_of(tmp_path)
    text = document(results, all_frames(results), {}, {}, image_frames(results, None, None)[1])
    for row in tables.strategies_table(results).to_dict("records"):
        for name in ("mIoU", "head", "tail", "IoU/sky", "IoU/road", "IoU/pole"):
            for subset in ("test", "val"):
                assert f"{row[f'{subset}/{name} mean']} ± {row[f'{subset}/{name} std']}" in text
    for row in tables.trials_table(results).to_dict("records"):
        assert f"| {row['test/mIoU']} |" in text


def test_hostile_names_stay_in_their_cell(tmp_path: Path):
    make_run(tmp_path / "a", classes=HOSTILE, tail=HOSTILE[:1], test=(0.1, 0.2, 0.3, 0.4))
    results = results_of(tmp_path)
    tables.write_csv(tmp_path / "out.csv", tables.trials_table(results))
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert [row[f"test/IoU/{name}"] for name in HOSTILE] == ["0.10000", "0.20000", "0.30000", "0.40000"]
    text = document(results, all_frames(results), {}, {}, image_frames(results, None, None)[1])
    assert "<script>" not in text
    table = tables.markdown(tables.class_table(results.groups[0], "test"))
    assert {line.replace("\\|", "").count("|") for line in table.splitlines()} == {3}


def test_plain_tables_line_up():
    import pandas as pd

    table = pd.DataFrame({"trial": ["a", "long name"], "mIoU": ["0.5", "0.25"], "none": ["", ""]})
    lines = tables.aligned(table).splitlines()
    assert lines == ["trial      mIoU  none", "a           0.5", "long name  0.25"]


def test_a_narrow_terminal_gets_what_matters_most():
    import pandas as pd

    names = ("trial", "strategy", "val mIoU", "val head", "test mIoU", "test tail", "seconds")
    table = pd.DataFrame({name: ["long text " * 9 if name == "strategy" else "0.123"] for name in names})
    assert list(tables.narrowed(table, 200).columns) == list(names)
    assert list(tables.narrowed(table, 60).columns) == ["trial", "strategy", "val mIoU", "test mIoU", "test tail"]
    assert list(tables.narrowed(table, 10).columns) == ["trial", "strategy", "test mIoU", "test tail"]


@pytest.mark.parametrize(("values", "expected"), [([], ("", "", "0")), ([0.5], ("0.50000", "", "1"))])
def test_spread_of_few(values: list[float], expected: tuple[str, str, str]):
    mean, deviation, count = tables.spread(values)
    assert (tables.number(mean), tables.number(deviation), str(count)) == expected
