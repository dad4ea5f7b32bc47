"""How much of a gain is a moved prior: shares worked by hand, and nothing told where there is nothing to tell."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asked import evidence, frames_of
from run_folders import WEIGHTED, make_run

from imbseg.page.markdown import table_text
from imbseg.report.frames import write_csv
from imbseg.report.questions import prior, strategies
from imbseg.runs.collect import BROKEN, collect
from imbseg.runs.strategies import arrange


def moved(tail: float, mean: float = 0.5) -> dict[str, float]:
    return {"prior/beta": 0.5, "prior/mIoU": mean, "prior/tail": tail, "test/prior/mIoU": mean, "test/prior/tail": tail}


def rows(root: Path, plain: Sequence[tuple[float, float]], weighted: Sequence[tuple[float, float]]) -> Any:
    """The row on the tail of runs with these scores: (as trained, with the best prior) of each seed."""
    for name, values, settings in (("plain", plain, {}), ("weighted", weighted, WEIGHTED)):
        for seed, (pole, best) in enumerate(values, 1):
            make_run(root / f"{name}{seed}", test=(0.8, 0.6, pole), seed=seed, prior=moved(best), **settings)
    return prior.table(evidence(root)).set_index("score", drop=False).loc["tail"]


def test_the_share_by_hand(tmp_path: Path):
    # gains .20 and .22, mean .21; adjustment alone .10 and .11, mean .105: half. Left with the best priors: .15, .17.
    row = rows(tmp_path, [(0.1, 0.2), (0.1, 0.21)], [(0.3, 0.35), (0.32, 0.38)])
    assert row[["gain", "adjustment_alone", "share", "both_adjusted"]].tolist() == pytest.approx(
        [0.21, 0.105, 0.5, 0.16]
    )
    assert row[["both_adjusted_low", "both_adjusted_high"]].tolist() == pytest.approx([0.033, 0.287], abs=0.0005)
    assert prior.in_words(row) == (
        "Logit adjustment of the baseline, without training: tail 0.100 -> 0.205 (+0.105), 50 % of the gain."
    )


@pytest.mark.parametrize(
    ("plain", "weighted", "words"),
    [
        ([(0.1, 0.2)], [(0.3, 0.3)], "tail 0.100 -> 0.200 (+0.100, one seed), 50 % of the gain."),
        ([(0.1, 0.4)], [(0.3, 0.3)], "tail 0.100 -> 0.400 (+0.300, one seed), 150 % of the gain."),
        ([(0.1, 0.05)], [(0.3, 0.3)], "tail 0.100 -> 0.050 (−0.050, one seed), 0 % of the gain."),
        ([(0.3, 0.4)], [(0.2, 0.3)], "tail 0.300 -> 0.400 (+0.100, one seed); there is no gain to explain."),
        ([(0.1, 0.2), (0.1, 0.2)], [(0.1, 0.2), (0.3, 0.3)], "(+0.100); no share of the gain, which includes 0."),
    ],
)
def test_what_is_told_of_a_gain(tmp_path: Path, plain, weighted, words: str):
    assert prior.in_words(rows(tmp_path, plain, weighted)).endswith(words)


def test_a_gain_of_other_seeds_is_not_shared_out(tmp_path: Path):
    for seed, tail in ((1, 0.1), (2, 0.12), (3, 0.11)):
        make_run(tmp_path / f"a{seed}", test=(0.8, 0.6, tail), seed=seed, prior=moved(tail + 0.02))
    for seed, tail in ((3, 0.15), (4, 0.4), (5, 0.3)):
        make_run(tmp_path / f"b{seed}", test=(0.8, 0.6, tail), seed=seed, prior=moved(tail), **WEIGHTED)
    row = prior.table(evidence(tmp_path)).set_index("score", drop=False).loc["tail"]
    assert math.isnan(row["share"])  # the prior's .02 is of seed 3 alone, the gain of .17 unpaired over all
    assert row["gain"] == pytest.approx(0.85 / 3 - 0.11)
    assert prior.in_words(row).endswith("(+0.020, one seed); no share of the gain, which includes 0.")


def test_one_with_the_correction_and_one_without(tmp_path: Path):
    make_run(tmp_path / "a", prior=moved(0.2))
    make_run(tmp_path / "b", test=(0.8, 0.6, 0.3), **WEIGHTED)
    row = prior.table(evidence(tmp_path)).set_index("score", drop=False).loc["tail"]
    assert math.isnan(row["both_adjusted"])
    assert row["gain"] == pytest.approx(0.2)


def test_the_tables_hold_both_columns(tmp_path: Path):
    for seed, tail in ((1, 0.2), (2, 0.4)):
        make_run(tmp_path / str(seed), seed=seed, prior=moved(tail, mean=0.6))
    asked = evidence(tmp_path)
    (row,) = strategies.table(asked).to_dict("records")
    assert [row[f"test/prior/tail {what}"] for what in ("mean", "std", "n")] == ["0.30000", "0.14142", "2"]
    assert [row[f"val/prior/mIoU {what}"] for what in ("mean", "std", "n")] == ["0.60000", "0.00000", "2"]
    frames = frames_of(asked)
    assert "| 0.600 ± 0.000 | 0.300 ± 0.141 |" in table_text(strategies.section(asked, frames).tables[2])
    write_csv(tmp_path / "runs.csv", frames["results.csv"])
    with (tmp_path / "runs.csv").open(newline="") as handle:
        assert [one["test/prior/tail"] for one in csv.DictReader(handle)] == ["0.20000", "0.40000"]


def test_the_correction_makes_no_strategy_of_its_own(tmp_path: Path):
    make_run(tmp_path / "a", post_hoc="prior", seed=1, prior=moved(0.2))
    make_run(tmp_path / "b", post_hoc="none", seed=2)
    make_run(tmp_path / "c", seed=3)  # made before there was one
    (strategy,) = arrange(collect(tmp_path), tmp_path).groups[0].strategies
    assert len(strategy.runs) == 3
    (row,) = strategies.table(evidence(tmp_path)).to_dict("records")
    assert [row[f"test/prior/tail {what}"] for what in ("mean", "std", "n")] == ["0.20000", "", "1"]


@pytest.mark.parametrize("result", [[0.5], {"test/prior/tail": 1.5}, {"prior/mIoU": "high"}])
def test_a_result_that_is_none_is_broken(tmp_path: Path, result):
    folder = make_run(tmp_path / "a")
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(status | {"result": result}))
    (run,) = collect(tmp_path)
    assert run.status == BROKEN
    assert run.reason.startswith("status.json: result: ")
