"""Geometry and remedy apart in a report: the cells it finds, the parts it tells, the cells it asks for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asked import evidence, frames_of, sections
from page_reader import csv_rows, read
from run_folders import CLASSES, WEIGHTED, make_run

from imbseg.report.questions import parts
from imbseg.runs.four_cells import GEOMETRY, four_cells, missing_cells
from imbseg.trial.fields import FIELDS

TODAY = {"architecture": "deeplabv3plus", "decoder_width": None, "decoder_stride": 4, "batch_size": 8}
UNET = {"architecture": "unet", "decoder_width": 96, "decoder_stride": 4, "batch_size": 4}
IN_UNET = "architecture=unet, decoder_width=96, batch_size=4"
PARTS = ("geometry_alone", "remedy_alone", "interaction", "total")
CELLS = {"plain": TODAY, "geometry": UNET, "remedy": TODAY | WEIGHTED, "both": UNET | WEIGHTED}
TAILS = {"plain": (0.10, 0.12), "geometry": (0.11, 0.14), "remedy": (0.20, 0.24), "both": (0.31, 0.35)}


def add(root: Path, name: str, tails: Sequence[float], settings: dict[str, Any], *, gain: float = 0.05) -> None:
    """Runs of one cell, a seed each; logit adjustment adds `gain` to the tail."""
    for seed, tail in enumerate(tails, 1):
        prior = {"test/prior/tail": tail + gain, "test/prior/mIoU": 0.6}
        make_run(root / f"{name}{seed}", test=(0.8, 0.6, tail), seed=seed, prior=prior, **settings)


def trained(root: Path, *without: str) -> Path:
    """Runs of the four cells, fewer those named; adjustment gives the plain ones more."""
    for name in sorted(CELLS.keys() - set(without)):
        add(root, name, TAILS[name], CELLS[name], gain=0.05 if "weighted" in str(CELLS[name]) else 0.1)
    return root


def test_geometry_settings_are_settings_of_a_trial() -> None:
    assert set(GEOMETRY) <= set(FIELDS)
    assert {"architecture", "decoder_stride", "resize", "crop", "batch_size"} <= set(GEOMETRY)


def test_the_parts_of_a_constructed_gain(tmp_path: Path) -> None:
    asked = evidence(trained(tmp_path))
    found = parts.table(asked).set_index("score", drop=False)
    assert [*found.index] == ["mIoU", "head", "tail", *(f"IoU/{name}" for name in CLASSES)]
    tail = found.loc["tail"]
    assert (tail["geometry"], tail["remedy"], tail["seeds"]) == (IN_UNET, "weighted_cross_entropy", 2)
    assert [*tail[[*PARTS]]] == pytest.approx([0.015, 0.11, 0.095, 0.22])  # interaction .10 and .09
    # t(1) at 97.5 % is 12.7062; the interaction's standard error .005
    assert [tail["interaction_low"], tail["interaction_high"]] == pytest.approx([0.0315, 0.1585], abs=1e-4)
    levels = [tail[f"{cell}_level"] for cell in CELLS]
    assert levels == pytest.approx([0.11, 0.125, 0.22, 0.33])
    adjusted = [tail[f"{cell}_adjusted"] for cell in CELLS]
    assert adjusted == pytest.approx([0.21, 0.225, 0.27, 0.38])
    assert tail["interaction_adjusted"] == pytest.approx(0.095)
    assert found["plain_adjusted"].notna().tolist() == [True, False, True, False, False, False]
    for _, row in found.iterrows():
        assert row["geometry_alone"] + row["remedy_alone"] + row["interaction"] == pytest.approx(
            row["total"], abs=1e-14
        )
    assert missing_cells(asked.group) == []


def test_what_is_said_of_it(tmp_path: Path) -> None:
    part = sections(evidence(trained(tmp_path / "runs")), tmp_path)["parts"]
    assert part.said[:4] == [
        f"tail 0.110 -> 0.330 (+0.220 [0.093, 0.347], 2 seeds): weighted_cross_entropy in {IN_UNET}.",
        "+0.015 [−0.049, 0.079] is the geometry alone, +0.110 [−0.017, 0.237] the remedy alone, +0.095 [0.031, 0.159] "
        "their interaction: excludes 0, the remedy gains more there.",
        "With logit adjustment alone: plain 0.110 -> 0.210, geometry 0.125 -> 0.225, remedy 0.220 -> 0.270, "
        "both 0.330 -> 0.380.",
        f"head 0.700 -> 0.700 (+0.000 [0.000, 0.000], 2 seeds): weighted_cross_entropy in {IN_UNET}.",
    ]
    assert part.notes == [parts.NOTE]
    assert (tmp_path / "parts.png").is_file()


def test_seeds_that_do_not_pair_are_said(tmp_path: Path) -> None:
    trained(tmp_path, "both")
    for seed in (8, 9):
        make_run(tmp_path / f"both{seed}", test=(0.8, 0.6, 0.3), seed=seed, **CELLS["both"])
    asked = evidence(tmp_path)
    found = frames_of(asked)["parts_of_gain.csv"]
    assert not found["paired"].any()
    part = parts.section(asked, frames_of(asked))
    assert part.notes == [parts.NOTE, parts.UNPAIRED]
    assert "2 seeds): weighted" in part.said[0]
    assert " unpaired" in part.said[0]


@pytest.mark.parametrize(
    ("without", "cell", "flags"),
    [
        ("geometry", ("the baseline's remedy", IN_UNET), "--architecture unet --decoder_width 96 --batch_size 4"),
        ("remedy", ("weighted_cross_entropy", ""), "--loss weighted_cross_entropy"),
        ("both", ("weighted_cross_entropy", IN_UNET),
         "--architecture unet --decoder_width 96 --batch_size 4 --loss weighted_cross_entropy"),
    ],
)  # fmt: skip
def test_a_cell_that_lacks_is_asked_for_by_its_settings(tmp_path: Path, without: str, cell: Any, flags: str) -> None:
    asked = evidence(trained(tmp_path, without))
    assert four_cells(asked.group) == []
    (one,) = missing_cells(asked.group)
    assert one.flags == flags
    assert one.completes == (f"weighted_cross_entropy in {IN_UNET}",)
    part = parts.section(asked, frames_of(asked))
    assert not part.empty
    where = " in ".join(filter(None, cell))
    assert part.said == [f"Lacking: {where}. Train the baseline's settings with {one.flags}, seeds 1 2."]


def test_a_cell_that_two_gains_need_is_asked_for_once_and_first(tmp_path: Path) -> None:
    trained(tmp_path, "geometry")
    add(tmp_path, "focal", (0.1, 0.1), TODAY | {"loss": "focal"})
    add(tmp_path, "focal_unet", (0.1, 0.1), UNET | {"loss": "focal"})
    add(tmp_path, "dice", (0.1, 0.1), UNET | {"loss": "dice"})
    first, *others = missing_cells(evidence(tmp_path).group)
    assert first.flags == "--architecture unet --decoder_width 96 --batch_size 4"
    assert len(first.completes) == 3
    assert [one.flags for one in others] == ["--loss dice"]


def test_remedies_alone_ask_for_nothing(tmp_path: Path) -> None:
    add(tmp_path, "plain", (0.1, 0.2), TODAY)
    add(tmp_path, "focal", (0.1, 0.2), TODAY | {"loss": "focal"})
    add(tmp_path, "slow", (0.1, 0.2), TODAY | {"lr": 0.001})
    asked = evidence(tmp_path)
    assert missing_cells(asked.group) == []
    assert parts.section(asked, frames_of(asked)).empty


def test_the_report_holds_parts_and_figure_of_several_geometries(tmp_path: Path, command: Any) -> None:
    runs, out = trained(tmp_path / "runs"), tmp_path / "out"
    add(runs, "small", (0.05, 0.06), TODAY | {"batch_size": 2})
    add(runs, "small_both", (0.25, 0.26), TODAY | {"batch_size": 2} | WEIGHTED)
    add(runs, "focal", (0.2, 0.2), UNET | {"loss": "focal"})
    status, said, complained = command("report.py", "--runs", runs, "--out", out)
    assert (status, complained) == (0, "")
    rows = csv_rows(out, "parts_of_gain.csv")
    assert {row["geometry"] for row in rows} == {IN_UNET, "batch_size=2"}
    for row in rows:
        given = [float(row[part]) for part in PARTS]
        assert sum(given[:3]) == pytest.approx(given[3], abs=1e-12)
    assert "Lacking: focal. Train the baseline's settings with --loss focal, seeds 1 2." in said
    assert [row["flags"] for row in csv_rows(out, "cells_to_train.csv")] == ["--loss focal"]
    marks = [mark for mark in read(out / "report.html").marks if mark.file == "parts_of_gain.csv"]
    assert len(marks) == 2 * (3 + 3)  # tail and head; plain and weighted; the baseline's geometry and two more
    for mark in marks:
        assert mark.attributes["data-column"].endswith("_level")
    tails = [(float(rows[one.row][one.attributes["data-column"]]), float(one.attributes["y"])) for one in marks
             if rows[one.row]["score"] == "tail"]  # fmt: skip
    assert [y for _, y in sorted(tails)] == sorted(
        (y for _, y in tails), reverse=True
    )  # the higher, the nearer the top
    assert (out / "parts.svg").is_file()
