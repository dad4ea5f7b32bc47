"""What was shown, against what was gained: sums, ratios and ranks by hand; older runs without it are left out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from asked import evidence, frames_of
from error_runs import OTHER, WEIGHTED, write_table
from run_folders import make_run

from imbseg.report.evidence import Evidence
from imbseg.report.questions import exposure

CLASSES = ("sky", "road", "car", "sign", "pole")
GAINS = (-0.02, 0.0, 0.05, 0.1, 0.2)


def draws(folder: Path, pixels: tuple[float, ...], pasted: tuple[float, ...] = (), classes=CLASSES) -> None:
    """Two epochs that showed these pixels each."""
    table = {"epoch": [1, 2]} | {f"samples:{name}": [5, 5] for name in classes}
    table |= {f"pixels:{name}": [value, value] for name, value in zip(classes, pixels, strict=True)}
    table |= {f"pasted:{name}": [value, value + 1] for name, value in zip(classes, pasted, strict=False)}
    write_table(folder / "draws.csv", table)


def pair(root: Path, ours: tuple[float, ...], *, gains=GAINS, classes=CLASSES, pasted=()) -> Evidence:
    """A run each of seed 1; the baseline shows 100 pixels of every class an epoch."""
    base = (0.5, 0.5, 0.5, 0.3, 0.1)
    given = {"classes": classes, "tail": classes[-1:]}
    draws(make_run(root / "plain1", test=base, **given), (100,) * 5, classes=classes)
    scores = [one + gain for one, gain in zip(base, gains, strict=True)]
    draws(make_run(root / "weighted1", test=scores, **given, **WEIGHTED), ours, pasted, classes=classes)
    return evidence(root)


def said(asked: Evidence) -> list[str]:
    return exposure.sentences(exposure.pays(asked).dropna(subset="spearman"))


def test_sums_and_ratios_by_hand(tmp_path: Path) -> None:
    group = pair(tmp_path, (50, 100, 150, 200, 400), pasted=(0, 0, 1, 2, 3))
    found = exposure.exposure(group)
    assert list(found.columns) == exposure.COLUMNS
    assert found["class"].tolist() == list(CLASSES)
    assert found["pixels_shown"].tolist() == [100, 200, 300, 400, 800]
    assert found["baseline_pixels_shown"].tolist() == [200] * 5
    assert found["ratio"].tolist() == [0.5, 1, 1.5, 2, 4]
    assert found["instances_pasted"].tolist() == [1, 1, 3, 5, 7]
    assert found["gain"].tolist() == pytest.approx(GAINS)
    pays = exposure.pays(group)
    assert tuple(pays.columns) == ("strategy", "classes", "spearman")
    assert pays.to_numpy().tolist() == [[OTHER, 5, pytest.approx(1.0)]]
    assert exposure.sentences(pays) == [
        "weighted_cross_entropy: classes shown more gained more: Spearman +1.00 over 5 classes."
    ]


def test_a_rank_correlation_by_hand_that_chance_explains(tmp_path: Path) -> None:
    # Ranks of exposure 5 1 2 3 4 against 1 2 3 4 5 of the gain: squares 16 1 1 1 1; 1 - 6 * 20 / (5 * 24) = 0.
    asked = pair(tmp_path, (500, 100, 150, 200, 400))
    assert exposure.pays(asked)["spearman"].tolist() == [pytest.approx(0.0, abs=1e-12)]
    assert "no sure relation of exposure and gain" in said(asked)[0]


def test_what_was_shown_more_may_gain_less(tmp_path: Path) -> None:
    asked = pair(tmp_path, (500, 400, 300, 200, 100))
    assert said(asked) == ["weighted_cross_entropy: classes shown more gained less: Spearman -1.00 over 5 classes."]


@pytest.mark.parametrize(("ours", "gains"), [((100,) * 5, GAINS), ((1, 2, 3, 4, 5), (0.0,) * 5)])
def test_no_correlation_of_what_does_not_vary(tmp_path: Path, ours, gains) -> None:
    asked = pair(tmp_path, ours, gains=gains)
    assert math.isnan(exposure.pays(asked)["spearman"].iloc[0])
    assert said(asked) == []
    assert exposure.section(asked, frames_of(asked)).empty


def test_a_class_that_the_baseline_never_showed_and_one_without_a_score(tmp_path: Path) -> None:
    gains = (math.nan, 0.0, 0.05, 0.1, 0.2)
    pair(tmp_path, (10, 20, 30, 40, 50), gains=gains)
    draws(tmp_path / "plain1", (100, 100, 100, 100, 0))
    found = exposure.exposure(evidence(tmp_path)).set_index("class")
    assert math.isnan(found.loc["pole", "ratio"])
    assert found.loc["pole", "pixels_shown"] == 100
    assert math.isnan(found.loc["sky", "gain"])
    asked = evidence(tmp_path)
    pays = exposure.pays(asked)
    assert pays["classes"].tolist() == [3]
    assert pays["spearman"].tolist() == [pytest.approx(1.0)]
    assert "no sure relation" in said(asked)[0]  # three agree by chance one time in three


@pytest.mark.parametrize("damage", ["missing", "header", "epochs alone", "cut", "gap"])
def test_runs_that_do_not_tell_what_they_showed_are_left_out(tmp_path: Path, damage: str) -> None:
    group = pair(tmp_path, (1, 2, 3, 4, 5))
    file = tmp_path / "plain1" / "draws.csv"
    text = file.read_text()
    damaged = {
        "header": text.splitlines()[0] + "\n", "epochs alone": "epoch\n1\n", "cut": text[:-6],
        "gap": text.replace("100", "", 1),
    }  # fmt: skip
    if damage == "missing":
        file.unlink()
    else:
        file.write_text(damaged[damage])
    found = exposure.exposure(group)
    assert found.empty
    assert list(found.columns) == exposure.COLUMNS
    assert tuple(exposure.pays(group).columns) == ("strategy", "classes", "spearman")
    assert said(group) == []


def test_means_are_over_shared_seeds(tmp_path: Path) -> None:
    pair(tmp_path, (50, 100, 150, 200, 400))
    given = {"classes": CLASSES, "tail": CLASSES[-1:], "seed": 2}
    draws(make_run(tmp_path / "plain2", test=(0.1,) * 5, **given), (300,) * 5)
    draws(make_run(tmp_path / "weighted2", test=(0.3,) * 5, **given, **WEIGHTED), (50,) * 5)
    make_run(tmp_path / "weighted3", test=(0.9,) * 5, **{**given, "seed": 3}, **WEIGHTED)
    found = exposure.exposure(evidence(tmp_path)).set_index("class")
    assert found.loc["pole", ["seeds", "pixels_shown", "baseline_pixels_shown"]].tolist() == [2, 450, 400]
    assert found.loc["pole", "gain"] == pytest.approx(0.2)
    assert found.loc["sky", "gain"] == pytest.approx((-0.02 + 0.2) / 2)
