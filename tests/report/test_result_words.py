"""Sentences: the interval by hand, and nothing claimed that isn't shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from run_folders import make_run
from scipy import stats

from imbseg.report.words import sentences
from imbseg.runs.collect import collect
from imbseg.runs.strategies import arrange
from imbseg.statistics.difference import t_interval

WEIGHTED = {"loss": "weighted_cross_entropy", "class_weights": "inverse_sqrt"}


def said(root: Path, plain: Sequence[float], weighted: Sequence[float], first: int = 1, **more) -> str:
    """What is said of runs whose tail scores these values."""
    for start, name, values, settings in ((1, "plain", plain, {}), (first, "weighted", weighted, WEIGHTED)):
        for seed, pole in enumerate(values, start):
            make_run(root / f"{name}{seed}", test=(0.8, 0.6, pole), seed=seed, **settings, **more)
    return "\n".join(sentences(arrange(collect(root), root).groups[0]))


def test_the_interval_is_scipys():
    values = [0.03, 0.05, 0.01, 0.04]
    mean, low, high = t_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert mean == pytest.approx(0.0325)
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_a_gain_beyond_noise(tmp_path: Path):
    # differences .20 .21 .22: mean .21, deviation .01, half width 4.3027 * .01 / sqrt(3) = .0248
    text = said(tmp_path, (0.1, 0.1, 0.1), (0.30, 0.31, 0.32))
    assert "weighted_cross_entropy: higher by +0.210 [+0.185, +0.235] over 3 seeds" in text
    assert "head: no difference beyond noise: +0.000 [+0.000, +0.000]" in text
    assert "baseline 'cross_entropy' (taken by default: the plainest with cross_entropy)" in text


def test_a_loss_beyond_noise(tmp_path: Path):
    assert "lower by -0.210 [-0.235, -0.185]" in said(tmp_path, (0.30, 0.31, 0.32), (0.1, 0.1, 0.1))


def test_within_noise_no_difference_is_claimed(tmp_path: Path):
    text = said(tmp_path, (0.1, 0.2, 0.3), (0.3, 0.2, 0.2))
    assert "no difference beyond noise" in text
    assert "higher" not in text


def test_classes_never_learned_make_no_difference(tmp_path: Path):
    assert "no difference beyond noise: +0.000" in said(tmp_path, (0.0, 0.0), (0.0, 0.0))


def test_one_seed_gives_no_noise_estimate(tmp_path: Path):
    text = said(tmp_path, (0.1,), (0.3,))
    assert "+0.200 on one seed: no noise estimate" in text
    assert "higher" not in text


def test_seeds_that_are_not_shared_are_compared_unpaired_and_it_is_said(tmp_path: Path):
    text = said(tmp_path, (0.1, 0.2), (0.3, 0.5), first=3)
    assert "no difference beyond noise: +0.250 [-0.442, +0.942] over 2 unpaired seeds" in text  # Welch, 1.47 degrees


def test_one_shared_seed_of_several_is_no_pair(tmp_path: Path):
    assert "+0.500 [-3.312, +4.312] over 2 unpaired seeds" in said(tmp_path, (0.1, 0.1), (0.3, 0.9), first=2)
    assert "+0.200 on one unpaired seed" in said(tmp_path / "more", (0.1,), (0.3,), first=2)


def test_without_a_tail_the_mean_of_all_classes_is_told(tmp_path: Path):
    text = said(tmp_path, (0.1, 0.1), (0.4, 0.4), tail=())
    assert "On all classes (mIoU, since no tail is declared, test images)" in text
    assert "higher by +0.100 [+0.100, +0.100] over 2 seeds" in text


def test_a_baseline_alone(tmp_path: Path):
    make_run(tmp_path / "a")
    lines = sentences(arrange(collect(tmp_path), tmp_path).groups[0])
    assert lines == ["tiny, fold 0, up to 2 epochs: 'full/mskf/none/none, cross_entropy' is the only strategy; "
                     "there is nothing to hold against it."]  # fmt: skip


def test_several_comparisons_warn_of_chance(tmp_path: Path):
    for seed in (1, 2):
        for name, loss in (("a", "cross_entropy"), ("b", "focal"), ("c", "softmax_focal")):
            make_run(tmp_path / f"{name}{seed}", seed=seed, loss=loss)
    lines = sentences(arrange(collect(tmp_path), tmp_path).groups[0])
    assert lines[-1] == "2 intervals, each for itself: without any effect, one in twenty leaves 0 out by chance."


@pytest.mark.parametrize(
    ("plain", "other", "words"),
    [
        ("none", "label", "Twice the steps an epoch of the baseline: label/none;"),
        ("none", "x2", "Twice the steps an epoch of the baseline: x2/none;"),
        ("x2", "label", None),
    ],
)
def test_a_sampler_that_trains_longer_than_the_baseline_is_named(
    tmp_path: Path, plain: str, other: str, words: str | None
):
    for sampling in (plain, other):
        for seed in (1, 2):
            make_run(tmp_path / f"{sampling}{seed}", seed=seed, sampling=sampling)
    text = "\n".join(sentences(arrange(collect(tmp_path), tmp_path).groups[0]))
    assert words in text if words else "the steps an epoch" not in text


def test_a_baseline_that_trains_longer_is_named(tmp_path: Path):
    for sampling in ("none", "x2"):
        make_run(tmp_path / sampling, sampling=sampling)
    (group,) = arrange(collect(tmp_path), tmp_path, "full/mskf/x2/none").groups
    assert "Half the steps an epoch of the baseline: none/none;" in "\n".join(sentences(group))


def test_whether_the_data_tell_strategies_apart(tmp_path: Path):
    # Means .11 and .31, their deviation .1414; within, .01 each: the ratio is 14.1.
    text = said(tmp_path / "far", (0.10, 0.11, 0.12), (0.30, 0.31, 0.32))
    assert "between strategies over that of seeds within them: 14.1 (strategies move it more than seeds do)." in text
    near = said(tmp_path / "near", (0.10, 0.20, 0.30), (0.11, 0.20, 0.30))
    assert "within them: 0.0 (seeds move it as much as strategies do)." in near
    assert "within them" not in said(tmp_path / "single", (0.1,), (0.2,))
