from __future__ import annotations

import math

import numpy as np
import pytest

from imbseg.losses import CLASS_WEIGHTS
from imbseg.losses.class_weights import effective_number, median_frequency

COUNTS = np.array([900, 90, 10, 0])


@pytest.mark.parametrize("name", CLASS_WEIGHTS)
def test_every_scheme_has_mean_one_and_favours_the_rare(name: str) -> None:
    given = {"pixel_counts": COUNTS, "image_pixel_counts": np.array([1000, 1000, 200, 0])}
    weights = CLASS_WEIGHTS.call(name, {**CLASS_WEIGHTS.settings(name), **given})
    assert weights[:3].mean() == pytest.approx(1)
    assert weights[3] == 1  # no pixel: neutral
    assert np.isfinite(weights).all()
    if name != "none":
        assert weights[0] < weights[1] < weights[2]


@pytest.mark.parametrize(
    ("name", "ratio"),
    [
        ("inverse", 90.0),
        ("inverse_sqrt", math.sqrt(90)),
        ("inverse_log", math.log(1.02 + 0.9) / math.log(1.02 + 0.01)),
        # N = 1000 / 3 pixels a class present, beta = 1 - 3 / 1000.
        ("effective_number", (1 - 0.997**900) / (1 - 0.997**10)),
    ],
)
def test_schemes_by_hand(name: str, ratio: float) -> None:
    weights = CLASS_WEIGHTS.call(name, {**CLASS_WEIGHTS.settings(name), "pixel_counts": COUNTS})
    assert weights[2] / weights[0] == pytest.approx(ratio)


def test_schemes_at_counts_of_one() -> None:
    # N = 2, beta = 1/2: (1/2) / (1 - 1/2) = 1 and (1/2) / (1 - 1/8) = 4/7, over their mean 11/14.
    np.testing.assert_allclose(effective_number(np.array([1, 3])), [14 / 11, 8 / 11])
    # The one pixel of a class is all of its image, and half of the other's: 1 and 2 over 3/2.
    np.testing.assert_allclose(median_frequency(np.array([1, 1, 0]), np.array([1, 2, 0])), [2 / 3, 4 / 3, 1])


@pytest.mark.parametrize("name", sorted(set(CLASS_WEIGHTS) - {"median_frequency"}))
@pytest.mark.parametrize("counts", [[0, 0], [1, 0], [1, 1], [5, 5]])
def test_schemes_at_counts_of_zero_and_one(name: str, counts: list[int]) -> None:
    weights = CLASS_WEIGHTS.call(name, {**CLASS_WEIGHTS.settings(name), "pixel_counts": np.array(counts)})
    assert weights.tolist() == pytest.approx([1, 1])
