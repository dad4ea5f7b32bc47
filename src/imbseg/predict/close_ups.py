"""One image, its truth and two predictions -> four small panels that show where the two differ."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in
from imbseg.metrics.predicted import Predicted
from imbseg.pictures import BLACK, WHITE, Bytes, Color, striped

Window = tuple[int, int, int, int]  # left, top, width, height
SIDE = 320  # of a panel, at most
SCALES = (1 / 3, 1 / 2, 2 / 3)  # sizes that a close-up may have, as shares of the image's sides
SMALLEST = 64  # pixels of a close-up's side
QUALITY = 80  # of the panels, WebP's scale
ENOUGH = 0.6  # share of the changed pixels that a close-up must hold


def panels(before: Predicted, after: Predicted, colors: dict[int, Color]) -> tuple[list[Bytes], Window]:
    """The image with a frame, and close-ups of what is in the frame: truth, baseline, strategy.

    Args:
        colors: of the classes in question, by class index; nothing else is coloured.

    Returns:
        Four pictures (height, width, 3) uint8, none with a side above 320, and where the close-up lies.
    """
    picture = _at_size(before.picture, before.truth.shape[1], before.truth.shape[0])
    window = close_up(changed(before, after, list(colors)))
    left, top, wide, high = window
    part, size = np.s_[top : top + high, left : left + wide], panel_size(wide, high)
    grey = _grey(_at_size(picture[part], *size))
    truth, *labels = (
        np.asarray(cv2.resize(mask[part], size, interpolation=cv2.INTER_NEAREST), mask.dtype)
        for mask in (before.truth, before.prediction, after.prediction)
    )
    judged = [_judged(grey, truth, one, colors) for one in labels]
    return [_framed(picture, window), _colored(grey, truth, colors), *judged], window


def changed(before: Predicted, after: Predicted, classes: Sequence[int]) -> NDArray[np.bool_]:
    """(height, width): labelled pixels that one of the two gives to one of the classes or denies it, and not both."""
    differ = (before.prediction != after.prediction) & (before.truth != ignored_in(before.truth))
    named = np.isin(before.prediction, classes) | np.isin(after.prediction, classes)
    return np.asarray(differ & named, np.bool_)


def close_up(changes: NDArray[np.bool_]) -> Window:
    """The smallest part of an image that holds most of what changed; all of it where nothing did."""
    height, width = changes.shape
    total = int(changes.sum())
    sums = cv2.integral(changes.astype(np.uint8))  # (height + 1, width + 1)
    for scale in SCALES:
        wide, high = (min(side, max(SMALLEST, round(side * scale))) for side in (width, height))
        held = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
        top, left = np.unravel_index(int(held.argmax()), held.shape)
        if total and held[top, left] >= ENOUGH * total:
            return _centred(changes, (int(left), int(top), wide, high))
    return 0, 0, width, height


def _centred(changes: NDArray[np.bool_], window: Window) -> Window:
    """Of the windows that hold the same changes, the one with them in its middle."""
    left, top, wide, high = window
    rows, columns = np.nonzero(changes[top : top + high, left : left + wide])
    x = left + int(columns.min() + columns.max()) // 2 - wide // 2
    y = top + int(rows.min() + rows.max()) // 2 - high // 2
    x, y = min(max(0, x), changes.shape[1] - wide), min(max(0, y), changes.shape[0] - high)
    return x, y, wide, high


def panel_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) with the longer side at 320.

    >>> panel_size(480, 360), panel_size(10, 20)
    ((320, 240), (160, 320))
    """
    factor = SIDE / max(width, height)
    return max(1, round(width * factor)), max(1, round(height * factor))


def _at_size(picture: Bytes, width: int, height: int) -> Bytes:
    shrinks = picture.shape[1] > width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=how), np.uint8)


def _grey(picture: Bytes) -> Bytes:
    """A photograph that colours stand out on: grey, neither as light as what was missed nor as dark as stripes."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    low, high = np.percentile(grey, (1, 99))  # a scene at dusk is shown as light as one at noon
    spread = np.clip((grey - low) / max(high - low, 1.0), 0, 1)
    return np.repeat((50 + 130 * spread)[..., None], 3, axis=2).astype(np.uint8)


def _framed(picture: Bytes, window: Window) -> Bytes:
    height, width = picture.shape[:2]
    size = panel_size(width, height)
    shown = _at_size(picture, *size)
    left, top, wide, high = window
    if (wide, high) == (width, height):
        return shown
    factor = size[0] / width
    first = (round(left * factor), round(top * factor))
    last = (round((left + wide - 1) * factor), round((top + high - 1) * factor))
    framed = shown.copy()
    for color, thick in ((BLACK, 4), (WHITE, 2)):
        cv2.rectangle(framed, first, last, color, thick)
    return framed


def _colored(grey: Bytes, labels: Labels, colors: dict[int, Color]) -> Bytes:
    """Pixels of each class in its colour, the photograph's light and shade still in it."""
    shown = grey.copy()
    for index, color in colors.items():
        here = labels == index
        shown[here] = (0.85 * np.array(color) + 0.15 * grey[here]).astype(np.uint8)
    return shown


def _judged(grey: Bytes, truth: Labels, labels: Labels, colors: dict[int, Color]) -> Bytes:
    """A prediction: right pixels in their class's colour, wrong ones striped, missed ones white."""
    ignored = ignored_in(truth)
    classes, labelled = list(colors), truth != ignored
    shown = _colored(grey, np.where(labelled, labels, np.asarray(ignored, truth.dtype)), colors)
    named = np.isin(labels, classes)
    wrong = labelled & named & (labels != truth)
    shown[wrong] = striped(shown, BLACK)[wrong]
    shown[np.isin(truth, classes) & ~named] = WHITE
    return shown


def address(picture: Bytes) -> str:
    """A picture (height, width, 3) uint8, red, green, blue, as a WebP file inside the address of an image."""
    webp = cv2.imencode(".webp", picture[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, QUALITY])[1].tobytes()
    return f"data:image/webp;base64,{base64.b64encode(webp).decode('ascii')}"
