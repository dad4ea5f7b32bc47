"""An image that comes in bands is counted as one that comes whole, and no more of it is kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_tree import tiny_dataset

from imbseg.metrics.counts import collect, image_confusion
from imbseg.metrics.tally import Tally
from imbseg.predict.curves import Curves
from imbseg.predict.evaluate import _count
from imbseg.predict.predictor import Labelled
from imbseg.windows.pixels import Array

HEIGHT, WIDTH = 203, 151  # calibration counts every third row and column


@pytest.mark.parametrize("cuts", [[], [1], [2, 5, 100], list(range(1, HEIGHT))])
def test_bands_are_counted_as_the_whole_image(cuts: list[int], tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    classes = len(dataset.classes)
    rng = np.random.default_rng(4)
    logits = torch.from_numpy(rng.normal(size=(classes, HEIGHT, WIDTH)).astype(np.float32)) * 3
    probabilities = logits.softmax(dim=0).numpy()
    labels = probabilities.argmax(axis=0).astype(np.uint8)
    truth = np.where(rng.random((HEIGHT, WIDTH)) < 0.6, labels, rng.integers(0, classes, (HEIGHT, WIDTH)))
    truth = np.where(rng.random((HEIGHT, WIDTH)) < 0.1, 255, truth).astype(np.uint8)
    whole, curve = Tally(dataset, closely=True), Curves(dataset.class_names)
    whole.add(torch.from_numpy(probabilities).log(), labels, truth, None)
    curve.add(probabilities, truth)
    tally, curves = Tally(dataset, closely=True), Curves(dataset.class_names)
    edges = [0, *cuts, HEIGHT]
    bands = (Labelled(labels[a:b], probabilities[:, a:b]) for a, b in itertools.pairwise(edges))
    confusion = _count(Array(truth), bands, curves, tally)
    np.testing.assert_array_equal(confusion, image_confusion(labels, truth, classes))
    assert tally.sums.keys() == whole.sums.keys() == {"components", "calibration"}
    for name, counted in whole.sums.items():
        np.testing.assert_array_equal(tally.sums[name], counted)
    assert curves.rows() == curve.rows()


def test_confusions_come_one_by_one() -> None:
    alive = []

    def one_by_one():
        for number in range(3):
            alive.append(number)
            yield image_confusion(np.full((2, 2), number % 2), np.zeros((2, 2), np.uint8), 2)

    counts = collect(list("abc"), one_by_one())
    assert counts.confusion.tolist() == [[8, 4], [0, 0]]
    assert counts.tp.tolist() == [[4, 0], [0, 0], [4, 0]]
    assert counts.fn.tolist() == [[0, 0], [4, 0], [0, 0]]
    with pytest.raises(ValueError, match="expected one image or more"):
        collect([], [])
