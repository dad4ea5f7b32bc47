"""What is said first: the best strategy, its price, what is within noise, and what one more remedy adds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from asked import evidence, frames_of, said
from run_folders import WEIGHTED, make_run

from imbseg.report.questions import statistics
from imbseg.report.questions.answer import Answer, answer
from imbseg.report.questions.strategies import steps
from imbseg.runs.changes import changes

PLAIN = (0.10, 0.11, 0.12)


def add(root: Path, name: str, tails: Sequence[float], head: float = 0.7, **settings: Any) -> None:
    """Runs of one strategy, a seed each; the two head classes score alike."""
    for seed, tail in enumerate(tails, 1):
        make_run(root / f"{name}{seed}", test=(head, head, tail), seed=seed, **settings)


def told(root: Path, baseline: str | None = None) -> Answer:
    asked = evidence(root, baseline)
    return answer(asked, frames_of(asked))


def test_the_best_comes_first_with_what_it_costs(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN)
    add(tmp_path, "b", (0.30, 0.32, 0.31), **WEIGHTED)  # +.20, +.21, +.19: mean .2, deviation .01, half .0248
    add(tmp_path, "c", (0.2, 0.21, 0.22), head=0.69, loss="focal")
    found = told(tmp_path)
    assert (found.score, found.best) == ("tail", "weighted_cross_entropy")
    assert found.lines[:4] == [
        "tail 0.110 -> 0.310 (+0.200 [0.175, 0.225], 3 seeds): weighted_cross_entropy against cross_entropy. "
        "Probability that it isn't above 0: 0.042 % (flat prior).",  # t = 34.6
        "head 0.700 -> 0.700 (+0.000 [0.000, 0.000], 3 seeds): includes 0; minimum detectable effect 0.000. Head not "
        "worse by more than 0.01: holds.",
        "Classes, the largest gains first: pole 0.110 -> 0.310 (+0.200 [0.175, 0.225]); sky 0.700 -> 0.700 (+0.000 "
        "[0.000, 0.000]); road 0.700 -> 0.700 (+0.000 [0.000, 0.000]). Of 3 classes pole is significant after Holm "
        "correction.",
        "Also improved, tail: focal 0.110 -> 0.210 (+0.100 [0.100, 0.100]).",
    ]


LIFTS = (0.30, 0.31, 0.32)
MANY = tuple(((0.08, 0.12, 0.11), {"loss": loss}) for loss in ("focal", "dice", "lovasz", "ohem", "tversky"))
SAID: dict[str, tuple[tuple, tuple[str, ...]]] = {
    "nothing beyond noise": (  # -.02, +.04, +.01
        (((0.08, 0.15, 0.13), WEIGHTED),),
        ("No strategy improves tail beyond noise. The best is tail 0.110 -> 0.120 (+0.010 [",
         "weighted_cross_entropy against cross_entropy; minimum detectable effect 0.098.")),
    "what lowers the tail": (
        ((LIFTS, WEIGHTED), ((0.05, 0.06, 0.07), {"loss": "dice"})),
        ("Lower than the baseline, tail: dice 0.110 -> 0.060 (−0.050 [−0.050, −0.050]).",)),
    "one more remedy on top of what lifts": (  # -.01, +.02, 0 on top
        ((LIFTS, WEIGHTED), ((0.29, 0.33, 0.32), {"sampling": "rare_class", **WEIGHTED})),
        ("On top of none/none, weighted_cross_entropy, sampling rare_class in place of none: tail 0.310 -> 0.313 "
         "(+0.003 [−0.035, 0.041], 3 seeds): includes 0; minimum detectable effect ",)),
    "one seed does not speak for those that have several": (
        (((0.05, 0.06, 0.07), {"loss": "focal"}), ((0.9,), {"loss": "dice"})),
        ("No strategy improves tail. The least is lost with tail 0.110 -> 0.060 (−0.050 [−0.050, −0.050], 3 seeds): "
         "focal against cross_entropy.", "On one seed, so untested, tail: dice 0.100 -> 0.900 (+0.800).")),
    "the correction for many strategies": (  # +.01, +.014, +.016: t = 7.6, p = .017
        (((0.11, 0.124, 0.136), WEIGHTED), *MANY),
        ("tail 0.110 -> 0.123 (+0.013 [0.006, 0.021], 3 seeds): weighted_cross_entropy against cross_entropy; not "
         "significant after Holm correction over 6 strategies.", "Includes 0, tail: ", "; and 2 more; minimum detect")),
}  # fmt: skip


@pytest.mark.parametrize("kind", SAID)
def test_what_is_said_beside_runs_of_the_baseline(tmp_path: Path, kind: str) -> None:
    runs, sentences = SAID[kind]
    add(tmp_path, "a", PLAIN)
    for place, (tails, settings) in enumerate(runs):
        add(tmp_path, f"b{place}", tails, **settings)
    lines = told(tmp_path).lines
    assert all(one in "\n".join(lines) for one in sentences)
    assert sentences[0] in lines[0] or sentences[0].startswith(("Lower", "On top"))


def test_another_loss_is_no_remedy_on_top_of_one(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN)
    add(tmp_path, "b", LIFTS, loss="focal")
    add(tmp_path, "c", (0.25, 0.22, 0.24), loss="dice")
    assert not [line for line in told(tmp_path).lines if line.startswith("On top of")]


def test_the_tail_is_told_class_by_class(tmp_path: Path) -> None:
    groups = {"class_groups": {"tail": ["pole"], "head": ["sky", "road"]}}
    add(tmp_path, "a", PLAIN, about=groups)
    add(tmp_path, "b", (0.11, 0.13, 0.16), about=groups, **WEIGHTED)  # +.01, +.02, +.04
    assert told(tmp_path).lines[2].startswith("Classes of the tail: pole 0.110 -> 0.133 (+0.023 [−0.015, 0.061]). Of 3")


INVERSE = {"class_weights": "inverse", "loss": "weighted_cross_entropy"}


def test_a_cost_to_the_head_is_named(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN)
    for seed, head in ((1, 0.65), (2, 0.66), (3, 0.64)):
        make_run(tmp_path / f"b{seed}", test=(head, head, 0.3), seed=seed, **WEIGHTED)
    assert told(tmp_path).lines[1] == (
        "head 0.700 -> 0.650 (−0.050 [−0.075, −0.025], 3 seeds): excludes 0. Head not worse by more than 0.01: fails."
    )
    asked = evidence(tmp_path, margin=0.08)
    assert answer(asked, frames_of(asked)).lines[1].endswith("Head not worse by more than 0.08: holds.")


def test_full_data_is_a_ceiling_and_no_remedy(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN, imbalance="imbalanced")
    add(tmp_path, "b", (0.30, 0.31, 0.32), imbalance="imbalanced", **WEIGHTED)
    add(tmp_path, "c", (0.50, 0.51, 0.52), imbalance="full")
    found = told(tmp_path, "imbalanced/mskf/none/none, cross_entropy")
    assert "weighted_cross_entropy" in found.best
    assert found.lines[-1] == (
        "For scale, all images in place of the imbalanced ones, tail: full/mskf/none/none, cross_entropy 0.110 -> "
        "0.510 (+0.400 [0.400, 0.400])."
    )


def test_one_seed_is_no_evidence(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN[:1])
    add(tmp_path, "b", (0.3,), **WEIGHTED)
    assert told(tmp_path).lines[:2] == [
        "tail 0.100 -> 0.300 (+0.200, 1 seed): weighted_cross_entropy against cross_entropy.",
        "One seed gives no interval and no test: run two more seeds before believing it.",
    ]


def test_on_one_seed_nothing_may_lift(tmp_path: Path) -> None:
    for loss, tail in (("cross_entropy", 0.5), ("focal", 0.4), ("dice", 0.1)):
        add(tmp_path, loss, (tail,), loss=loss)
    line = told(tmp_path).lines[0]
    assert line == "tail 0.500 -> 0.400 (−0.100, 1 seed): focal against cross_entropy, and no strategy gains."


def test_unpaired_seeds_are_said(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN)
    for seed, tail in ((7, 0.6), (8, 0.7)):
        make_run(tmp_path / f"b{seed}", test=(0.7, 0.7, tail), seed=seed, loss="focal")
    assert "tail 0.110 -> 0.650 (+0.540 [" in told(tmp_path).lines[0]
    assert "] unpaired, 2 seeds): focal" in told(tmp_path).lines[0]


def test_a_score_that_nobody_shares_is_not_told(tmp_path: Path) -> None:
    for seed in (1, 2):
        make_run(tmp_path / f"a{seed}", test=(0.5, 0.4, 0.3), seed=seed)
        make_run(tmp_path / f"b{seed}", test=(0.5, 0.6, float("nan")), seed=seed, loss="focal")
    found = told(tmp_path)
    assert (found.score, found.best) == ("mIoU", "focal")


def test_without_a_tail_the_mean_of_all_classes_is_told(tmp_path: Path) -> None:
    for seed in (1, 2, 3):
        make_run(tmp_path / f"a{seed}", test=(0.5, 0.5, 0.2), tail=(), seed=seed)
        make_run(tmp_path / f"b{seed}", test=(0.5, 0.5, 0.5), tail=(), seed=seed, **WEIGHTED)
    found = told(tmp_path)
    assert found.score == "mIoU"
    assert found.lines[0].startswith("mIoU 0.400 -> 0.500 (+0.100 [0.100, 0.100], 3 seeds): ")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({}, {"sampling": "label"}, [("sampling", "none", "label")]),
        ({"sampling": "label"}, {"sampling": "x2"}, [("sampling", "x2", "label")]),
        ({}, WEIGHTED, [("loss", "cross_entropy", "weighted_cross_entropy")]),
        ({"loss": "dice+0.5*lovasz"}, {"loss": "dice"}, [("loss", "dice", "dice+0.5*lovasz")]),
        ({}, {"sampling": "label", **WEIGHTED}, []),
        ({"lr": 0.1}, {"lr": 0.02}, [("lr", "0.02", "0.1")]),
        (INVERSE, WEIGHTED, [("loss", "weighted_cross_entropy", "weighted_cross_entropy (inverse)")]),
        (INVERSE, {**WEIGHTED, "sampling": "label"}, []),
        ({"copy_paste": "rare", "rare_objects": 60}, {"rare_objects": 60}, [("copy_paste", "none", "rare")]),
    ],
)
def test_pairs_that_differ_in_one_thing(tmp_path: Path, one: dict, other: dict, expected: list) -> None:
    make_run(tmp_path / "one", **one)
    make_run(tmp_path / "other", **other)
    assert [(change.axis, change.before, change.after) for change in changes(evidence(tmp_path).group)] == expected


def test_a_change_is_the_difference_of_the_two(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN)
    add(tmp_path, "b", (0.30, 0.32, 0.31), **WEIGHTED)
    rows = statistics.one_change(evidence(tmp_path))
    tail = rows[rows["score"] == "tail"].iloc[0]
    assert (tail["strategy"], tail["instead_of"]) == ("weighted_cross_entropy", "cross_entropy")
    assert tail["mean"] == pytest.approx(0.2)
    assert tail["p_t_holm"] == tail["p_t"]  # the only change: nothing to correct for


@pytest.mark.parametrize(("plain", "other", "words"), [
    ("none", "label", ["Twice the steps an epoch of the baseline: label/none."]),
    ("none", "x2", ["Twice the steps an epoch of the baseline: x2/none."]),
    ("x2", "none", ["Half the steps an epoch of the baseline: none/none."]),
    ("x2", "label", []),
])  # fmt: skip
def test_a_sampler_that_takes_other_steps_than_the_baseline_is_named(
    tmp_path: Path, plain: str, other: str, words: list[str]
) -> None:
    for sampling in (plain, other):
        make_run(tmp_path / sampling, sampling=sampling)
    lines = steps(evidence(tmp_path, f"full/mskf/{plain}/none").group)
    assert [line[: len(told)] for line, told in zip(lines, words, strict=True)] == words


def test_whether_the_data_tell_strategies_apart(tmp_path: Path) -> None:
    # Means .11 and .31, their deviation .1414; within, .01 each: the ratio is 14.1.
    for name, tails in (("far", (0.30, 0.31, 0.32)), ("near", (0.11, 0.20, 0.30)), ("single", (0.2,))):
        add(tmp_path / name, "a", {"far": (0.10, 0.11, 0.12), "near": (0.10, 0.20, 0.30), "single": (0.1,)}[name])
        add(tmp_path / name, "b", tails, **WEIGHTED)
    far, near, single = (
        statistics.told_apart(evidence(tmp_path / name).group, "tail") for name in ("far", "near", "single")
    )
    assert far == ["Between-strategy SD / seed SD of tail: 14.1 (strategies move it more than seeds do)."]
    assert near == ["Between-strategy SD / seed SD of tail: 0.0 (seed variance dominates)."]
    assert single == []


def test_what_chance_would_mark_is_said_as_expected(tmp_path: Path) -> None:
    add(tmp_path / "runs", "a", PLAIN)
    add(tmp_path / "runs", "b", (0.30, 0.32, 0.31), **WEIGHTED)
    assert (
        "1 of 3 intervals exclude 0, where about 0.15 are expected by chance; 1 is significant after Holm correction."
        in said(evidence(tmp_path / "runs"), tmp_path)
    )


def test_a_baseline_alone(tmp_path: Path) -> None:
    add(tmp_path, "a", PLAIN)
    assert told(tmp_path).lines == (
        "full/mskf/none/none, cross_entropy is the only strategy: there is nothing to compare it with.",
    )
