"""Shapes against pixels counted by hand, and against other programs' geometry."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from pycocotools import mask as coco_mask

from imbseg.errors import InputError
from imbseg.imports.found import Shape
from imbseg.imports.shapes import corners, covered, decode, packed, points_of

SIZE = (30, 40)


def pixels(kind: str, content: object, line_width: float = 0) -> np.ndarray:
    return decode(covered(Shape("x", kind, content, "here"), SIZE, line_width=line_width, threshold=None))


# Pixel (0, 0) spans 0 to 1. A disc has the pixels whose centre is within: of radius 5 about a corner of pixels, rows of
# 5, 5, 4, 4, 2 in each quarter.
COUNTED = {
    "square": ("polygon", [[(10, 10), (20, 10), (20, 20), (10, 20)]], 100),
    "two rings, 4 pixels shared": ("polygon", [[(0, 0), (4, 0), (4, 4), (0, 4)], [(2, 2), (6, 2), (6, 6), (2, 6)]], 28),
    "over all borders": ("polygon", [[(-9, -9), (99, -9), (99, 99), (-9, 99)]], 1200),
    "over the upper left corner": ("polygon", [[(-5, -5), (3, -5), (3, 2), (-5, 2)]], 6),
    "outside": ("polygon", [[(50, 50), (60, 50), (60, 60)]], 0),
    "a line of no area": ("polygon", [[(3, 3), (9, 3), (3, 3)]], 0),
    "one pixel in the last corner": ("polygon", [[(39, 29), (40, 29), (40, 30), (39, 30)]], 1),
    "triangle, half of 10 x 10 less half its diagonal": ("polygon", [[(0, 0), (10, 0), (0, 10)]], 45),
    "disc": ("ellipse", (20, 15, 5, 5), 80),
    "disc cut by the border": ("ellipse", (0, 15, 5, 5), 40),
    "no radius": ("ellipse", (20, 15, 0, 5), 0),
    "points": ("points", [(10, 10), (30, 20)], 24),  # radius 2: 2 and 1 pixels in a quarter
    "line": ("line", [(2, 5), (12, 5)], 40),
    "line of two equal points": ("line", [(2, 5), (2, 5)], 0),
    "corner of a line": ("line", [(5, 5), (20, 5), (20, 15)], 60 + 40 - 4 + 3),  # and 3 of the round joint
}


@pytest.mark.parametrize("name", COUNTED)
def test_counted_by_hand(name: str) -> None:
    kind, content, count = COUNTED[name]
    assert pixels(kind, content, line_width=4).sum() == count


def test_a_bitmap_stands_where_it_is_put_and_is_cut_at_the_borders() -> None:
    bitmap = np.array([[1, 0, 1], [1, 1, 0]], np.bool_)
    whole = pixels("bitmap", (4, 7, packed(bitmap)))
    assert whole.sum() == 4
    assert (whole[7:9, 4:7] == bitmap).all()
    assert pixels("bitmap", (-1, -1, packed(bitmap)))[0].tolist()[:3] == [True, False, False]
    assert pixels("bitmap", (38, 28, packed(bitmap))).sum() == 3
    assert pixels("bitmap", (70, 28, packed(bitmap))).sum() == 0


@pytest.mark.parametrize("seed", range(5))
def test_polygons_agree_with_matplotlib_up_to_their_outline(seed: int) -> None:
    rng = np.random.default_rng(seed)
    angles, radii = np.sort(rng.uniform(0, 2 * np.pi, 9)), rng.uniform(4, 14, 9)
    ring = np.stack([20 + radii * np.cos(angles), 15 + radii * np.sin(angles)], 1)
    rows, columns = np.indices(SIZE)
    centres = np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5], 1)
    inside = Outline(ring).contains_points(centres).reshape(SIZE)
    mine = pixels("polygon", [ring.tolist()])
    near = Outline([*ring, ring[0]]).contains_points(centres, radius=1) != Outline([*ring, ring[0]]).contains_points(
        centres, radius=-1
    )
    assert mine.sum() > 50
    assert not ((mine != inside).reshape(-1) & ~near).any()


@pytest.mark.parametrize("turned", [0, 30, 90, 135])
def test_an_ellipse_is_pycocotools_polygon_of_many_corners(turned: int) -> None:
    angle, turn = np.linspace(0, 2 * np.pi, 720), np.radians(turned)
    along, across = 12 * np.cos(angle), 6 * np.sin(angle)
    ring = np.stack(
        [20 + along * np.cos(turn) - across * np.sin(turn), 15 + along * np.sin(turn) + across * np.cos(turn)], 1
    )
    theirs = coco_mask.decode(coco_mask.frPyObjects([ring.ravel().tolist()], *SIZE))[..., 0].astype(bool)
    mine = pixels("ellipse", (20, 15, 12, 6, turned))
    assert (mine != theirs).sum() <= 12  # of some 226, on its outline
    assert mine.sum() == pytest.approx(np.pi * 12 * 6, abs=8)


def test_a_box_turned_by_a_quarter_is_as_wide_as_it_was_high() -> None:
    found = pixels("polygon", [corners(10, 10, 20, 14, 90)])
    rows, columns = np.nonzero(found)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 16, 13, 16)
    assert found.sum() == 40


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ([[1, 2], [3, 4]], "expected at least 3 points, found 2"),
        ([[1, 2], [3, 4], [5]], "expected points of two numbers"),
        ([[1, 2], [3, 4], [5, "x"]], "expected points of two numbers"),
        (["12", "34", "56"], "expected points of two numbers"),
        ([[1, 2], [3, 4], [5, float("nan")]], "expected coordinates in pixels, found nan"),
        ([[1, 2], [3, 4], [5, 1e9]], "expected coordinates in pixels, found 1000000000.0"),
    ],
)
def test_broken_points_are_refused(numbers: list, sentence: str) -> None:
    with pytest.raises(InputError, match="here: " + sentence):
        points_of(numbers, 3, "here")
