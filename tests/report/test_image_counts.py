"""Counts of single images that can't be used, or not together: what is left out, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from counted_runs import counted_run, counts_of, random_counts
from run_folders import make_run
from test_image_intervals import OTHER, group, two_strategies

from imbseg.errors import InputError
from imbseg.metrics.counts import save_counts
from imbseg.report.questions import image_intervals
from imbseg.report.questions.image_intervals import NOTHING


def test_images_in_another_order_are_the_same_images(tmp_path: Path) -> None:
    two_strategies(tmp_path / "a")
    two_strategies(tmp_path / "b")
    order = np.random.default_rng(0).permutation(20)
    one = random_counts(102, better=300)
    mixed = counts_of(one.tp[order], one.fp[order], one.fn[order], one.ids[order])
    save_counts(tmp_path / "b/dice2/counts_test.npz", mixed)
    tables = [image_intervals.intervals(group(tmp_path / name), draws=50)[0] for name in "ab"]
    pd.testing.assert_frame_equal(*tables)


def test_runs_without_counts(tmp_path: Path) -> None:
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", **OTHER)
    found, said = image_intervals.intervals(group(tmp_path))
    assert found.empty
    assert said == NOTHING


def test_a_run_without_usable_counts_is_left_out_and_named(tmp_path: Path) -> None:
    two_strategies(tmp_path, seeds=(1, 2, 3, 4, 5))
    (tmp_path / "dice1/counts_test.npz").unlink()
    cut = tmp_path / "dice2/counts_test.npz"
    cut.write_bytes(cut.read_bytes()[:-200])
    save_counts(tmp_path / "plain3/counts_test.npz", random_counts(77))
    save_counts(tmp_path / "plain4/counts_test.npz", random_counts(77, classes=2))
    found, said = image_intervals.intervals(group(tmp_path), draws=50)
    assert "Without counts_test.npz, and so left out of the intervals over test images: dice1." in said
    assert "test images: plain4 (its counts are (20, 2), expected (20, 3) (images, classes)), dice2 (counts" in said
    assert "since counts and scores disagree: plain3 (mIoU recounted 0." in said
    # dice 3, 4, 5 against plain 1, 2, 5: one shared seed, three a side
    assert set(found["seeds"]) == {3}
    assert not found["paired"].any()


def test_masks_that_changed_between_two_runs_are_refused(tmp_path: Path) -> None:
    two_strategies(tmp_path)
    old = random_counts(102, better=300)
    more = np.zeros_like(old.fn)
    more[3, 1], more[7, 2] = 5, 1  # a pixel that the truth of the other runs doesn't have is enough
    shutil.rmtree(tmp_path / "dice2")
    counted_run(tmp_path / "dice2", counts_of(old.tp, old.fp, old.fn + more), seed=2, **OTHER)
    with pytest.raises(InputError, match=r"dice2: the masks of 2 test images changed .*\(image003, image007"):
        image_intervals.intervals(group(tmp_path), draws=50)


def test_counts_cut_short_or_damaged_anywhere_are_a_sentence(tmp_path: Path) -> None:
    two_strategies(tmp_path)
    file = tmp_path / "dice1/counts_test.npz"
    whole = file.read_bytes()
    damaged = [whole[:at] + bytes(40) + whole[at + 40 :] for at in range(60, len(whole) - 200, len(whole) // 40)]
    for content in (*(whole[:length] for length in (0, 1, 100, 400, -1)), *damaged):
        file.write_bytes(content)
        found, said = image_intervals.intervals(group(tmp_path), draws=20)
        assert "Left out of the intervals over test images: dice1 (" in said
        assert set(found["seeds"]) == {2}


@pytest.mark.parametrize("kind", ["fewer", "others", "twice"])
def test_counts_of_other_images_are_refused(tmp_path: Path, kind: str) -> None:
    two_strategies(tmp_path)
    one = random_counts(102, better=300)
    names = {"fewer": one.ids[:19], "others": np.array([f"x{name}" for name in one.ids]),
             "twice": np.array([*one.ids[:19], one.ids[0]])}[kind]  # fmt: skip
    size = len(names)
    save_counts(tmp_path / "dice2/counts_test.npz", counts_of(one.tp[:size], one.fp[:size], one.fn[:size], names))
    with pytest.raises(InputError) as refused:
        image_intervals.intervals(group(tmp_path))
    said = str(refused.value)
    assert f"{tmp_path / 'plain1'} and {tmp_path / 'dice2'}: expected counts of the same test images" in said or (
        f"{tmp_path / 'dice1'} and {tmp_path / 'dice2'}: expected counts of the same test images" in said
    )
    assert f"found 20 and {size} (only in " in said
    assert "\n" not in said
