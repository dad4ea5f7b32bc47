"""docs/statistics.md shows the rates of docs/statistics_simulation.csv."""

from __future__ import annotations

import pandas as pd
import pytest
from simulation_table import IMAGES, SEEDS
from test_measured_pages import DOCS, rows, short

STORED = pd.read_csv(DOCS / "statistics_simulation.csv")
HEADINGS = {"false alarm": "type I error", "power": "power"}
CELLS = [(seeds, images) for seeds in SEEDS for images in IMAGES]


def rates(question: str, method: str) -> list[str]:
    found = STORED[(STORED["question"] == question) & (STORED["method"] == method)].set_index(["seeds", "images"])
    return [short(found.loc[cell, "rate"]) for cell in CELLS]


def test_the_coverage_table() -> None:
    shown = rows("statistics.md", "| interval of 95 % |")
    there = STORED[(STORED["question"] == "coverage") & STORED["method"].str.endswith("; an effect")]
    assert [f"{row[0]}; an effect" for row in shown] == list(dict.fromkeys(there["method"]))
    for row in shown:
        method = f"{row[0]}; an effect"
        assert row[2:] == rates("coverage", method)
        promised = set(there[there["method"] == method]["kept"])
        assert promised == ({"yes"} if row[1] == "yes" else {"not promised"})


@pytest.mark.parametrize("question", ["false alarm", "power"])
def test_the_tables_of_tests(question: str) -> None:
    shown = rows("statistics.md", f"| {HEADINGS[question]} |")
    assert [row[0] for row in shown] == list(dict.fromkeys(STORED[STORED["question"] == question]["method"]))
    for row in shown:
        assert row[1:] == rates(question, row[0])
