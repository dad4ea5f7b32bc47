from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics

from imbseg.errors import InputError
from imbseg.metrics import scores
from imbseg.metrics.counts import Counts, collect, image_confusion, load_counts, of_images, save_counts


def count(pairs: list[tuple[list[int], list[int]]], classes: int) -> Counts:
    """Counts of images given as (prediction, truth) rows of pixels."""
    confusions = [image_confusion(np.array([p]), np.array([t]), classes) for p, t in pairs]
    return collect([f"image{i}" for i in range(len(pairs))], confusions)


def test_counts_by_hand() -> None:
    # truth 0 0 1 255, prediction 0 1 1 1: one false alarm of class 1, and one on an ignored pixel.
    counts = count([([0, 1, 1, 1], [0, 0, 1, 255])], 3)
    assert counts.tp.tolist() == [[1, 1, 0]]
    assert counts.fp.tolist() == [[0, 1, 0]]
    assert counts.fn.tolist() == [[1, 0, 0]]
    assert counts.ignored.tolist() == [[0, 1, 0]]
    assert counts.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_scores_by_hand() -> None:
    # Image 0: truth 0 0 1, prediction 0 1 1. Image 1: truth 0 0, prediction 0 1 (class 1 isn't there).
    counts = count([([0, 1, 1, 0], [0, 0, 1, 255]), ([0, 1], [0, 0])], 3)
    found = scores.summary(counts, ["a", "b", "c"], {"head": ["a"], "tail": ["b", "c"], "medium": []})
    assert found["IoU/a"] == pytest.approx(2 / 4)
    assert found["IoU/b"] == pytest.approx(1 / 3)
    assert math.isnan(found["IoU/c"])
    assert found["mIoU"] == pytest.approx((2 / 4 + 1 / 3) / 2)
    assert found["head"] == pytest.approx(2 / 4)
    assert found["tail"] == pytest.approx(1 / 3)
    assert "medium" not in found
    # Image 0: a 1/2, b 1/2; image 1: a 1/2, b isn't in its truth.
    assert found["mIoU_I"] == pytest.approx(1 / 2)
    assert found["mIoU_C"] == pytest.approx(1 / 2)
    # Published: the ignored pixel predicted as a is an error of a: 1/3 in image 0.
    assert found["mIoU_published_val"] == pytest.approx(((1 / 3 + 1 / 2) / 2 + 1 / 2) / 2)
    assert found["mIoU_published_test"] == pytest.approx(((1 / 3 + 1 / 2) / 2 + 1 / 2) / 2)
    assert found["precision/b"] == pytest.approx(1 / 3)
    assert found["recall/b"] == 1
    assert found["Dice/b"] == pytest.approx(2 / 4)
    assert found["pixel_accuracy"] == pytest.approx(3 / 5)
    assert found["classes_scored"] == 2


def test_every_score_of_two_unlike_images_by_hand() -> None:
    # Image 0: truth 0 0 0 1 1 2, prediction 0 0 1 1 0 0. Image 1: truth 0 2, prediction 0 0.
    counts = count([([0, 0, 1, 1, 0, 0], [0, 0, 0, 1, 1, 2]), ([0, 0], [0, 2])], 3)
    found = scores.summary(counts, ["a", "b", "c"], {"head": ["a", "b"], "tail": ["c"]})
    # TP, FP, FN of a 3, 3, 1; of b 1, 1, 1; of c 0, 0, 2; image 0: a 2, 2, 1, b 1, 1, 1, c 0, 0, 1; image 1: a 1, 1, 0
    by_hand = {
        "IoU/a": 3 / 7, "IoU/b": 1 / 3, "IoU/c": 0, "mIoU": (3 / 7 + 1 / 3) / 3, "mIoU_present": (3 / 7 + 1 / 3) / 3,
        "head": (3 / 7 + 1 / 3) / 2, "tail": 0, "precision/a": 1 / 2, "precision/b": 1 / 2, "recall/a": 3 / 4,
        "recall/b": 1 / 2, "recall/c": 0, "Dice/a": 6 / 10, "Dice/b": 1 / 2, "Dice/c": 0, "mDice": 1.1 / 3,
        "mIoU_I": ((2 / 5 + 1 / 3 + 0) / 3 + (1 / 2 + 0) / 2) / 2, "mIoU_C": ((2 / 5 + 1 / 2) / 2 + 1 / 3 + 0) / 3,
        "mIoU_published_val": ((2 / 5 + 1 / 3 + 0) / 3 + (1 / 2 + 0) / 2) / 2,
        "mIoU_published_test": ((2 / 5 + 1 / 2) / 2 + 1 / 3 + 0) / 3,
        "pixel_accuracy": 4 / 8, "images": 2, "classes_scored": 3,
    }  # fmt: skip
    assert math.isnan(found.pop("precision/c"))
    assert found == pytest.approx(by_hand)


def test_a_class_of_one_pixel_counts() -> None:
    counts = count([([0, 1], [0, 1]), ([0, 0], [0, 1])], 2)
    assert scores.image_iou(counts).tolist() == [[1, 1], [0.5, 0]]
    one = scores.summary(count([([0, 0], [0, 1])], 2), ["a", "b"], {})
    assert (one["mIoU_present"], one["mIoU_I"], one["classes_scored"]) == (0.25, 0.25, 2)


def test_a_false_alarm_of_a_class_that_no_image_shows_changes_no_selection() -> None:
    shy, bold = count([([0, 0], [0, 0])], 2), count([([0, 1], [0, 0])], 2)
    one, other = (scores.summary(counts, ["a", "b"], {}) for counts in (shy, bold))
    assert (one["mIoU"], one["mIoU_present"], one["classes_scored"]) == (1, 1, 1)
    assert (other["mIoU"], other["mIoU_present"], other["classes_scored"]) == (0.25, 0.5, 2)


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_an_independent_implementation(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, images = 6, 4
    truth = rng.integers(0, classes - 1, (images, 20, 30))  # the last class is never in the truth
    truth[rng.random(truth.shape) < 0.2] = 255
    prediction = rng.integers(0, classes, truth.shape)
    counts = collect(list("abcd"), [image_confusion(p, t, classes) for p, t in zip(prediction, truth, strict=True)])
    for image in range(images):
        known = truth[image] != 255
        tables = sklearn.metrics.multilabel_confusion_matrix(
            truth[image][known], prediction[image][known], labels=range(classes)
        )
        np.testing.assert_array_equal(counts.tp[image], tables[:, 1, 1])
        np.testing.assert_array_equal(counts.fp[image], tables[:, 0, 1])
        np.testing.assert_array_equal(counts.fn[image], tables[:, 1, 0])
    known = truth != 255
    labels = range(classes)
    matrix = sklearn.metrics.confusion_matrix(truth[known], prediction[known], labels=labels)
    np.testing.assert_array_equal(counts.confusion, matrix)
    found = scores.summary(counts, [f"c{i}" for i in labels], {})
    expected = sklearn.metrics.jaccard_score(truth[known], prediction[known], average=None, labels=labels)
    np.testing.assert_allclose([found[f"IoU/c{i}"] for i in labels], expected)
    assert found["mIoU"] == pytest.approx(expected.mean())


def test_some_images_in_another_order() -> None:
    pairs = [([0, 0], [0, 1]), ([1, 1], [0, 1]), ([1, 0], [1, 255])]
    whole = dataclasses.replace(count(pairs, 2), groups=np.array(["x", "y", "z"]))
    some = of_images(whole, np.array([2, 0]))
    assert some.ids.tolist() == ["image2", "image0"]
    assert some.groups.tolist() == ["z", "x"]
    for name in ("tp", "fp", "fn", "ignored"):
        np.testing.assert_array_equal(getattr(some, name), getattr(whole, name)[[2, 0]])
    np.testing.assert_array_equal(some.confusion, whole.confusion)  # of the whole set
    assert of_images(count(pairs, 2), np.array([1])).groups.size == 0


def test_only_ignored_pixels() -> None:
    found = scores.summary(count([([0, 1], [255, 255])], 2), ["a", "b"], {"tail": ["b"]})
    assert math.isnan(found["mIoU"])
    assert math.isnan(found["tail"])
    assert math.isnan(found["pixel_accuracy"])


@pytest.mark.parametrize(("prediction", "target"), [(2, 0), (-1, 0), (0, 2), (0, -1), (0, 254), (255, 0)])
def test_refuses_what_is_no_class(prediction: int, target: int) -> None:
    with pytest.raises(ValueError, match="no class of 2"):
        image_confusion(np.array([[prediction]]), np.array([[target]]), 2)


def test_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match="one shape"):
        image_confusion(np.zeros((2, 2), int), np.zeros((2, 3), int), 2)


def test_counts_come_back_from_disk(tmp_path: Path) -> None:
    counts = count([([0, 1], [0, 255])], 2)
    save_counts(tmp_path / "counts.npz", counts)
    again = load_counts(tmp_path / "counts.npz")
    np.testing.assert_array_equal(again.tp, counts.tp)
    assert again.ids.tolist() == ["image0"]
    (tmp_path / "counts.npz").write_bytes((tmp_path / "counts.npz").read_bytes()[:100])
    with pytest.raises(InputError, match="can't be read"):
        load_counts(tmp_path / "counts.npz")
