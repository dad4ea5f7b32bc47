"""Resizing, cutting, padding and colours of images with other channels than red, green, blue of 8 bits."""

from __future__ import annotations

import numpy as np
import pytest

from imbseg.augment.geometry import Geometry, pad, resize_image, warp_image
from imbseg.augment.photometry import Normalisation, apply_color, color_matrix, draw_color, plain_matrix, to_picture

RGB = Normalisation((0.1, 0.2, 0.3), (0.5, 0.25, 0.2))
WHOLE, TURNED = Geometry((1.5, 1.5), (-3, 4), True, (40, 30)), Geometry((0.4, 0.45), (2, -3), False, (12, 14))
LARGE, SMALL = Geometry((3.0, 3.0), (20, 30), False, (16, 16)), Geometry((0.3, 0.3), (1, 1), True, (4, 4))


def bands(channels: int, kind: str, size: tuple[int, int] = (30, 41)) -> np.ndarray:
    return (np.random.default_rng(2).random((*size, channels)) * 250).astype(kind)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 5, 9])
def test_every_channel_is_warped_as_if_alone(channels: int, kind: str) -> None:
    image, padding = bands(channels, kind), tuple(float(10 * channel) for channel in range(channels))
    for geometry in (WHOLE, TURNED, LARGE, SMALL):
        found = warp_image(image, geometry, padding)
        assert (found.shape, found.dtype) == ((geometry.size[1], geometry.size[0], channels), kind)
        for channel in range(channels):
            three = np.repeat(image[..., channel : channel + 1], 3, axis=2)
            alone = warp_image(three, geometry, (padding[channel],) * 3)[..., 0]
            np.testing.assert_allclose(found[..., channel], alone, atol=4)  # OpenCV's ways for 2 and 3 differ
    assert resize_image(image, (20, 50)).shape == (50, 20, channels)
    wide = pad(image, 32, padding)
    assert wide.shape == (32, 64, channels)
    assert wide[-1, -1].tolist() == list(padding)
    np.testing.assert_array_equal(wide[:30, :41], image)


def test_channels_take_the_means_of_the_kernels_that_they_are_given() -> None:
    four = RGB.widened((0.0,) * 4, (100.0,) * 4, is_color=False, clips=True)
    assert (four.mean, four.std) == ((0.1, 0.2, 0.3, 0.1), (0.5, 0.25, 0.2, 0.5))
    one = RGB.widened((0.0,), (1.0,), is_color=False, clips=True)
    assert one.mean == pytest.approx((0.2,))
    assert RGB.padding == (124, 116, 104)
    assert RGB.widened((100.0,) * 3, (355.0,) * 3, is_color=True, clips=True).padding == (224, 216, 204)


@pytest.mark.parametrize("clips", [True, False])
def test_values_by_hand(clips: bool) -> None:
    """Of the range 100 to 300 the values 50, 200, 400 are 0, .5, 1 (clipped), or -.25, .5, 1.5."""
    two = RGB.widened((100.0, 0.0), (300.0, 100.0), is_color=False, clips=clips)
    image = np.array([[[50, 100], [200, 50], [400, 0]]], np.float32)
    found = apply_color(image, plain_matrix(two), two)[:, 0]
    first = np.array([0, 0.5, 1] if clips else [-0.25, 0.5, 1.5])
    np.testing.assert_allclose(found, [(first - 0.1) / 0.5, (np.array([1, 0.5, 0]) - 0.2) / 0.25], atol=1e-5)


def test_brightness_and_contrast_of_each_channel_by_hand() -> None:
    """Brightness 1.5 of .4 is .6; contrast .5 brings .4 half way to .5, to .45."""
    plain = Normalisation((0.0,) * 2, (1.0,) * 2, (10.0, 20.0), (110.0, 220.0), is_color=False, clips=True)
    matrix = color_matrix(np.array([[1.5, 1.0], [1.0, 0.5]]), plain)
    found = apply_color(np.array([[[50, 100]]], np.float32), matrix, plain)
    np.testing.assert_allclose(found.ravel(), [0.6, 0.45], atol=1e-6)


def test_a_colour_of_16_bits_is_changed_as_one_of_8() -> None:
    deep = RGB.widened((0.0,) * 3, (65535.0,) * 3, is_color=True, clips=False)
    image, factors = bands(3, "uint8", (7, 5)), np.array([1.2, 0.8, 0.7])
    shallow = apply_color(image, color_matrix(factors, RGB))
    found = apply_color(image.astype(np.uint16) * 257, color_matrix(factors, deep), deep)
    np.testing.assert_allclose(found, shallow, atol=1e-5)
    np.testing.assert_array_equal(to_picture(found, deep), to_picture(shallow, RGB))


def test_draws_and_pictures_of_some_channels() -> None:
    drawn = draw_color(np.random.default_rng(3), 0.5, channels=4)
    assert drawn.tolist() == (0.5 + np.random.default_rng(3).random((2, 4))).tolist()
    sample = np.arange(4, dtype=np.float32)[:, None, None] / 10
    plain = Normalisation((0.0,) * 4, (1.0,) * 4, (0.0,) * 4, (1.0,) * 4, is_color=False)
    assert to_picture(sample, plain, (3, 1, 0)).ravel().tolist() == [76, 26, 0]
