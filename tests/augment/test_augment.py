from __future__ import annotations

import cv2
import numpy as np
import pytest

from imbseg.augment.geometry import Geometry, draw_geometry, pad, resize_image, warp_image, warp_mask
from imbseg.augment.photometry import Normalisation, apply_color, color_matrix, draw_color, to_picture

NEUTRAL = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def numbered(height: int, width: int) -> np.ndarray:
    return np.arange(height * width, dtype=np.uint8).reshape(height, width)


def test_nothing_drawn_nothing_changed() -> None:
    mask = numbered(6, 8)
    same = Geometry((1.0, 1.0), (0, 0), False, (8, 6))
    np.testing.assert_array_equal(warp_mask(mask, same), mask)
    image = np.dstack([mask, mask, mask])
    np.testing.assert_array_equal(warp_image(image, same), image)


def test_flip_crop_and_padding_by_hand() -> None:
    mask = numbered(2, 3)  # 0 1 2 / 3 4 5
    np.testing.assert_array_equal(warp_mask(mask, Geometry((1.0, 1.0), (0, 0), True, (3, 2))), [[2, 1, 0], [5, 4, 3]])
    np.testing.assert_array_equal(warp_mask(mask, Geometry((1.0, 1.0), (1, 1), False, (2, 1))), [[4, 5]])
    padded = warp_mask(mask, Geometry((1.0, 1.0), (-1, 0), False, (5, 3)))
    np.testing.assert_array_equal(padded, [[255, 0, 1, 2, 255], [255, 3, 4, 5, 255], [255] * 5])


def test_scaling_doubles_every_pixel() -> None:
    mask = numbered(2, 3)
    doubled = warp_mask(mask, Geometry((2.0, 2.0), (0, 0), False, (6, 4)))
    np.testing.assert_array_equal(doubled, mask.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("row", [0, 29])
@pytest.mark.parametrize("column", [0, 39])
def test_an_object_of_one_pixel_in_each_corner_moves_with_its_image(row: int, column: int) -> None:
    image, mask = np.zeros((30, 40, 3), np.uint8), np.zeros((30, 40), np.uint8)
    image[row, column], mask[row, column] = 250, 1
    geometry = Geometry((1.0, 1.0), (-3, -5), True, (48, 48))
    moved, target = warp_image(image, geometry), warp_mask(mask, geometry)
    assert (target == 1).sum() == 1
    np.testing.assert_array_equal(moved[target == 1], [[250, 250, 250]])


def test_image_and_mask_stay_aligned_at_any_scale() -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros((90, 120), np.uint8)
    mask[30:60, 40:90] = 1
    image = np.where(mask[..., None] == 1, 200, 20).astype(np.uint8).repeat(3, axis=2)
    for _ in range(50):
        geometry = draw_geometry(rng, (120, 90), resize=None, crop=(64, 64), scale=(0.2, 3.0), flip=0.5)
        moved, target = warp_image(image, geometry)[..., 0], warp_mask(mask, geometry)
        known = target != 255
        agree = ((moved > 110) == (target == 1))[known]
        assert agree.mean() > 0.97


@pytest.mark.parametrize("scale", [(0.2, 0.5), (0.5, 1.0), (1.0, 3.0)])
def test_cutting_the_scaled_image_and_warping_the_crop_alone_agree(
    scale: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    y, x = np.mgrid[:90, :120]
    image = np.dstack([x * 2, y * 2, x + y]).astype(np.uint8)  # slopes of 1 and 2 a pixel
    mask = ((x // 7 + y // 7) % 5).astype(np.uint8)
    rng = np.random.default_rng(3)
    agree = []
    for _ in range(20):
        geometry = draw_geometry(rng, (120, 90), resize=None, crop=(64, 48), scale=scale, flip=0.5)
        monkeypatch.setattr("imbseg.augment.geometry.MOST_SCALED", 100)
        cut, cut_mask = warp_image(image, geometry), warp_mask(mask, geometry)
        monkeypatch.setattr("imbseg.augment.geometry.MOST_SCALED", 0)
        warped, warped_mask = warp_image(image, geometry), warp_mask(mask, geometry)
        agree.append((cut_mask == warped_mask).mean())
        np.testing.assert_array_equal(cut_mask == 255, warped_mask == 255)
        inside = cv2.erode((cut_mask != 255).astype(np.uint8), np.ones((3, 3)), borderValue=0) > 0  # off the padding
        assert np.abs(cut.astype(int) - warped)[inside].max(initial=0) <= 1  # rounding
        for made in (cut, warped):
            padded = cv2.erode((cut_mask == 255).astype(np.uint8), np.ones((3, 3))) > 0
            assert (made[padded] == (124, 116, 104)).all()
            assert made.dtype == np.uint8
    assert np.mean(agree) > 0.98  # at scales such as 1/2 a centre lies between two pixels, and either is right


@pytest.mark.parametrize("most", [100, 0])
@pytest.mark.parametrize(("by", "expected"), [(4, [80, 20]), (8, [50])])
def test_an_image_shrunk_below_half_is_averaged_either_way(
    most: int, by: int, expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imbseg.augment.geometry.MOST_SCALED", most)
    rows = np.array([0, 100, 20, 200, 0, 0, 0, 80], np.uint8)  # reading bilinearly sees the middle two of each only
    image = np.tile(rows[:, None, None], (1, 16, 3))
    for shape in (image, image.transpose(1, 0, 2).copy()):
        size = (shape.shape[1] // by, shape.shape[0] // by)
        small = warp_image(shape, Geometry((1 / by, 1 / by), (0, 0), False, size))[..., 0]
        assert (small if shape is image else small.T).tolist() == [[value] * (16 // by) for value in expected]


def test_at_half_the_size_an_image_is_averaged_and_above_it_read_bilinearly() -> None:
    image = np.tile(np.array([0, 80, 0, 0], np.uint8)[None, :, None], (4, 1, 3))
    at_half, above = (warp_image(image, Geometry((scale, scale), (0, 0), False, (2, 2))) for scale in (0.5, 0.51))
    assert at_half[0, :, 0].tolist() == [40, 0]
    np.testing.assert_array_equal(above, cv2.resize(image, (2, 2), interpolation=cv2.INTER_LINEAR))


def test_a_scaled_image_of_four_samples_pixels_is_made_whole() -> None:
    geometry = Geometry((1.0, 1.0), (0, 0), False, (4, 2))
    assert [geometry.is_cheap(np.zeros(shape)) for shape in ((4, 8), (2, 16), (3, 11), (11, 3))] == [1, 1, 0, 0]
    assert Geometry((0.01, 0.02), (0, 0), False, (4, 2)).scaled(np.zeros((9, 7))) == (1, 1)


@pytest.mark.parametrize(("shape", "padded"), [((4, 8), (4, 8)), ((3, 8), (4, 8)), ((4, 5), (4, 8)), ((1, 9), (4, 12))])
def test_sides_are_padded_below_and_to_the_right_to_a_multiple(shape: tuple[int, int], padded: tuple[int, int]) -> None:
    mask = np.ones(shape, np.uint8)
    found = pad(mask, 4, 255)
    assert (found.shape, found.dtype, int((found == 1).sum())) == (padded, np.uint8, mask.size)
    assert (found[: shape[0], : shape[1]] == 1).all()
    assert (pad(np.ones((*shape, 3), np.uint8), 4, (9, 8, 7))[shape[0] :] == (9, 8, 7)).all()


def test_draws_stay_in_their_ranges() -> None:
    rng = np.random.default_rng(1)
    drawn = [
        draw_geometry(rng, (100, 80), resize=(50, 40), crop=(32, 32), scale=(0.5, 2), flip=0.25) for _ in range(2000)
    ]
    scales = np.array([geometry.scale[0] for geometry in drawn]) / 0.5
    assert scales.min() > 0.49
    assert scales.max() < 2.01
    assert abs(np.median(scales) - 1) < 0.06  # log-uniform: half below 1
    assert abs(np.mean([geometry.flip for geometry in drawn]) - 0.25) < 0.04
    for geometry in drawn:
        slack = round(geometry.scale[0] * 100) - 32
        assert min(0, slack) <= geometry.offset[0] <= max(0, slack)


def test_a_sample_without_size_is_refused() -> None:
    with pytest.raises(ValueError, match="resize or crop"):
        draw_geometry(np.random.default_rng(0), (9, 9), resize=None, crop=None, scale=(1, 1), flip=0)


def test_resize_averages() -> None:
    image = np.tile(np.array([0, 200], np.uint8), (4, 4))[..., None].repeat(3, axis=2)
    np.testing.assert_array_equal(resize_image(image, (4, 2)), np.full((2, 4, 3), 100))
    assert resize_image(image, (8, 4)) is image


@pytest.mark.parametrize("width", [4, 8])
def test_resize_averages_along_the_side_that_shrinks_also_where_the_other_stays_or_grows(width: int) -> None:
    rows = np.array([0, 100, 20, 200, 0, 0, 0, 80], np.uint8)  # bilinear reading at a quarter sees the middle two only
    image = np.tile(rows[:, None, None], (1, 4, 3))
    expected = np.array([80, 20])[:, None, None].repeat(width, axis=1).repeat(3, axis=2)
    np.testing.assert_array_equal(resize_image(image, (width, 2)), expected)
    turned = resize_image(image.transpose(1, 0, 2).copy(), (2, width))
    np.testing.assert_array_equal(turned, expected.transpose(1, 0, 2))


@pytest.mark.parametrize("height", [1, 5, 64, 65, 130])
def test_neutral_colour_is_only_normalised(height: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (height, 7, 3)).astype(np.uint8)
    normalisation = Normalisation((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    found = apply_color(image, color_matrix(np.ones(3), normalisation))
    expected = (image / 255 - np.array(normalisation[0])) / np.array(normalisation[1])
    np.testing.assert_allclose(found, expected.transpose(2, 0, 1), atol=1e-5)
    np.testing.assert_array_equal(to_picture(found, normalisation), image)
    assert found.flags.c_contiguous
    glaring = to_picture(np.array([9.0, -9.0, 0.5], np.float32)[:, None, None], NEUTRAL)
    assert (glaring.tolist(), glaring.dtype) == ([[[255, 0, 128]]], np.uint8)  # 127.5 rounds to even


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        ([1.5, 1, 1], [0.3, 0.6, 0.9]),  # brightness
        ([1, 0.5, 1], [0.35, 0.45, 0.55]),  # contrast: half way to middle grey
        ([1, 1, 0], [0.3628] * 3),  # no saturation: .299 * .2 + .587 * .4 + .114 * .6
    ],
)
def test_colour_by_hand(factors: list[float], expected: list[float]) -> None:
    matrix = color_matrix(np.array(factors, float), NEUTRAL)
    found = matrix[:, :3] @ (255 * np.array([0.2, 0.4, 0.6])) + matrix[:, 3]
    np.testing.assert_allclose(found, np.array(expected), atol=1e-3)


def test_colour_draws() -> None:
    assert draw_color(np.random.default_rng(0), 0.0).tolist() == [1, 1, 1]
    assert draw_color(np.random.default_rng(3), 0.5).tolist() == (0.5 + np.random.default_rng(3).random(3)).tolist()
    drawn = np.array([draw_color(np.random.default_rng(i), 0.25) for i in range(200)])
    assert drawn.min() > 0.75
    assert drawn.max() < 1.25
