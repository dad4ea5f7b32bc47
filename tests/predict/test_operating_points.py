"""Thresholds by hand; precision and recall along them, against scikit-learn."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_score, recall_score

from imbseg.errors import InputError
from imbseg.predict.curves import Curves
from imbseg.predict.operating_points import Point, decide, keep, kept, read_points, threshold


@pytest.mark.parametrize("recall", [0.01, 0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("pixels", [1, 2, 10, 997])
def test_the_wanted_recall_is_met_within_a_pixel(recall: float, pixels: int) -> None:
    values = np.random.default_rng(pixels).random(pixels).astype(np.float32)
    found = float((values >= threshold(values, recall)).mean())
    assert recall - 1e-9 <= found < recall + 1 / pixels


def test_labels_with_thresholds_by_hand() -> None:
    #        classes: road, sky, pole (from .2), sign (from .4)
    pixels = [[0.7, 0.1, 0.2, 0.0],  # pole: it reaches .2
              [0.6, 0.15, 0.19, 0.06],  # road
              [0.05, 0.1, 0.15, 0.7],  # sign
              [0.1, 0.2, 0.3, 0.4],  # pole: 1.5 times its own against 1.0
              [0.2, 0.3, 0.15, 0.35]]  # sky: the largest is sign, which doesn't reach .4  # fmt: skip
    probabilities = torch.tensor(pixels).T.reshape(1, 4, 1, 5)
    assert decide(probabilities, {2: 0.2, 3: 0.4}).flatten().tolist() == [2, 0, 3, 2, 1]
    assert decide(probabilities, {3: 0.4}).flatten().tolist() == [0, 0, 3, 3, 1]
    assert decide(probabilities, {3: 0.0}).flatten().tolist() == [3, 3, 3, 3, 3]  # 0 is reached by 0


def test_texts_of_operating_points() -> None:
    assert read_points(["pole:recall=.9", "a:b:recall=1"], ["pole", "a:b", "sky"]) == [
        Point("pole", 0.9),
        Point("a:b", 1),
    ]
    for words, message in (
        (["pole:precision=.9"], "expected CLASS:recall=R"),
        (["pole:recall=1.5"], "expected CLASS:recall=R"),
        (["pole:recall=.0"], "expected CLASS:recall=R"),
        (["pol:recall=.9"], "did you mean 'pole'"),
        (["pole:recall=.9", "pole:recall=.8"], "stands there twice"),
        (["pole:recall=.9", "sky:recall=.9"], "every class has one"),
    ):
        with pytest.raises(InputError, match=message):
            read_points(words, ["pole", "sky"])


def test_points_are_kept_for_one_network(tmp_path: Path) -> None:
    (tmp_path / "best.pt").write_bytes(b"one")
    names = ["sky", "pole", "road"]
    assert kept(tmp_path, names) == {}
    keep(tmp_path, {"pole": {"threshold": 0.25}}, names)
    file = keep(tmp_path, {"sky": {"threshold": 0.5}}, names)
    assert kept(tmp_path, names) == {1: 0.25, 0: 0.5}
    with pytest.raises(InputError, match=r"every class would have one, with those of .*points.json \(pole, sky\)"):
        keep(tmp_path, {"road": {"threshold": 0.5}}, names)
    assert kept(tmp_path, names) == {1: 0.25, 0: 0.5}
    with pytest.raises(InputError, match="expected a threshold of some classes"):
        kept(tmp_path, ["sky"])
    for at in (math.nan, -3.0):
        about = json.loads(file.read_text())
        broken = {**about, "points": {"sky": {"threshold": at}}}
        file.write_text(json.dumps(broken))
        with pytest.raises(InputError, match="is no probability"):
            kept(tmp_path, ["sky", "pole"])
    (tmp_path / "best.pt").write_bytes(b"another")
    with pytest.raises(InputError, match="chosen for another network"):
        kept(tmp_path, ["sky", "pole"])
    keep(tmp_path, {"sky": {"threshold": 0.75}}, names)
    assert list(json.loads(file.read_text())["points"]) == ["sky"]


def test_curves_against_scikit_learn() -> None:
    rng, curves = np.random.default_rng(0), Curves(["a", "b", "c"])
    probabilities = rng.dirichlet([1, 1, 1], (30, 20)).transpose(2, 0, 1).astype(np.float32)
    truth = rng.integers(0, 3, (30, 20)).astype(np.uint8)
    truth[0] = 255
    for half in (slice(0, 11), slice(11, 30)):
        curves.add(probabilities[:, half], truth[half])
    labelled, rows = truth != 255, curves.rows()
    for name, threshold_ in (("a", 0.0), ("b", 0.3), ("c", 0.75)):
        index = "abc".index(name)
        truly, reach = truth[labelled] == index, probabilities[index][labelled] >= threshold_
        row = next(one for one in rows if one["class"] == name and one["threshold"] == threshold_)
        assert row["recall"] == pytest.approx(recall_score(truly, reach))
        assert row["precision"] == pytest.approx(precision_score(truly, reach))
