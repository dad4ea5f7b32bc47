"""A row of draws.csv by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from imbseg.training.draws import Draws, true_class_probability

TARGET = torch.tensor([[[0, 0], [1, 255]], [[0, 0], [0, 0]]])
LOGITS = torch.zeros(2, 3, 2, 2)
LOGITS[0, 1, 1, 0] = math.log(2)  # the one pixel of class 1: 2 of 1 + 2 + 1


def test_pixels_samples_and_pasted_objects() -> None:
    draws = Draws(["sky", "pole", "bird"], confidence=False)
    draws.add({"target": TARGET, "pasted": torch.tensor([[0, 1, 0], [0, 2, 0]])}, LOGITS)
    draws.add({"target": TARGET[1:], "pasted": torch.tensor([[0, 0, 1]])}, LOGITS[1:])
    assert draws.row(4, images=2) == {
        "epoch": 4, "samples": 3, "images": 2,
        "samples:sky": 3, "samples:pole": 1, "samples:bird": 0,
        "pixels:sky": 10, "pixels:pole": 1, "pixels:bird": 0, "pixels:ignore": 1,
        "pasted:sky": 0, "pasted:pole": 3, "pasted:bird": 1,
    }  # fmt: skip
    assert all(isinstance(value, int) for value in draws.row(4, images=2).values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_confidence_is_the_mean_over_the_pixels_of_a_class(dtype: torch.dtype) -> None:
    np.testing.assert_allclose(true_class_probability(TARGET, LOGITS.to(dtype)), [2, 0.5, 0], rtol=1e-3)
    draws = Draws(["sky", "pole", "bird"], confidence=True)
    draws.add({"target": TARGET}, LOGITS.to(dtype))
    assert draws.row(1, images=2)["confidence:pole"] == pytest.approx(0.5, rel=1e-3)  # of one pixel
    for _ in range(2):
        draws.add({"target": TARGET}, LOGITS.to(dtype))
    row = draws.row(1, images=2)
    assert row["confidence:sky"] == pytest.approx(1 / 3)
    assert row["confidence:pole"] == pytest.approx(0.5, rel=1e-3)
    assert math.isnan(row["confidence:bird"])


def test_only_ignored_pixels() -> None:
    draws = Draws(["sky"], confidence=True)
    draws.add({"target": torch.full((2, 4, 4), 255)}, torch.zeros(2, 1, 4, 4))
    row = draws.row(1, images=1)
    assert (row["samples:sky"], row["pixels:sky"], row["pixels:ignore"]) == (0, 0, 32)
    assert math.isnan(row["confidence:sky"])
