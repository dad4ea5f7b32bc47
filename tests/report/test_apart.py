"""Runs of another meta, fold or budget stand apart, and code that differs is told."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from run_folders import make_run

from imbseg.report.write import report
from imbseg.runs.apart import groups_apart, halved_batches, mixed_versions
from imbseg.runs.collect import collect
from imbseg.runs.strategies import Group, arrange

CODE = {"commit": "a" * 40, "versions": {"torch": "2.0", "numpy": "1.0"}}


def groups(root: Path, first: dict[str, Any], *others: dict[str, Any]) -> tuple[Group, ...]:
    for number, given in enumerate((first, *others)):
        make_run(root / f"run{number}", **{"seed": number + 1, **given})
    return arrange(collect(root), root).groups


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"meta": "e" * 64}, "2 groups that can't be compared with each other, they differ in meta: mmmmmmmm, eeeeeee"),
        ({"fold": 3}, "they differ in fold: 0, 3"),
        ({"epochs": 50}, "they differ in epoch budget: 2, 50"),
        ({"dataset": "other"}, "they differ in data set: tiny, other"),
        ({"fold": 1, "epochs": 9}, "they differ in fold: 0, 1; epoch budget: 2, 9"),
        ({"about": {"dataset_sha256": "f" * 64}}, "ffffffff"),
    ],
)
def test_what_forbids_a_comparison_keeps_runs_apart(tmp_path: Path, other: dict[str, Any], words: str) -> None:
    apart = groups(tmp_path, {}, other)
    assert [len(strategy.runs) for group in apart for strategy in group.strategies] == [1, 1]
    assert words in str(groups_apart(apart))


@pytest.mark.parametrize("other", [{}, {"lr": 0.5}, {"loss": "dice"}, {"about": CODE}])
def test_what_does_not_forbid_it_keeps_them_together(tmp_path: Path, other: dict[str, Any]) -> None:
    together = groups(tmp_path, {}, other)
    assert len(together) == 1
    assert groups_apart(together) is None


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"commit": "b" * 40}, "its trials were run by 2 commits (aaaaaaaa, bbbbbbbb)"),
        ({"versions": {"torch": "2.1", "numpy": "1.0"}}, "run by different versions of torch;"),
        ({"versions": ["torch"]}, "different versions of numpy, torch;"),
        ({"versions": None, "commit": None}, "2 commits (aaaaaaaa, unknown) and different versions of numpy, torch;"),
    ],
)
def test_code_that_differs_is_told(tmp_path: Path, other: dict[str, Any], words: str) -> None:
    (group,) = groups(tmp_path, {"about": CODE}, {"about": {**CODE, **other}})
    assert words in str(mixed_versions(group))


@pytest.mark.parametrize("about", [CODE, None])
def test_the_same_code_or_none_known_is_no_news(tmp_path: Path, about: dict[str, Any] | None) -> None:
    (group,) = groups(tmp_path, {"about": about}, {"about": about})
    assert mixed_versions(group) is None


def test_the_report_says_both(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "runs"
    groups(runs, {"about": CODE}, {"about": {**CODE, "commit": "b" * 40}}, {"fold": 3})
    report(collect(runs), runs, tmp_path / "out", None)
    written = (tmp_path / "out" / "report.md").read_text()
    for text in (capsys.readouterr().out, written):
        assert "they differ in fold: 0, 3" in text
        assert "run by 2 commits (aaaaaaaa, bbbbbbbb)" in text


def test_halved_batches_are_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, out = tmp_path / "runs", tmp_path / "out"
    groups(runs, {"batch_size": 8}, {"batch_size": 8, "about": {"micro_batch": 4}}, {"loss": "dice", "batch_size": 8})
    report(collect(runs), runs, out, None)
    words = "memory was too small for 1 of 3 runs, so that batch norm and losses over a whole batch saw fewer samples "
    for text in (" ".join(capsys.readouterr().out.split()), (out / "report.md").read_text()):
        assert f"{words}at a time there: run1 (4 of 8)." in text
    rows = csv.DictReader((out / "results.csv").read_text().splitlines())
    assert {row["trial"]: row["micro_batch"] for row in rows} == {"run0": "", "run1": "4", "run2": ""}
    written = (out / "report.md").read_text()
    assert "| trial | strategy | seed | best epoch | epochs | samples at once |" in written
    assert "| run0 | cross_entropy | 1 | 2 | 2 |  |" in written
    assert "| run1 | cross_entropy | 2 | 2 | 2 | 4 |" in written
    page = (out / "report.html").read_text()
    assert words in page
    assert "samples at once" in page


def test_nothing_is_said_of_whole_batches(tmp_path: Path) -> None:
    (group,) = groups(tmp_path / "runs", {"batch_size": 8}, {"batch_size": 8, "micro_batch": 4})
    assert halved_batches(group) is None  # 4 was asked for
    report(collect(tmp_path / "runs"), tmp_path / "runs", tmp_path / "out", None)
    assert "micro_batch" not in (tmp_path / "out" / "results.csv").read_text().splitlines()[0].split(",")
