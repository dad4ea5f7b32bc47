"""Tables of docs/ that a run made say what that run's CSV, or the report, says."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from test_trials_csv import published, weak_groups

from imbseg.results import comparisons

DOCS = Path(__file__).resolve().parents[2] / "docs"
CELLS = ("val/mIoU", "val/head", "val/tail", "val/prior/mIoU", "val/prior/tail", "val/rank/mIoU", "val/rank/tail",
         "test/mIoU", "test/head", "test/tail", "test/prior/tail", "test/rank/tail")  # fmt: skip


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below the line that starts with a heading's first cells."""
    lines = (DOCS / page).read_text(encoding="utf-8").splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith(heading))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def test_the_camvid_cells_are_those_of_the_csv() -> None:
    table = pd.read_csv(DOCS / "camvid_remedies.csv")
    shown = rows("camvid_remedies.md", "| loss, `x2`")
    assert [row[0].strip("`") for row in shown] == table["loss"].tolist()
    for row, (_, run) in zip(shown, table.iterrows(), strict=True):
        assert row[1:] == [f"{run[name]:.3f}" for name in CELLS]


PASTED = [
    ("TRUE_random_x2_FALSE_none", "TRUE_random_x2_TRUE_cnt", False),
    ("TRUE_mskf_cnt_FALSE_none", "TRUE_mskf_cnt_TRUE_cnt", False),
    ("TRUE_random_x2_FALSE_none", "TRUE_random_x2_TRUE_performance", True),
    ("TRUE_mskf_cnt_FALSE_none", "TRUE_mskf_cnt_TRUE_performance", True),
]


@pytest.mark.parametrize("place", range(4))
def test_the_published_pastes_are_those_of_the_report(place: int, tmp_path: Path) -> None:
    baseline, strategy, weak = PASTED[place]
    found = comparisons.table(published(baseline, weak_groups(tmp_path) if weak else None))
    found = found[found["strategy"] == strategy].set_index("score")
    tail, head = found.loc["tail"], found.loc["head"]
    shown = rows("published.md", "| pasted |")[place]
    assert shown[2:] == [
        signed(tail["mean"], 5), span(tail), short(tail["p_t_holm"]), f"{signed(head['mean'], 5)} {span(head)}",
        short(tail["detectable"]),
    ]  # fmt: skip


COMPARED = [
    ("TRUE_random_x2_FALSE_none", "TRUE_mskf_x2_FALSE_none"),
    ("FALSE_random_x2_FALSE_none", "FALSE_mskf_x2_FALSE_none"),
    ("TRUE_mskf_x2_FALSE_none", "TRUE_mskf_cnt_FALSE_none"),
    ("TRUE_mskf_x2_FALSE_none", "TRUE_skf_prop_cluster_FALSE_none"),
    ("TRUE_random_x2_TRUE_cnt", "TRUE_mskf_cnt_TRUE_cnt"),
]


@pytest.mark.parametrize("place", range(5))
def test_the_published_splits_and_samplings_are_those_of_the_report(place: int) -> None:
    baseline, strategy = COMPARED[place]
    found = comparisons.table(published(baseline))
    found = found[found["strategy"] == strategy].set_index("score")
    whole, rare = found.loc["mIoU"], found.loc["tail"]
    shown = rows("published.md", "| compared |")[place]
    power = f"{short(whole['detectable'])}, {short(rare['detectable'])}"
    assert shown[1:] == [signed(whole["mean"], 3), span(whole), signed(rare["mean"], 3), span(rare), power]


def short(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1)


def signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("0.", ".", 1)


def span(row: pd.Series) -> str:
    return f"[{short(row['low'])}, {short(row['high'])}]"
