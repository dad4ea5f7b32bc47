"""Contact sheets: small pictures in rows under their captions, one PNG with a title and a legend; and their colours."""

import dataclasses
import functools
import re
from collections.abc import Sequence
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imbseg.datasets.labels import Labels, ignored_in, label_counts
from imbseg.datasets.spec import Dataset

Bytes = NDArray[np.uint8]
Color = tuple[int, int, int]
# Okabe and Ito without black: told apart by colour-blind eyes too
PALETTE = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (204, 121, 167), (213, 94, 0), (0, 114, 178))
LEVELS = range(0, 256, 51)  # of red, green and blue, of which further colours are made
WHITE, BLACK, PALE, GREY, BACKGROUND = (255, 255, 255), (0, 0, 0), (200, 200, 200), (105, 105, 105), (60, 60, 60)
WIDTH, NARROWEST = 1600, 120  # pixels of a sheet, about, and of a column, at least
GAP, LINE, SWATCH = 10, 18, 12  # between pictures; height of a line of text; side of a legend's colour
SIDES = (160, 320)  # a sample's longest side on a sheet is brought between these
LONGEST = 60  # letters of a class in a legend


@dataclasses.dataclass(frozen=True)
class Key:
    """An entry of a legend: what a colour means, with stripes of another where there are any."""

    text: str
    color: Color
    stripes: Color | None = None

    @property
    def css(self) -> str:
        """The value of a CSS `background`."""
        color, other = ("#{:02x}{:02x}{:02x}".format(*one) for one in (self.color, self.stripes or self.color))
        striped = f"repeating-linear-gradient(135deg, {other} 0 2px, {color} 2px 4px)"
        return striped if self.stripes else color

    @property
    def swatch(self) -> Bytes:
        """A small square (12, 12, 3)."""
        plain = np.full((SWATCH, SWATCH, 3), self.color, np.uint8)
        return plain if self.stripes is None else striped(plain, self.stripes)


@dataclasses.dataclass(frozen=True)
class Row:
    """Pictures (height, width, 3) uint8 beside each other, with a line above all and a caption above each, or none."""

    pictures: Sequence[Bytes]
    captions: Sequence[str] = ()
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Sample:
    """An image with its mask as a person sees it.

    Attributes:
        picture: (height, width, 3) uint8.
        mask: (height, width) class indices, see read_mask.
        focus: name of the class that the crop was placed on; empty where it lies anywhere.
    """

    image_id: str
    picture: Bytes
    mask: Bytes
    focus: str = ""


def sheet(title: str, rows: Sequence[Row], legend: Sequence[Key]) -> Image.Image:
    """Draw a contact sheet; a row that is too long goes on in the next line."""
    wide = max(NARROWEST, *(picture.shape[1] for row in rows for picture in row.pictures))
    columns = min(max(len(row.pictures) for row in rows), max(1, (WIDTH - GAP) // (wide + GAP)))
    width = max(columns * (wide + GAP) + GAP, 4 * SIDES[0])
    parts = [_text([(GAP, wrapped(title, width - 2 * GAP))], width), _legend(legend, width)]
    for row in rows:
        parts += [_text([(GAP, wrapped(row.text, width - 2 * GAP))], width)] if row.text else []
        for first in range(0, len(row.pictures), columns):
            here = slice(first, first + columns)
            places = [GAP + number * (wide + GAP) for number in range(columns)]
            captions = [wrapped(caption, wide)[:3] for caption in row.captions[here]]
            parts += [_text(list(zip(places, captions, strict=False)), width, GREY)] if captions else []
            parts.append(_line(row.pictures[here], places, width))
    return Image.fromarray(np.concatenate(parts))


def contact_sheet(samples: Sequence[Sample], dataset: Dataset, title: str) -> Image.Image:
    """Pairs of picture and mask, and the classes that are shown with their share of the pixels."""
    colors = class_colors(dataset)
    pairs = [_pair(sample, colors) for sample in samples]
    named = [f"{sample.focus} in {sample.image_id}" if sample.focus else sample.image_id for sample in samples]
    captions = [f"{number}: {name}" for number, name in enumerate(named, 1)]
    return sheet(title, [Row(pairs, captions)], _shown(samples, dataset, colors))


def distinct_colors(count: int) -> list[Color]:
    """So many colours: the palette's, and beyond it, one by one, what lies farthest from all before it and from grey.

    Args:
        count: how many; beyond 223 they come again from the first on.

    Source: CIELAB distances, CIE 1976.
    """
    taken: list[Color] = [*PALETTE, *((level, level, level) for level in range(0, 256, 32))]
    offered = [(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS]
    nearest = np.min([_distances(offered, one) for one in taken], axis=0)
    colors = list(PALETTE[:count])
    while len(colors) < min(count, len(PALETTE) + len(offered)):
        colors.append(offered[int(nearest.argmax())])
        nearest = np.minimum(nearest, _distances(offered, colors[-1]))
    return [colors[index % len(colors)] for index in range(count)]


def class_colors(dataset: Dataset) -> Bytes:
    """(classes, 3) colours: the data set's own, and where it declares none, colours that lie apart."""
    apart = distinct_colors(len(dataset.classes))
    if dataset.background_index is not None:
        apart[dataset.background_index] = BACKGROUND
    return np.array([one.color or apart[index] for index, one in enumerate(dataset.classes)], np.uint8)


def color_mask(mask: Labels, colors: Bytes) -> Bytes:
    """A mask in its classes' colours; what is ignored (padding too) is white with grey stripes.

    Args:
        mask: (height, width) class indices, see read_mask.
        colors: (classes, 3).

    Returns:
        (height, width, 3) uint8.
    """
    ignored = mask == ignored_in(mask)
    hatched = striped(np.full((*mask.shape, 3), 255, np.uint8), GREY)
    return np.where(ignored[..., None], hatched, colors[np.where(ignored, 0, mask)]).astype(np.uint8)


def striped(picture: Bytes, color: Color) -> Bytes:
    """A picture (height, width, 3) with stripes."""
    height, width = picture.shape[:2]
    stripes = (np.arange(height)[:, None] + np.arange(width)) % 6 < 2  # (height, width)
    return np.where(stripes[..., None], np.array(color, np.uint8), picture)


def wrapped(text: str, width: int) -> list[str]:
    """A text in lines of at most so many pixels, broken between words, and inside a word that is longer."""
    lines = [""]
    for word in re.findall(r"\S{1,40}\s*", " ".join(text.split())):
        fits = not lines[-1] or _font().getlength(lines[-1] + word.rstrip()) <= width
        lines = [*lines[:-1], lines[-1] + word] if fits else [*lines, word]
    return [line.rstrip() for line in lines]


def _pair(sample: Sample, colors: Bytes) -> Bytes:
    """Picture and mask side by side; small ones enlarged by a whole number: pixels stay pixels; large ones shrunk."""
    height, width = sample.mask.shape
    side = max(height, width)
    factor = -(-SIDES[0] // side) if side < SIDES[0] else min(1, SIDES[1] / side)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = cv2.resize(sample.picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    mask = np.asarray(cv2.resize(sample.mask, size, interpolation=cv2.INTER_NEAREST), sample.mask.dtype)
    between = np.full((size[1], 2, 3), 255, np.uint8)
    return np.concatenate([np.asarray(picture, np.uint8), between, color_mask(mask, colors)], axis=1)


def _shown(samples: Sequence[Sample], dataset: Dataset, colors: Bytes) -> list[Key]:
    """The classes on a sheet, the most pixels first, and what is ignored."""
    counts = np.sum([label_counts(sample.mask, len(dataset.classes)) for sample in samples], axis=0)  # (classes + 1,)
    shares = [f"{100 * count / counts.sum():.2g} %" for count in counts]
    order = [index for index in np.argsort(-counts[:-1], kind="stable").tolist() if counts[index]]
    names = [f"{dataset.class_names[index][:LONGEST]}  {shares[index]}" for index in order]
    keys = [Key(name, tuple(colors[index].tolist())) for name, index in zip(names, order, strict=True)]
    return keys + [Key(f"ignored or padding  {shares[-1]}", WHITE, GREY)] * bool(counts[-1])


def _distances(offered: Sequence[Color], one: Color) -> NDArray[np.float64]:
    rgb = np.array([*offered, one], np.float32)[None] / 255  # (1, colours + 1, 3)
    lab = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab), np.float64)[0]
    return np.asarray(np.linalg.norm(lab[:-1] - lab[-1], axis=1), np.float64)


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 12)


def _text(texts: Sequence[tuple[int, Sequence[str]]], width: int, ink: Color = BLACK) -> Bytes:
    """Texts beside each other: the left end of each, and its lines."""
    strip = Image.new("RGB", (width, LINE * max(len(lines) for _, lines in texts) + GAP), WHITE)
    for left, lines in texts:
        ImageDraw.Draw(strip).multiline_text((left, GAP // 2), "\n".join(lines), ink, _font(), spacing=4)
    return np.asarray(strip, np.uint8)


def _line(pictures: Sequence[Bytes], places: Sequence[int], width: int) -> Bytes:
    strip = np.full((max(one.shape[0] for one in pictures) + GAP, width, 3), 255, np.uint8)
    for one, left in zip(pictures, places, strict=False):
        strip[: one.shape[0], left : left + one.shape[1]] = one
    return strip


def _legend(keys: Sequence[Key], width: int) -> Bytes:
    places, x, y = [], GAP, GAP // 2
    for key in keys:
        room = LINE + round(_font().getlength(" ".join(key.text.split()))) + 2 * GAP
        x, y = (GAP, y + LINE) if x > GAP and x + room > width else (x, y)
        places.append((x, y))
        x += room
    strip = Image.new("RGB", (width, y + LINE + GAP // 2), WHITE)
    pen = ImageDraw.Draw(strip)
    for key, (left, top) in zip(keys, places, strict=True):
        strip.paste(Image.fromarray(key.swatch), (left, top + 2))
        pen.rectangle((left, top + 2, left + SWATCH - 1, top + 1 + SWATCH), outline=PALE)
        pen.text((left + LINE, top), " ".join(key.text.split()), BLACK, _font())
    return np.asarray(strip, np.uint8)
