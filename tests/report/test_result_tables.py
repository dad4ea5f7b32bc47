"""Tables: means and deviations worked by hand, equal digits in CSV and Markdown, hostile names."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import pandas as pd
import pytest
from asked import evidence, sections
from page_reader import read
from run_folders import WEIGHTED, make_run

from imbseg.page.columns import Column
from imbseg.page.content import Table
from imbseg.page.latex import escape
from imbseg.page.markdown import markdown, table_text
from imbseg.page.terminal import aligned, narrowed
from imbseg.report.frames import write_csv
from imbseg.report.questions import strategies
from imbseg.report.write import all_frames, page, report
from imbseg.runs.collect import collect

HOSTILE = ('a,b "quoted"', "<script>alert(1)</script>", "x|y *z* `c` [l](u)", "very_long_" * 20)


@pytest.mark.parametrize(
    ("poles", "row"),
    [
        # mean .3; deviations -.2 -.1 .3: squares .04 + .01 + .09 = .14, / 2 = .07, root .26458
        ((0.1, 0.2, 0.6), ("0.30000", "0.26458", "3")),
        ((math.nan,), ("", "", "0")),
        ((0.4,), ("0.40000", "", "1")),
        ((0.2, 0.4, math.nan), ("0.30000", "0.14142", "2")),  # a class scored in some seeds only says in how many
    ],
)
def test_means_and_deviations_by_hand(tmp_path: Path, poles: tuple[float, ...], row: tuple[str, str, str]):
    for seed, pole in enumerate(poles, 1):
        make_run(tmp_path / str(seed), test=(0.9, 0.5, pole), seed=seed)
    (found,) = strategies.table(evidence(tmp_path)).to_dict("records")
    assert tuple(found[f"test/IoU/pole {what}"] for what in ("mean", "std", "n")) == row
    assert (found["test/head mean"], found["test/head std"]) == ("0.70000", "0.00000" if len(poles) > 1 else "")
    assert (found["seeds"], found["baseline"]) == (" ".join("123"[: len(poles)]), "yes")
    assert found["test/medium mean"] == ""


def test_unfinished_runs_stand_in_the_table_without_numbers(tmp_path: Path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", status="failed", message="loss is nan", seed=2)
    make_run(tmp_path / "c", workers=0)  # the same trial as a
    rows = all_frames([evidence(tmp_path)])["results.csv"].to_dict("records")
    assert [(row["trial"], row["status"], row["test/mIoU"]) for row in rows] == [
        ("a", "finished", "0.50000"),
        ("b", "failed", ""),
        ("c", "duplicate", ""),
    ]
    assert rows[1]["reason"] == "loss is nan (2 of 2 epochs)"


def test_every_section_of_the_page_is_in_markdown_and_on_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    for seed in (1, 2):
        make_run(tmp_path / f"runs/a{seed}", test=(0.9123456, 0.5, 0.1 / seed), seed=seed, counts=(5, 3, 1))
        make_run(tmp_path / f"runs/b{seed}", test=(0.8, 0.4321987, 0.3 / seed), seed=seed, **WEIGHTED)
    make_run(tmp_path / "runs/lost", status="failed", seed=3)
    report(collect(tmp_path / "runs"), tmp_path / "runs", tmp_path / "out", None)
    page = read(tmp_path / "out/report.html")
    text, screen = (tmp_path / "out/report.md").read_text(), capsys.readouterr().out
    tex = (tmp_path / "out/report.tex").read_text()
    assert len(page.headings) > 8
    for title in page.headings:
        assert f"### {title}\n" in text
        assert f"\n{title}\n---" in screen
        assert rf"\subsection*{{{escape(title)}}}" in tex
    for line in [line for line in page.paragraphs if line.endswith((".", "(3 seeds)"))][:12]:
        assert line in screen
        assert " ".join(line.split()) in text.replace("\\", "").replace("&gt;", ">")


def test_hostile_names_stay_in_their_cell(tmp_path: Path):
    make_run(tmp_path / "a", classes=HOSTILE, tail=HOSTILE[:1], test=(0.1, 0.2, 0.3, 0.4))
    asked = evidence(tmp_path)
    frames = all_frames([asked])
    write_csv(tmp_path / "out.csv", frames["results.csv"])
    (row,) = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text()))
    assert [row[f"test/IoU/{name}"] for name in HOSTILE] == ["0.10000", "0.20000", "0.30000", "0.40000"]
    text = markdown(page([asked], frames, tmp_path))
    assert "<script>" not in text
    (table, _) = (one for one in sections(asked, tmp_path)["classes"].tables if one.turned)
    assert {line.replace("\\|", "").count("|") for line in table_text(table).splitlines()} == {3}
    assert [line.split(" | ")[1].rstrip(" |") for line in table_text(table).splitlines()[2:]] == [
        "0.100", "0.200", "0.300", "0.400",
    ]  # fmt: skip


def test_plain_tables_line_up():
    frame = pd.DataFrame({"trial": ["a", "long name"], "mIoU": ["0.5", "0.25"], "none": ["", ""]})
    columns = (Column("trial", "trial"), Column("mIoU", "mIoU", 2), Column("none", "none"))
    assert aligned(Table("", "", frame, columns, by="")).splitlines() == [
        "trial      mIoU",
        "a          0.50",
        "long name  0.25",
    ]


def test_a_narrow_terminal_gets_what_matters_most():
    names = {"trial": False, "val mIoU": True, "val head": True, "test mIoU": False, "seconds": True}
    frame = pd.DataFrame({name: ["long text " * 9 if name == "trial" else "0.123"] for name in names})
    columns = tuple(Column(name, name, -1 if name == "trial" else 3, minor=minor) for name, minor in names.items())
    table = Table("", "", frame, columns, by="")

    def kept(width: int) -> list[str]:
        return [column.name for column in narrowed(table, width).columns]

    assert kept(200) == list(names)
    assert kept(50) == ["trial", "val mIoU", "val head", "test mIoU"]
    assert kept(10) == ["trial", "test mIoU"]
