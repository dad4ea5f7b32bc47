"""The part of the page about sampled settings: absent of a grid; its numbers, sentences and figures of a search."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from run_folders import make_run

from imbseg.report.evidence import Given, evidence_of
from imbseg.report.questions import settings as question
from imbseg.report.write import report
from imbseg.runs.collect import collect
from imbseg.runs.strategies import arrange

LOSSES = ("cross_entropy", "weighted_cross_entropy", "focal")


def search(root: Path, trials: int, *, names: int = 3) -> None:
    """Trials whose tail is .1, .2 or .3 by their loss, and nothing else."""
    rng = np.random.default_rng(1)
    for place in range(trials):
        loss = LOSSES[place % 3]
        given: dict[str, Any] = {"lr": float(10 ** rng.uniform(-4, -2)), "loss": loss}
        given |= {"gamma": float(rng.uniform(1, 4))} if loss == "focal" else {}
        numbers = ("weight_decay", "color", "flip", "momentum", "poly_power")
        given |= {name: float(rng.uniform(0.1, 0.5)) for name in numbers[: names - 2]}
        tail = 0.1 * (1 + place % 3) + 0.001 * float(rng.uniform())
        sources = dict.fromkeys(given, "sampled")
        make_run(root / f"run{place:02}", test=(0.8, 0.6, tail), about={"sources": sources}, **given)


def frames_of(root: Path) -> tuple[Any, dict[str, pd.DataFrame]]:
    (evidence,) = evidence_of(arrange(collect(root), root, None), Given())
    return evidence, {question.TRIALS: question.trials(evidence), question.FILE: question.table(evidence)}


def test_a_search_of_24_trials(tmp_path: Path) -> None:
    search(tmp_path / "runs", 24)
    report(collect(tmp_path / "runs"), tmp_path / "runs", tmp_path / "out", None)
    found = pd.read_csv(tmp_path / "out" / question.FILE)
    assert list(found["score"].unique()) == ["tail", "mIoU"]
    rows = found[found["score"] == "tail"].set_index("setting")
    assert set(rows.index) == {"loss", "gamma", "lr", "weight_decay"}
    assert rows["importance"].sum() == pytest.approx(1)
    assert rows.loc["loss", "p_chance"] <= 0.001
    assert rows.loc["lr", "p_chance"] > 0.05
    trials = pd.read_csv(tmp_path / "out" / question.TRIALS)
    assert len(trials) == 24
    assert trials["setting/gamma"].notna().sum() == 8

    text = (tmp_path / "out" / "report.md").read_text()
    part = text.partition("Sampled settings")[2]
    assert re.search(
        r"Validation tail of 24 trials depends on loss \(explains \d+% of the ranks' variance, p 0\.000", part
    )
    assert "The best trial by validation tail (0.301" in part
    assert "settings.png" in part
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count('data-file="sampled.csv"') >= 24
    assert "weighted_cross_e…" in page


def test_six_trials_can_not_tell(tmp_path: Path) -> None:
    search(tmp_path, 6)
    _, frames = frames_of(tmp_path)
    first = question.sentences(frames[question.TRIALS], frames[question.FILE])[0]
    told = "6 trials can't tell what validation tail depends on: a setting is told apart from chance where it explains"
    assert re.fullmatch(told + r"( \d\d% to)? \d\d% or more of the ranks' variance\.", first)


def test_a_grid_has_no_such_part(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        sources = {"lr": "sampled", "seed": "sampled"}
        make_run(tmp_path / f"a{seed}", seed=seed, lr=0.01, about={"sources": sources})
        make_run(tmp_path / f"b{seed}", seed=seed, lr=0.02, about={"sources": sources})
    evidence, frames = frames_of(tmp_path)
    assert frames[question.TRIALS].empty
    assert frames[question.FILE].empty
    assert question.section(evidence, frames).empty


def test_parallel_coordinates_of_eight_settings(tmp_path: Path) -> None:
    search(tmp_path, 18, names=7)
    evidence, frames = frames_of(tmp_path)
    canvas = question.parallel(evidence, frames)
    lines = [line for line in canvas.axes[0].lines if len(line.get_xdata()) > 2]
    trials = frames[question.TRIALS]
    assert len(lines) == len(trials) == 18
    order = frames[question.FILE].query("score == 'tail'")["setting"].tolist()
    assert len(order) == 8
    titles = [text.get_text() for text in canvas.axes[0].texts if text.get_position()[1] > 1]
    assert titles == [*reversed(order), "validation tail"]
    # The last line drawn is the best trial's, and ends at the top; a branch's setting is a gap for the others.
    best = trials.loc[trials["tail"].idxmax()]
    heights = dict(zip(titles, lines[-1].get_ydata(), strict=True))
    assert heights["validation tail"] == 1.0
    rates = np.log10(trials["setting/lr"].astype(float))
    expected = (np.log10(best["setting/lr"]) - rates.min()) / (rates.max() - rates.min())
    assert heights["lr"] == pytest.approx(expected)
    assert np.isfinite(heights["gamma"])
    assert sum(np.isnan(np.array(line.get_ydata(), float)).any() for line in lines) == 12


def test_slices_have_a_color_a_loss(tmp_path: Path) -> None:
    search(tmp_path, 18)
    evidence, frames = frames_of(tmp_path)
    canvas = question.slices(evidence, frames)
    assert [axis.get_xlabel() for axis in canvas.axes] == ["gamma", "lr", "weight_decay"]
    assert {text.get_text() for text in canvas.legends[0].texts} == set(LOSSES)
    by_loss = {line.get_label(): line for line in canvas.axes[1].lines}
    own = frames[question.TRIALS].query("`setting/loss` == 'focal'")
    assert by_loss["focal"].get_ydata().tolist() == own["tail"].tolist()
    assert by_loss["focal"].get_xdata().tolist() == own["setting/lr"].tolist()


def test_choices_of_numbers_stand_in_their_order_and_a_single_number_in_the_middle(tmp_path: Path) -> None:
    for place in range(6):
        given: dict[str, Any] = {"lr": 0.001 * (place + 1), "batch_size": (16, 4, 8)[place % 3]}
        given |= {"loss": "focal", "gamma": 1.5} if place == 1 else {"loss": "dice"}
        make_run(tmp_path / f"run{place}", about={"sources": dict.fromkeys(given, "sampled")}, **given)
    evidence, frames = frames_of(tmp_path)
    heights = {text.get_text(): text.get_position()[1] for text in question.parallel(evidence, frames).axes[0].texts}
    assert heights["4"] < heights["8"] < heights["16"]
    assert heights["1.5"] == 0.5
