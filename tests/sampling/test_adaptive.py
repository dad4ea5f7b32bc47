"""Adaptive weights by hand, their bounds, and how scores are smoothed."""

from __future__ import annotations

import numpy as np
import pytest

from imbseg.sampling.adaptive import adaptive, smooth
from imbseg.training.draws import asks_confidence, class_scores
from imbseg.trial import Trial

NAN = np.nan
COUNTS = np.array([[9, 0, 0], [9, 1, 0], [9, 1, 1], [0, 0, 0]])


@pytest.mark.parametrize(
    ("scores", "bound", "weights"),
    [
        ([0.9, 0.6, 0.5], 10, [0.2, 0.8, 1, 0.2]),
        ([0.9, 0.6, 0.5], 2, [0.5, 0.8, 1, 0.5]),  # .2 is below the floor of 1/2
        ([0.9, 0.6, 0.5], 1, [1, 1, 1, 1]),
        ([0.2, 0.6, 0.9], 10, [1, 1, 1, 1 / 8]),  # the class that all images show is the worst
        ([0.9, NAN, 0.5], 10, [0.2, 0.6, 1, 0.2]),  # the mean of .1 and .5 is .3
        ([NAN, NAN, NAN], 10, [1, 1, 1, 1]),
        ([1, 1, 1], 10, [1, 1, 1, 1]),
        ([1, 1, 0], 10, [0.1, 0.1, 1, 0.1]),
    ],
)
def test_weights_by_hand(scores: list[float], bound: float, weights: list[float]) -> None:
    np.testing.assert_allclose(adaptive(COUNTS, np.array(scores), adaptive_bound=bound), weights)


def test_the_score_of_a_class_that_the_fold_lacks_changes_nothing() -> None:
    counts = np.array([[9, 0, 0], [9, 1, 0]])
    found = [adaptive(counts, np.array([0.8, 0.5, last]), adaptive_bound=10) for last in (0.0, 1.0, NAN)]
    np.testing.assert_allclose(found, [[0.4, 1]] * 3)


def test_smoothing_by_hand() -> None:
    scores = [np.array([0.1, 0.5, NAN]), np.array([0.4, NAN, NAN]), np.array([0.7, 0.9, NAN])]
    # (1/4 * .1 + 1/2 * .4 + .7) / (7/4), and (1/2 * .5 + .9) / (3/2): the epoch without a score is passed over
    np.testing.assert_allclose(smooth(scores, smoothing=0.5, classes=3), [0.925 / 1.75, 1.15 / 1.5, NAN])
    np.testing.assert_allclose(smooth(scores, smoothing=0.0, classes=3), [0.7, 0.9, NAN])
    assert np.isnan(smooth([], smoothing=0.5, classes=3)).all()


HISTORY = [{"IoU/a": 0.2, "IoU/b": 0.0}, {"IoU/a": 0.6, "IoU/b": 0.0}]
DRAWS = [{"confidence:a": 0.3, "confidence:b": 0.1}]


def test_scores_come_from_where_the_trial_says() -> None:
    validation = Trial(sampling="adaptive", adaptive_smoothing=0.0)
    confidence = Trial(sampling="adaptive", adaptive_from="confidence")
    assert class_scores(validation, "ab", HISTORY, DRAWS, []).tolist() == [0.6, 0]
    np.testing.assert_equal(class_scores(validation, "ab", HISTORY, DRAWS, ["b"]), [0.6, NAN])
    assert class_scores(confidence, "ab", HISTORY, DRAWS, ["b"]).tolist() == [0.3, 0.1]
    assert [asks_confidence(one) for one in (validation, confidence, Trial(adaptive_from="confidence"))] == [
        False, True, False,
    ]  # fmt: skip
