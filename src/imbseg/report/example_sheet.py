"""Examples -> one picture of all of them with titles, captions and legend, for a page that embeds nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from imbseg.files import whole_file
from imbseg.metrics.predicted import Bytes

GAP, LINE = 8, 18  # pixels between panels; height of a line of text
NARROWEST = 120  # pixels of a column: its title stands above
INK, PALE = (0, 0, 0), (90, 90, 90)
Font = ImageFont.FreeTypeFont
Row = tuple[str, Sequence[Bytes]]  # what is said above the panels, and they


def write_sheet(
    file: Path, title: str, columns: Sequence[str], rows: Sequence[Row], legend: Sequence[tuple[str, Bytes]]
) -> None:
    """Write a PNG.

    Args:
        file: the PNG, written whole or not at all.
        title: said above all, in as many lines as it takes.
        columns: what stands above the panels of the first row.
        rows: their panels are at least as many as the columns, (height, width, 3) uint8.
        legend: (text, swatch (height, width, 3) uint8).
    """
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 12)
    wide = [max(NARROWEST, *(panels[place].shape[1] for _, panels in rows)) for place in range(len(columns))]
    width = max(sum(wide) + GAP * (len(wide) + 1), 640)
    parts = [_text(title, width, font, INK), _legend(legend, width, font), _heads(columns, wide, width, font)]
    for said, panels in rows:
        parts += [_text(said, width, font, INK), _strip(panels, wide, width)]
    sheet = Image.fromarray(np.concatenate([*parts, np.full((GAP, width, 3), 255, np.uint8)]))
    with whole_file(file) as temporary:
        sheet.save(temporary, optimize=True)


def wrapped(text: str, width: int, font: Font) -> list[str]:
    """A text in lines of at most so many pixels, broken between words, and inside a word that is longer."""
    lines = [""]
    for word in re.findall(r"\S{1,40}\s*", " ".join(text.split())):
        fits = not lines[-1] or font.getlength(lines[-1] + word.rstrip()) <= width
        lines = [*lines[:-1], lines[-1] + word] if fits else [*lines, word]
    return [line.rstrip() for line in lines]


def _text(text: str, width: int, font: Font, ink: tuple[int, int, int]) -> Bytes:
    lines = wrapped(text, width - 2 * GAP, font)
    strip = Image.new("RGB", (width, LINE * len(lines) + GAP), (255, 255, 255))
    pen = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        pen.text((GAP, GAP // 2 + number * LINE), line, ink, font)
    return np.asarray(strip, np.uint8)


def _heads(columns: Sequence[str], wide: Sequence[int], width: int, font: Font) -> Bytes:
    lines = [wrapped(title, room, font)[:3] for title, room in zip(columns, wide, strict=True)]
    strip = Image.new("RGB", (width, LINE * max(map(len, lines)) + GAP), (255, 255, 255))
    pen, left = ImageDraw.Draw(strip), GAP
    for found, room in zip(lines, wide, strict=True):
        for number, line in enumerate(found):
            pen.text((left, GAP // 2 + number * LINE), line, PALE, font)
        left += room + GAP
    return np.asarray(strip, np.uint8)


def _strip(panels: Sequence[Bytes], wide: Sequence[int], width: int) -> Bytes:
    strip = np.full((max(one.shape[0] for one in panels) + GAP, width, 3), 255, np.uint8)
    left = GAP
    for one, room in zip(panels, wide, strict=True):
        strip[: one.shape[0], left : left + one.shape[1]] = one
        left += room + GAP
    return strip


def _legend(entries: Sequence[tuple[str, Bytes]], width: int, font: Font) -> Bytes:
    places, x, y = [], GAP, GAP // 2
    for text, _ in entries:
        room = LINE + round(font.getlength(text)) + 2 * GAP
        if x > GAP and x + room > width:
            x, y = GAP, y + LINE
        places.append((x, y))
        x += room
    strip = Image.new("RGB", (width, y + LINE + GAP // 2), (255, 255, 255))
    pen = ImageDraw.Draw(strip)
    for (text, swatch), (left, top) in zip(entries, places, strict=True):
        strip.paste(Image.fromarray(swatch), (left, top + 2))
        pen.rectangle((left, top + 2, left + swatch.shape[1] - 1, top + 1 + swatch.shape[0]), outline=PALE)
        pen.text((left + LINE, top), text, INK, font)
    return np.asarray(strip, np.uint8)
