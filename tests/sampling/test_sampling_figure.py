from __future__ import annotations

import numpy as np

from imbseg.sampling.figures import drawn_ratio, sampling_figure

PRESENCE = np.array([[True, True, False], [True, False, False], [True, False, False], [True, False, False]])


def test_an_image_of_half_the_weight_is_drawn_twice_as_often() -> None:
    found = drawn_ratio(PRESENCE, np.array([3.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(found, [1, 2, np.nan])  # 3 of 6 against 1 of 4; the last class is nowhere


def test_weights_of_a_class_and_an_image_together() -> None:
    together = np.array([[1.0, 1, 1, 0], [2, 0, 0, 1], [0, 0, 0, 0]])  # 3, 1, 1 and 1 an image
    np.testing.assert_array_equal(drawn_ratio(PRESENCE, together), drawn_ratio(PRESENCE, np.array([3.0, 1, 1, 1])))


def test_the_figure_has_a_mark_for_each_sampler_and_the_rarest_on_top() -> None:
    weights = {f"s{number}": np.ones(4) for number in range(8)}
    axis = sampling_figure(PRESENCE, weights, ["sky", "pole", "ghost"]).axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == [
        "sky (4 images)", "pole (1 images)", "ghost (0 images)"]  # fmt: skip
    looks = {(line.get_marker(), line.get_color()) for line in axis.lines[:8]}
    assert len(looks) == 8
