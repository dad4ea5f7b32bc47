"""What the network will see: a contact sheet of augmented training samples, each with its mask beside it."""

from __future__ import annotations

import colorsys
import dataclasses
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imbseg.augment.photometry import to_picture
from imbseg.datasets.spec import IGNORE, Dataset
from imbseg.errors import InputError
from imbseg.files import whole_file, writable_folder
from imbseg.models.weights import IMAGENET, normalisation_of
from imbseg.training.fold import Fold, epoch_batches, read_fold
from imbseg.training.order import NO_FOCUS
from imbseg.training.prepare import make_paster
from imbseg.training.samples import TrainSamples
from imbseg.trial import Resolved, Trial

Bytes = NDArray[np.uint8]
MOST = 200  # samples on one sheet
SIDES = (160, 320)  # a sample's longest side on the sheet is brought between these
WIDTH = 1600  # of the sheet, about
GAP, LINE = 10, 18  # pixels between pairs; height of a line of text
BACKGROUND = (60, 60, 60)  # of a background class without a colour


@dataclasses.dataclass(frozen=True)
class Sample:
    """One training sample as a person sees it.

    Attributes:
        image_id: of the image it was cut from.
        picture: (height, width, 3) uint8.
        mask: (height, width) class indices, 255 = ignored.
        focus: name of the class that the crop was placed on; empty where it lies anywhere.
    """

    image_id: str
    picture: Bytes
    mask: Bytes
    focus: str = ""


def preview(resolved: Resolved, out: Path, images: int) -> int:
    """Write the first samples of a trial's first epoch as one PNG.

    Args:
        resolved: the trial and its data set.
        out: the file; its ending says the format.
        images: how many, 1 to 200; an epoch may have fewer.

    Returns:
        How many are on it.

    Raises:
        InputError: the number is out of range, `out` can't be a PNG, or meta or images are missing or broken.
    """
    if not 1 <= images <= MOST:
        raise InputError(f"--images: expected a number of 1..{MOST}, found {images}")
    if out.suffix.lower() != ".png" or out.is_dir():
        raise InputError(f"--out: expected the name of a .png file, found {out}")
    writable_folder(out.parent)
    fold = read_fold(resolved.trial, resolved.dataset)
    samples = first_samples(resolved.trial, resolved.dataset, fold, images)
    sheet = contact_sheet(samples, resolved.dataset, _title(resolved.trial, fold, len(samples)))
    with whole_file(out) as temporary:
        sheet.save(temporary)
    return len(samples)


def first_samples(trial: Trial, dataset: Dataset, fold: Fold, images: int) -> list[Sample]:
    """The samples that training would show first, made the same way and from the same keys."""
    normalisation = IMAGENET if trial.encoder_weights is None else normalisation_of(trial.encoder)
    loader = TrainSamples(fold.train, dataset, trial, normalisation, fold.boxes, make_paster(trial, dataset, fold))
    found = []
    for key in epoch_batches(trial, fold).keys()[:images]:
        sample, (_, _, index, label) = loader[key], key
        mask = np.asarray(sample["target"].numpy(), np.uint8)
        focus = "" if label == NO_FOCUS else dataset.class_names[label]
        found.append(Sample(fold.train.ids[index], to_picture(sample["image"].numpy(), normalisation), mask, focus))
    return found


def class_colors(dataset: Dataset) -> Bytes:
    """(classes, 3) colours: the data set's own, and where it declares none, hues that lie apart."""
    colors = []
    for index, one in enumerate(dataset.classes):
        hue, light = index * 0.618034 % 1.0, (0.95, 0.7, 0.5)[index % 3]  # the golden ratio spreads any number of hues
        made = tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.8, light))
        colors.append(one.color or (BACKGROUND if index == dataset.background_index else made))
    return np.array(colors, np.uint8)


def color_mask(mask: Bytes, colors: Bytes) -> Bytes:
    """A mask in its classes' colours; what is ignored (padding too) is white with grey stripes.

    Args:
        mask: (height, width) class indices, 255 = ignored.
        colors: (classes, 3).

    Returns:
        (height, width, 3) uint8.
    """
    height, width = mask.shape
    stripes = (np.arange(height)[:, None] + np.arange(width)) % 8 < 2  # (height, width)
    hatched = np.where(stripes[..., None], np.uint8(150), np.uint8(255))
    ignored = mask == IGNORE
    return np.where(ignored[..., None], hatched, colors[np.where(ignored, 0, mask)]).astype(np.uint8)


def contact_sheet(samples: list[Sample], dataset: Dataset, title: str) -> Image.Image:
    """Pairs of picture and mask in rows, a title above, and the classes shown below with their share of the pixels."""
    colors = class_colors(dataset)
    tiles = [_pair(sample, colors) for sample in samples]
    wide, high = max(tile.shape[1] for tile in tiles), max(tile.shape[0] for tile in tiles) + LINE
    columns = min(len(tiles), max(1, WIDTH // (wide + GAP)))
    rows = -(-len(tiles) // columns)
    width = max(columns * (wide + GAP) + GAP, 480)
    font = ImageFont.truetype(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), 12)
    entries = _legend(samples, dataset, colors)
    places, legend_height = _legend_places([text for text, _ in entries], width, font)
    top, bottom = GAP + LINE, GAP + LINE + rows * (high + GAP)
    sheet = Image.new("RGB", (width, bottom + legend_height + GAP), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    pen.text((GAP, GAP // 2), _fitting(title, width - 2 * GAP, font), "black", font)
    for number, (tile, sample) in enumerate(zip(tiles, samples, strict=True)):
        left, upper = GAP + number % columns * (wide + GAP), top + number // columns * (high + GAP)
        sheet.paste(Image.fromarray(tile), (left, upper))
        caption = _fitting(f"{number + 1}: {f'{sample.focus} in ' * bool(sample.focus)}{sample.image_id}", wide, font)
        pen.text((left, upper + tile.shape[0] + 2), caption, "#444444", font)
    for (text, swatch), (x, y) in zip(entries, places, strict=True):
        sheet.paste(Image.fromarray(swatch), (x, bottom + y + 2))
        pen.text((x + LINE, bottom + y), text, "black", font)
    return sheet


def _pair(sample: Sample, colors: Bytes) -> Bytes:
    """Picture and mask side by side at the sheet's size."""
    height, width = sample.mask.shape
    factor = _factor(max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    picture = cv2.resize(sample.picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    mask = np.asarray(cv2.resize(sample.mask, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    between = np.full((size[1], 2, 3), 255, np.uint8)
    return np.concatenate([np.asarray(picture, np.uint8), between, color_mask(mask, colors)], axis=1)


def _factor(side: int) -> float:
    """Small samples are enlarged by a whole number, so that their pixels stay pixels; large ones shrunk.

    >>> _factor(96), _factor(256), _factor(640)
    (2, 1, 0.5)
    """
    low, high = SIDES
    return -(-low // side) if side < low else min(1, high / side)


def _legend(samples: list[Sample], dataset: Dataset, colors: Bytes) -> list[tuple[str, Bytes]]:
    """(text, swatch) of each class on the sheet, the most pixels first, and of what is ignored."""
    counts = np.sum([np.bincount(sample.mask.ravel(), minlength=256) for sample in samples], axis=0)  # (256,)
    total = max(int(counts.sum()), 1)
    shown = [index for index in np.argsort(-counts, kind="stable").tolist() if counts[index] and index != IGNORE]
    shown += [IGNORE] if counts[IGNORE] else []
    swatch = np.zeros((12, 12), np.uint8)
    return [
        (
            f"{'ignored or padding' if index == IGNORE else ' '.join(dataset.class_names[index][:60].split())}  "
            f"{100 * counts[index] / total:.2g} %",
            color_mask(np.full_like(swatch, index), colors),
        )
        for index in shown
    ]


def _legend_places(texts: list[str], width: int, font: ImageFont.FreeTypeFont) -> tuple[list[tuple[int, int]], int]:
    """Corners of the entries, line by line, and the height of all lines."""
    places, x, y = [], GAP, 0
    for text in texts:
        wide = LINE + round(font.getlength(text)) + 2 * GAP
        if x > GAP and x + wide > width:
            x, y = GAP, y + LINE
        places.append((x, y))
        x += wide
    return places, y + LINE


def _fitting(text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """A text cut to a width in pixels."""
    text = " ".join(text.split())
    while font.getlength(text) > width and len(text) > 1:
        text = text[:-2] + "…"
    return text


def _title(trial: Trial, fold: Fold, shown: int) -> str:
    size = f"{trial.input_size[0]} x {trial.input_size[1]}"
    return (f"{Path(trial.dataset).stem}, {trial.strategy}, seed {trial.seed}: the first {shown} samples of epoch 1, "
            f"{size}, from {len(fold.train.ids)} train images")  # fmt: skip
