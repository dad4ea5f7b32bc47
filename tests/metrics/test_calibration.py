"""Calibration by class: bins and errors by hand, and against an implementation of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imbseg.metrics.calibration import BINS, MOST_PIXELS, binned, calibration_counts, calibration_error, spread


def test_bins_and_error_by_hand() -> None:
    # Class 1 gets .9 at ten pixels, of which 6 are of it, and .1 at ten others, of which 1 is.
    given = np.repeat([[0.1, 0.9], [0.9, 0.1]], 10, axis=1)
    truth = np.array([1] * 6 + [0] * 4 + [1] + [0] * 9)
    found = binned(given, truth)
    assert found.shape == (2, 15, 3)
    assert found[1, [1, 13]].tolist() == [[10, 1, pytest.approx(1.0)], [10, 6, pytest.approx(9.0)]]
    assert found[1].sum(axis=0).tolist() == [20, 7, pytest.approx(10.0)]
    # |.9 - .6| at half the pixels and |.1 - .1| at the others; class 0 has the same gaps, in the other bins
    assert calibration_error(found) == pytest.approx([0.15, 0.15])
    assert calibration_error(found[:, 2:]) == pytest.approx([0.0, 0.3])  # the .9 alone: 9 of 10 are of class 0


def test_ends_of_bins_and_certainty() -> None:
    found = binned(np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5]]), np.array([0, 0, 0]))
    assert np.flatnonzero(found[0, :, 0]).tolist() == [0, 7, 14]
    assert found[0, :, 1].tolist() == [1.0 if place in (0, 7, 14) else 0.0 for place in range(BINS)]
    assert calibration_error(found) == pytest.approx([(0 + 1 + 0.5) / 3, (0 + 1 + 0.5) / 3])
    one = np.array([[[[1.0, 1.0, 0.25]]], [[[4.0, 1.0, 3.0]]]])  # (strategies, classes, bins, 3): one pixel, then four
    assert calibration_error(one).tolist() == [[0.75], [0.5]]
    assert calibration_error(one[1, 0]) == 0.5


def test_without_a_pixel_there_is_no_error() -> None:
    logits, mask = torch.zeros(2, 3, 4), np.full((3, 4), 255, np.uint8)
    found = calibration_counts(logits, mask)
    assert found.sum() == 0
    assert np.isnan(calibration_error(found)).all()


def test_ignored_pixels_do_not_count() -> None:
    mask = np.array([[0, 1, 255, 255]], np.uint8)
    logits = torch.tensor([[[2.0, -1.0, 9.0, 9.0]], [[0.0, 1.0, 0.0, 0.0]]])
    found = calibration_counts(logits, mask)
    np.testing.assert_allclose(found, calibration_counts(logits[..., :2], mask[:, :2]))
    assert found[:, :, 0].sum(axis=1).tolist() == [2, 2]
    assert found[:, :, 1].sum(axis=1).tolist() == [1, 1]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40_000), (128, 128), (129, 128), (360, 480), (712, 1072)])
def test_the_grid_is_even_and_small(height: int, width: int) -> None:
    rows, columns = (np.arange(side)[part] for side, part in zip((height, width), spread(height, width), strict=True))
    assert 1 <= len(rows) * len(columns) <= MOST_PIXELS
    assert {int(step) % 2 for step in (*np.diff(rows), *np.diff(columns))} <= {1}
    assert len({*np.diff(rows).tolist(), *np.diff(columns).tolist()}) <= 1
    if height * width <= MOST_PIXELS:
        assert (len(rows), len(columns)) == (height, width)


def by_force(logits: torch.Tensor, mask: np.ndarray) -> np.ndarray:
    """Pixel by pixel."""
    found = np.zeros((len(logits), 15, 3))
    rows, columns = spread(*mask.shape)
    for row in range(*rows.indices(mask.shape[0])):
        for column in range(*columns.indices(mask.shape[1])):
            if mask[row, column] != 255:
                scores = np.exp(logits[:, row, column].numpy().astype(np.float64))
                for label, chance in enumerate(scores / scores.sum()):
                    place = next(one for one in range(15) if chance < (one + 1) / 15 or one == 14)
                    found[label, place] += [1, mask[row, column] == label, chance]
    return found


def test_random_logits_by_force() -> None:
    rng, torch_rng = np.random.default_rng(5), torch.Generator().manual_seed(5)
    total = np.zeros((4, 15, 3))
    for height, width in ((7, 9), (140, 130)):
        logits = 3 * torch.randn(4, height, width, generator=torch_rng)
        mask = rng.choice(np.array([0, 1, 2, 3, 255], np.uint8), (height, width))
        expected = by_force(logits, mask)
        np.testing.assert_allclose(calibration_counts(logits, mask), expected, atol=1e-4)
        total += expected
    shares, means = total[..., 1] / total[..., 0], total[..., 2] / total[..., 0]
    weights = total[..., 0] / total[..., 0].sum(axis=1, keepdims=True)
    assert calibration_error(total) == pytest.approx((weights * abs(shares - means)).sum(axis=1))
