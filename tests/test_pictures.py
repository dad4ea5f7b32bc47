"""Contact sheets: every picture whole at its place, captions above, a legend that means what the pictures show."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest

from imbseg.pictures import BLACK, GAP, PALE, PALETTE, WIDTH, Key, Row, distinct_colors, sheet, striped, wrapped


def plain(color: tuple[int, int, int], height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), color, np.uint8)


def place_of(drawn: np.ndarray, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of the rectangle of a colour."""
    rows, columns = np.nonzero((drawn == color).all(axis=2))
    top, left = int(rows.min()), int(columns.min())
    height, width = int(rows.max()) - top + 1, int(columns.max()) - left + 1
    assert len(rows) == height * width
    return top, left, height, width


def test_pictures_stand_whole_in_rows_and_a_long_row_goes_on_below() -> None:
    colors = [(250, number, 7) for number in range(12)]
    pictures = [plain(color, 20 + number, 300 - number) for number, color in enumerate(colors)]
    drawn = np.asarray(sheet("title", [Row(pictures[:7]), Row(pictures[7:], ["a", "b"], "a second row")], []))
    found = [place_of(drawn, color) for color in colors]
    assert [one[2:] for one in found] == [(20 + number, 300 - number) for number in range(12)]
    assert [one[1] for one in found] == [GAP + (300 + GAP) * column for column in [0, 1, 2, 3, 4, 0, 1, 0, 1, 2, 3, 4]]
    assert len({one[0] for one in found[:5]}) == 1
    lines = [found[0], found[5], found[7]]
    for above, below in itertools.pairwise(lines):
        assert below[0] > above[0] + above[2]
    assert drawn.shape[1] <= WIDTH + 2 * GAP


def test_a_caption_stands_above_its_picture() -> None:
    picture = plain((9, 200, 9), 30, 200)
    drawn, bare = (
        np.asarray(sheet("t", [Row([picture, picture], captions)], [])) for captions in (["", "hello"], ["", ""])
    )
    changed = np.argwhere((drawn != bare).any(axis=2))
    top = np.nonzero((drawn == (9, 200, 9)).all(axis=2))[0].min()
    assert changed[:, 0].max() < top
    assert changed[:, 1].min() >= 2 * GAP + 200


def test_a_key_means_the_same_on_the_page_and_in_the_picture() -> None:
    key = Key("pole", (230, 159, 0))
    assert key.css == "#e69f00"
    assert (key.swatch == (230, 159, 0)).all()
    doubted = Key("striped", PALE, BLACK)
    assert doubted.css == "repeating-linear-gradient(135deg, #000000 0 2px, #c8c8c8 2px 4px)"
    assert {tuple(color) for color in doubted.swatch.reshape(-1, 3).tolist()} == {PALE, BLACK}
    shown = np.asarray(sheet("t", [Row([plain((1, 2, 3), 5, 5)])], [key]))
    assert (shown == (230, 159, 0)).all(axis=2).sum() == 10 * 10  # its outline is pale


def test_stripes_cover_a_third_and_leave_the_argument_alone() -> None:
    picture = plain((7, 7, 7), 12, 12)
    assert (striped(picture, BLACK) == 0).all(axis=2).mean() == pytest.approx(1 / 3)
    assert (picture == 7).all()


def test_colours_lie_apart() -> None:
    assert distinct_colors(3) == list(PALETTE[:3])
    lab = cv2.cvtColor(np.array(distinct_colors(40), np.float32)[None] / 255, cv2.COLOR_RGB2Lab)[0]
    apart = np.linalg.norm(lab[:, None] - lab, axis=2) + 1e3 * np.eye(40)
    assert apart[:12, :12].min() > 25  # 2.3 is what an eye just notices
    assert apart.min() > 20
    colors = distinct_colors(200)
    assert len(set(colors)) == 200
    assert not [one for one in colors[:60] if max(one) == min(one)]  # none is grey


def test_a_long_text_is_broken_between_words_and_inside_a_very_long_one() -> None:
    assert wrapped("a b", 500) == ["a b"]
    assert wrapped("word " * 40, 100)[0] == "word word word"
    assert len(wrapped("x" * 100, 50)) == 3
