"""Which images changed most, by hand, and what their panels show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from counted_runs import counts_of
from run_folders import CLASSES, WEIGHTED, make_run
from test_examples import group_of, labelled

from imbseg.errors import InputError
from imbseg.metrics.counts import Counts
from imbseg.predict.close_ups import changed, close_up, panels
from imbseg.report.questions.examples import text_of
from imbseg.runs.best_pair import best_pair
from imbseg.statistics.images import choose


def counts(ids: Sequence[str], tp: Any, fp: Any, fn: Any) -> Counts:
    """Rows an image, columns a class."""
    return counts_of(np.array(tp), np.array(fp), np.array(fn), np.array(ids))


def poles(ids: Sequence[str], found: Sequence[int]) -> Counts:
    """Images of 90 pixels of sky and 10 of pole, of which so many are found."""
    hit = np.array(found)
    nothing = np.zeros_like(hit)
    return counts(ids, np.stack([nothing + 90, nothing, hit], 1), np.stack([10 - hit, nothing, nothing], 1),
                  np.stack([nothing, nothing, 10 - hit], 1))  # fmt: skip


def test_the_images_that_changed_most_by_hand() -> None:
    names = ["e", "d", "c", "b", "a"]
    choice = choose(poles(names, [2, 2, 5, 4, 4]), poles(names, [7, 7, 4, 8, 4]), CLASSES, ["pole"], most=2)
    assert [one.image_id for one in choice.gained] == ["d", "e"]  # both gain .5: by id
    assert [one.image_id for one in choice.lost] == ["c"]
    assert (choice.up, choice.down, choice.same) == (3, 1, 1)
    first = choice.gained[0]
    assert (first.before, first.after, first.change) == (0.2, 0.7, pytest.approx(0.5))
    assert text_of(first) == "IoU 0.20 -> 0.70 (+0.50): pole 0.20 -> 0.70"
    assert text_of(choice.lost[0]) == "IoU 0.50 -> 0.40 (−0.10): pole 0.50 -> 0.40"


def test_the_mean_is_over_the_classes_that_the_truth_shows() -> None:
    # sky 10 / (10 + 10) = .5 -> 15 / (15 + 5) = .75; road is only a false alarm; pole 2 / 10 -> 9 / 10
    before = counts(["a"], [[10, 0, 2]], [[0, 10, 0]], [[10, 0, 8]])
    after = counts(["a"], [[15, 0, 9]], [[0, 90, 0]], [[5, 0, 1]])
    (one,) = choose(before, after, CLASSES, CLASSES).gained
    assert (one.before, one.after) == (pytest.approx(0.35), pytest.approx(0.825))
    assert [(c.name, c.before, c.after) for c in one.classes] == [("pole", 0.2, 0.9), ("sky", 0.5, 0.75)]


def test_an_image_without_the_classes_or_with_a_speck_of_them_is_left_out() -> None:
    before = counts(["none", "speck"], [[9, 0, 0], [2000, 0, 0]], [[0, 0, 0]] * 2, [[0, 0, 0], [0, 0, 1]])
    after = counts(["none", "speck"], [[0, 0, 0], [2000, 0, 1]], [[0, 9, 0], [0, 0, 0]], [[9, 0, 0], [0, 0, 0]])
    choice = choose(before, after, CLASSES, ["pole"])
    assert (choice.gained, choice.lost, choice.up + choice.down + choice.same) == ((), (), 0)
    assert [one.image_id for one in choose(before, after, CLASSES, ["pole"], least=0).gained] == ["speck"]


def test_the_order_of_the_images_may_differ_but_not_the_images() -> None:
    before, after = poles(["a", "b"], [1, 5]), poles(["b", "a"], [5, 4])
    assert [text_of(one) for one in choose(before, after, CLASSES, ["pole"]).gained] == [
        "IoU 0.10 -> 0.40 (+0.30): pole 0.10 -> 0.40"
    ]
    with pytest.raises(InputError, match=r"different images \(2 and 2; only one has b\)"):
        choose(before, poles(["a", "c"], [5, 4]), CLASSES, ["pole"])
    with pytest.raises(InputError, match="other masks of the same images"):
        choose(before, counts(["a", "b"], [[1, 1, 1]] * 2, [[0] * 3] * 2, [[0] * 3] * 2), CLASSES, ["pole"])
    with pytest.raises(InputError, match="classes tree: expected some of sky, road, pole"):
        choose(before, after, CLASSES, ["tree"])


def test_the_best_strategy_and_the_seed_nearest_its_mean(tmp_path: Path) -> None:
    for seed, pole in ((1, 0.6), (2, 0.3), (3, 0.1)):  # the mean gain is .233: seed 2 with .2
        make_run(tmp_path / f"plain{seed}", test=(0.8, 0.6, 0.1), seed=seed)
        make_run(tmp_path / f"weighted{seed}", test=(0.8, 0.6, pole), seed=seed, **WEIGHTED)
    make_run(tmp_path / "focal1", test=(0.9, 0.9, 0.3), seed=1, loss="focal")
    pair = best_pair(group_of(tmp_path))
    assert (pair.strategy, pair.score, pair.seeds) == ("weighted_cross_entropy", "tail", 3)
    assert (pair.before.name, pair.after.name) == ("plain2", "weighted2")


def test_a_close_up_holds_what_changed_in_its_middle() -> None:
    changes = np.zeros((300, 600), bool)
    assert close_up(changes) == (0, 0, 600, 300)
    changes[140:150, 310:330] = True
    assert close_up(changes) == (219, 94, 200, 100)  # a third of each side; the middle is (319, 144)
    changes[0, 0] = changes[299, 599] = True  # two pixels far away count little
    assert close_up(changes) == (219, 94, 200, 100)
    changes[::10] = True
    assert close_up(changes) == (0, 0, 600, 300)
    corner = np.zeros((300, 600), bool)
    corner[299, 0] = True
    assert close_up(corner) == (0, 200, 200, 100)
    assert close_up(np.ones((1, 1), bool)) == (0, 0, 1, 1)


def test_right_wrong_and_missed_pixels_look_different() -> None:
    truth = np.zeros((40, 40), np.uint8)
    truth[:10], truth[10:20], truth[20:30] = 2, 1, 255
    miss, hit = np.zeros_like(truth), np.full_like(truth, 2)
    old, new = labelled("a", truth, miss), labelled("a", truth, hit)
    (image, shown, before, after), window = panels(old, new, {2: (255, 0, 0)})
    assert window == (0, 0, 40, 40)
    assert {one.shape for one in (image, shown, before, after)} == {(320, 320, 3)}
    reddish = [(picture[..., 0] > 200) & (picture[..., 1] < 60) for picture in (shown, before, after)]
    assert reddish[0][:80].all()
    assert not reddish[0][80:].any()
    assert (before[:80] == 255).all()  # missed
    assert not reddish[1].any()
    assert reddish[2][:80].all()  # found
    false_alarm = after[80:160]
    assert 0.2 < (false_alarm == 0).all(axis=2).mean() < 0.5  # striped
    assert reddish[2][80:160].mean() > 0.5
    assert not reddish[2][160:240].any()  # ignored pixels are judged in no way
    assert reddish[2][240:].mean() > 0.5
    grey = before[80:]
    assert (grey[..., 0] == grey[..., 2]).all()  # what isn't in question keeps no colour


def test_what_changed_is_labelled_and_of_the_classes() -> None:
    truth = np.array([[0, 0, 255, 2]], np.uint8)
    before, after = np.array([[0, 0, 0, 0]], np.uint8), np.array([[1, 2, 2, 0]], np.uint8)
    found = changed(labelled("a", truth, before), labelled("a", truth, after), [2])
    assert found.tolist() == [[False, True, False, False]]
