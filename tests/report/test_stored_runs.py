"""Run folders of every version that wrote them are read: those in tests/stored_runs, a folder a version."""

from __future__ import annotations

from pathlib import Path

from asked import evidence, frames_of

from imbseg.report.questions import answer
from imbseg.runs.collect import FINISHED, collect

STORED = Path(__file__).resolve().parents[1] / "stored_runs"


def test_the_first_runs_of_the_demo_say_what_they_said() -> None:
    """0.1.0 before its settings were declared beside their remedies: crops of 96, 8 epochs."""
    runs = collect(STORED / "first")
    assert [(run.name, run.status) for run in runs] == [
        (f"{kind}_{seed}", FINISHED) for kind in ("plain", "weighted") for seed in (1, 2, 3)
    ]
    asked = evidence(STORED / "first")
    lines = answer.answer(asked, frames_of(asked)).lines
    assert "+0.238 [0.048, 0.428]" in lines[0]
    assert any("hatched_diamond" in line and "+0.314 [0.106, 0.522]" in line for line in lines)
