"""What averaging networks gains over each of them, from counts worked by hand."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from imbseg.errors import InputError
from imbseg.metrics.counts import Counts, collect
from imbseg.predict.ensemble import gains, sentences

LETTERS = "abcdefghijklmnopqrstuvwx"
PARTS = {"mIoU": [0, 1], "tail": [1]}
CALM, WILD = Path("runs/calm"), Path("runs/wild")


def counted(hits: list[int], ids: str = "abcdefghijkl") -> Counts:
    """Images of 8 pixels, 4 of each class, of which so many of class 1 are found and none of class 0 are lost."""
    return collect(list(ids), (np.array([[4, 0], [4 - hit, hit], [0, 0]]) for hit in hits))


def test_both_gains_by_hand() -> None:
    both = {CALM: counted([2] * 12), WILD: counted([4, 0] * 6)}
    rows = {row["score"]: row for row in gains(counted([3] * 12), both, PARTS)}
    tail = rows["tail"]  # 3/4 against 2/4 and 2/4
    assert (tail["ensemble"], tail["mean"], tail["best"], tail["best_member"]) == (0.75, 0.5, 0.5, "calm")
    assert (tail["over_mean"], tail["over_best"]) == (0.25, 0.25)
    assert (tail["over_best_low"], tail["over_best_high"]) == pytest.approx((0.25, 0.25))  # alike in every image
    assert float(tail["over_mean_low"]) < 0.2 < 0.3 < float(tail["over_mean_high"])  # `wild` is not
    miou = rows["mIoU"]  # class 0: 4/5 against 4/6 and 4/6
    assert miou["over_mean"] == pytest.approx((4 / 5 + 3 / 4) / 2 - (4 / 6 + 1 / 2) / 2)
    said = list(sentences(list(rows.values())))
    assert said[0].startswith("ensemble: mIoU 0.775, +0.192 [")
    assert said[1].endswith(
        "over the mean of its networks (0.500), +0.250 [0.250, 0.250] over the best of them (0.500)"
    )


def test_members_are_put_in_the_order_of_the_images_and_too_few_have_no_interval() -> None:
    ensemble, hits = counted([3, 1, 2, 0], "abcd"), [0, 2, 1, 3]
    row = gains(ensemble, {CALM: counted(hits, "dcba")}, PARTS)[1]
    assert row["over_mean"] == 0
    assert np.isnan([row["over_mean_low"], row["over_best_high"]]).all()
    assert "nan" not in next(sentences([row]))
    with pytest.raises(InputError, match="its members were counted on other images"):
        gains(ensemble, {CALM: counted(hits, "abce")}, PARTS)


def test_groups_are_drawn_where_there_are_ten() -> None:
    alike = [2] * 24
    for groups, drawn in ((12, "groups"), (3, "images")):
        names = [f"video{number % groups}" for number in range(24)]
        ensemble = dataclasses.replace(counted(alike, LETTERS), groups=np.array(names))
        rows = gains(ensemble, {CALM: counted(alike, LETTERS)}, PARTS)
        assert {row["drawn"] for row in rows} == {drawn}
        assert any("too narrow" in line for line in sentences(rows, grouped=True)) == (drawn == "images")
