"""Misses against false alarms, and confusions: shares worked out by hand; what can't be paired is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from asked import evidence
from error_runs import HOSTILE, OTHER, PLAIN, WEIGHTED, add_counts, one_pair
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from run_folders import make_run

from imbseg.metrics.counts import collect as put_together
from imbseg.metrics.scores import iou
from imbseg.report.questions import confusion, pixels
from imbseg.statistics.pixels import PROFILE, shared_out

# sky, road, pole. The pole's truth is 10 pixels: found 2, then 6; false alarms of it 2, then 4.
BEFORE = [[50, 0, 2], [0, 30, 0], [8, 0, 2]]
AFTER = [[48, 0, 4], [0, 30, 0], [3, 1, 6]]


def test_parts_of_a_gain_by_hand(tmp_path: Path) -> None:
    found = pixels.effects(one_pair(tmp_path, BEFORE, AFTER))
    assert tuple(found.columns) == ("strategy", "class", "seeds", "gain", "by_false_negatives", "by_false_positives")
    assert found["class"].tolist() == ["sky", "road", "pole"]
    pole = found.iloc[2]
    # IoU 2/12 -> 6/14. Fewer misses first: 6/12 - 2/12, last: 6/14 - 2/14; more false alarms: 2/14 - 2/12, 6/14 - 6/12.
    assert pole["gain"] == pytest.approx(6 / 14 - 2 / 12)
    assert pole["by_false_negatives"] == pytest.approx((4 / 12 + 4 / 14) / 2)
    assert pole["by_false_positives"] == pytest.approx((2 / 14 - 2 / 12 + 6 / 14 - 6 / 12) / 2)
    road = found.iloc[1]  # 30/30 -> 30/31: all of it one false alarm
    assert (road["gain"], road["by_false_negatives"], road["by_false_positives"]) == pytest.approx(
        (-1 / 31, 0, -1 / 31)
    )
    assert set(found["strategy"]) == {OTHER}
    assert pixels.of_effects(found)[:2] == [
        "pole +0.262 (1 seed) with weighted_cross_entropy: fewer false negatives give +0.310, more false positives "
        "−0.048.",
        "road −0.032 (1 seed) with weighted_cross_entropy: 100 % from more false positives.",
    ]


def test_a_gain_whose_parts_agree_is_told_in_per_cent(tmp_path: Path) -> None:
    # The pole: 2/12 -> 5/11, misses (3/12 + 3/11) / 2 = .261 of .288: 91 %
    found = pixels.effects(one_pair(tmp_path, BEFORE, [[51, 0, 1], [0, 30, 0], [5, 0, 5]]))
    assert pixels.of_effects(found)[0] == (
        "pole +0.288 (1 seed) with weighted_cross_entropy: 91 % from fewer false negatives, the rest from fewer false "
        "positives."
    )


@settings(max_examples=60, deadline=None)
@given(arrays(np.int64, (2, 3, 3), elements=st.integers(0, 9)))
def test_parts_sum_to_the_gain_and_know_no_order(both: np.ndarray) -> None:
    truths = both.sum(axis=2)  # (runs, classes)
    both[:, :, 0] += truths.max(axis=0) - truths  # the same truth in both
    one, other = (put_together(["a"], [np.vstack([part, [0, 0, 0]])]) for part in both)
    gain, misses, alarms = shared_out(one, other)
    np.testing.assert_allclose(misses + alarms, gain, atol=1e-12)
    np.testing.assert_allclose(gain, iou(one) - iou(other), atol=1e-12)
    np.testing.assert_allclose(shared_out(other, one), [-gain, -misses, -alarms], atol=1e-12)


def test_means_are_over_the_seeds_that_both_have(tmp_path: Path) -> None:
    for seed, hits in ((1, 4), (2, 8), (3, 9)):
        add_counts(make_run(tmp_path / f"plain{seed}", seed=seed), [[0, 0, 0], [0, 0, 0], [8, 0, 2]])
        folder = make_run(tmp_path / f"weighted{seed}", seed=seed, **WEIGHTED)
        add_counts(folder, [[0, 0, 0], [0, 0, 0], [10 - hits, 0, hits]])
    (tmp_path / "plain3" / "counts_test.npz").unlink()
    add_counts(make_run(tmp_path / "weighted4", seed=4, **WEIGHTED), [[0, 0, 0], [0, 0, 0], [0, 0, 10]])
    found = pixels.effects(evidence(tmp_path)).set_index("class")
    assert found.loc["pole", "seeds"] == 2
    assert found.loc["pole", "gain"] == pytest.approx((0.2 + 0.6) / 2)
    assert found.loc["pole", "by_false_negatives"] == pytest.approx(0.4)
    assert "road" not in found.index  # neither shown nor predicted: no IoU
    assert found.loc["sky", "gain"] == 0  # a false alarm in both: IoU 0


def test_runs_that_counted_another_truth_are_no_pair(tmp_path: Path) -> None:
    group = one_pair(tmp_path, BEFORE, [[51, 0, 2], [0, 30, 0], [8, 0, 2]])
    assert pixels.effects(group).empty
    assert confusion.table(group).empty
    assert len(pixels.profiles(group)) == 6  # which pairs nothing


@pytest.mark.parametrize("damage", ["missing", "cut", "classes"])
def test_a_run_without_counts_is_left_out(tmp_path: Path, damage: str) -> None:
    one_pair(tmp_path, BEFORE, AFTER)
    file = tmp_path / "plain1" / "counts_test.npz"
    if damage == "missing":
        file.unlink()
    elif damage == "cut":
        file.write_bytes(file.read_bytes()[:150])
    else:
        add_counts(file.parent, [[1, 2], [3, 4]])
    group = evidence(tmp_path)
    for columns, table in ((pixels.COLUMNS, pixels.effects(group)), (confusion.COLUMNS, confusion.table(group))):
        assert table.empty
        assert list(table.columns) == columns
    assert pixels.profiles(group)["strategy"].unique().tolist() == [OTHER]


def test_confusions_by_hand(tmp_path: Path) -> None:
    # Two images: the pole stands in both, the sky in the first alone.
    one, other = [[50, 0, 2], [0, 30, 0], [8, 0, 2]], [[0, 0, 0], [0, 9, 1], [0, 10, 0]]
    add_counts(make_run(tmp_path / "plain1"), one, other)
    add_counts(make_run(tmp_path / "weighted1", **WEIGHTED), [[52, 0, 0], [0, 30, 0], [2, 0, 8]], other)
    found = confusion.table(evidence(tmp_path))
    assert list(found.columns) == confusion.COLUMNS
    rows = {(row["truth"], row["prediction"]): row for _, row in found.iterrows()}
    assert set(rows) == {("sky", "pole"), ("road", "pole"), ("pole", "sky"), ("pole", "road")}
    row = rows["pole", "sky"]
    assert (row["baseline_share"], row["strategy_share"], row["change"]) == pytest.approx((8 / 20, 2 / 20, -6 / 20))
    assert (row["baseline_of_prediction"], row["strategy_of_prediction"]) == pytest.approx((8 / 58, 2 / 54))
    assert row["shown_together"] == 1 / 2
    row = rows["sky", "pole"]  # which the strategy no longer does
    assert (row["baseline_share"], row["strategy_share"]) == pytest.approx((2 / 52, 0))
    assert (row["baseline_of_prediction"], row["strategy_of_prediction"]) == pytest.approx((2 / 5, 0))
    assert row["shown_together"] == 1
    assert confusion.sentences(found) == [
        "weighted_cross_entropy: fewer pixels of pole are predicted as sky: 40.0 -> 10.0 % of its pixels; 50 % of the "
        "images with pole also show sky."
    ]


def test_shares_are_pooled_over_seeds_and_a_class_never_predicted_has_no_origin(tmp_path: Path) -> None:
    for seed, wrong in ((1, 1), (2, 3)):
        add_counts(make_run(tmp_path / f"plain{seed}", seed=seed), [[4, 0, 0], [4, 0, 0], [0, 0, 0]])
        folder = make_run(tmp_path / f"weighted{seed}", seed=seed, **WEIGHTED)
        add_counts(folder, [[4 - wrong, wrong, 0], [4, 0, 0], [0, 0, 0]])
    found = confusion.table(evidence(tmp_path)).set_index(["truth", "prediction"])
    row = found.loc["sky", "road"]
    assert (row["baseline_share"], row["strategy_share"], row["strategy_of_prediction"]) == (0, 4 / 8, 1)
    assert np.isnan(row["baseline_of_prediction"])
    assert found.loc[("road", "sky"), "strategy_of_prediction"] == pytest.approx(8 / 12)


def test_class_profile_by_hand(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "plain1", seed=1)
    add_counts(folder, [[50, 0, 2], [0, 0, 0], [8, 0, 2]], [[38, 0, 0], [0, 0, 0], [0, 0, 0]])
    add_counts(
        make_run(tmp_path / "plain2", seed=2), [[52, 0, 0], [0, 0, 0], [6, 0, 4]], [[38, 0, 0], [0] * 3, [0] * 3]
    )
    found = pixels.profiles(evidence(tmp_path))
    assert tuple(found.columns) == ("strategy", "class", "seeds", *PROFILE)
    pole, road = found.iloc[2], found.iloc[1]
    assert (pole["strategy"], pole["class"], pole["seeds"]) == (f"full/mskf/none/none, {PLAIN}", "pole", 2)
    assert (pole["IoU"], pole["precision"], pole["recall"]) == pytest.approx((
        (2 / 12 + 4 / 10) / 2, (2 / 4 + 4 / 4) / 2, (2 / 10 + 4 / 10) / 2))  # fmt: skip
    assert (pole["share"], pole["images_showing"], pole["images"]) == (10 / 100, 1, 2)
    assert np.isnan([road["IoU"], road["precision"], road["recall"]]).all()
    assert pixels.of_profiles(found) == [
        "full/mskf/none/none, cross_entropy: the weakest class is pole (IoU 0.283; 10 % of the pixels, in 1 of 2 "
        "images): false negatives dominate (recall 0.300, precision 0.750)."
    ]


def test_names_of_any_kind(tmp_path: Path) -> None:
    group = one_pair(tmp_path, BEFORE, AFTER, classes=HOSTILE, tail=HOSTILE[2:])
    assert pixels.effects(group)["class"].tolist() == list(HOSTILE)
    text = pixels.of_effects(pixels.effects(group))
    assert text[0].startswith('pixels:x "y" +0.262 (1 seed) with weighted_cross_entropy: ')
    assert set(confusion.table(group)["truth"]) == {HOSTILE[0], HOSTILE[2]}
    confusion.table(group).to_csv(tmp_path / "table.csv", index=False)
    assert set(pd.read_csv(tmp_path / "table.csv")["truth"]) == {HOSTILE[0], HOSTILE[2]}


@pytest.mark.parametrize(
    ("confusion_of_pole", "words"),
    [
        ([[5, 0, 0], [0, 5, 0], [1, 1, 0]], "recall 0, and nothing predicted as it"),
        ([[5, 0, 1], [0, 5, 0], [1, 1, 0]], "recall 0, and only other classes predicted as it"),
        (
            [[5, 0, 2], [0, 5, 0], [2, 0, 1]],
            "as many false negatives as false positives (recall 0.333, precision 0.333)",
        ),
        ([[5, 0, 2], [0, 5, 0], [0, 0, 1]], "false positives dominate (recall 1.000, precision 0.333)"),
    ],
)
def test_what_the_mistakes_of_the_weakest_class_are(tmp_path: Path, confusion_of_pole, words: str) -> None:
    add_counts(make_run(tmp_path / "plain1"), confusion_of_pole)
    (line,) = pixels.of_profiles(pixels.profiles(evidence(tmp_path)))
    assert "the weakest class is pole" in line
    assert line.endswith(f": {words}.")


def test_a_class_of_no_image_is_not_the_weakest(tmp_path: Path) -> None:
    add_counts(make_run(tmp_path / "plain1"), [[5, 1, 1], [0, 5, 0], [0, 0, 0]])  # a false alarm of the pole: IoU 0
    (line,) = pixels.of_profiles(pixels.profiles(evidence(tmp_path)))
    assert "the weakest class is sky (IoU 0.714" in line
