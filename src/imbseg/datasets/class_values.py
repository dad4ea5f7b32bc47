"""Numbers or colours of a mask -> class indices; what no class has is refused."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels, ignored_in, ignored_label, label_type
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError

Bytes = NDArray[np.uint8]
STRIP = 2**22  # pixels whose colours are looked up at once: a mask of 2^30 would take 20 GB


def from_numbers(values: NDArray[Any], path: Path, dataset: Dataset) -> Labels:
    """(height, width) class indices of the numbers in a mask, uint8 or uint16.

    Raises:
        InputError: a number is no class's.
    """
    kind, size = label_type(len(dataset.classes)), 1 + int(np.iinfo(values.dtype).max)
    table, known = np.zeros(2**16, kind), np.zeros(2**16, np.uint8)
    for index, one in enumerate(dataset.classes):
        table[one.value], known[one.value] = index, 1
    if dataset.ignore_index is not None:
        table[dataset.ignore_index], known[dataset.ignore_index] = ignored_label(len(dataset.classes)), 1
    if cv2.countNonZero(cv2.LUT(values, known[:size])) < values.size:
        strange = sorted({int(value) for value in np.unique(values)} - {int(value) for value in np.flatnonzero(known)})
        also = f" nor the ignore index {dataset.ignore_index}" if dataset.ignore_index is not None else ""
        hint = "is mask_encoding 'rgb'?" if dataset.ignore_index is not None else "is an ignore_index missing?"
        raise InputError(
            f"mask {path}: value {strange[0]} is no class value ({_ranges(dataset)}){also}; "
            f"{hint} Do the classes' 'value' fit?"
        )
    return np.asarray(cv2.LUT(values, table[:size]), kind)


def _ranges(dataset: Dataset) -> str:
    values = sorted(one.value for one in dataset.classes)
    contiguous = values == list(range(values[0], values[-1] + 1)) and len(values) > 2
    return f"{values[0]}..{values[-1]}" if contiguous else ", ".join(map(str, values))


def from_colors(rgb: Bytes, transparent: NDArray[np.bool_] | None, path: Path, dataset: Dataset) -> Labels:
    """(height, width) class indices of the colours in a mask.

    Args:
        rgb: (height, width, 3).
        transparent: (height, width), or None; for the message.

    Raises:
        InputError: a colour is no class's.
    """
    ignored, kind = ignored_label(len(dataset.classes)), label_type(len(dataset.classes))
    index = {_code(one.color): number for number, one in enumerate(dataset.classes) if one.color}
    if dataset.ignore_index is not None:
        index.setdefault(_code((dataset.ignore_index,) * 3), ignored)
    mask = np.empty(rgb.shape[:2], kind)
    rows = max(1, STRIP // max(rgb.shape[1], 1))
    for top in range(0, len(rgb), rows):
        part = rgb[top : top + rows].astype(np.uint32)
        codes = (part[..., 0] << 16) | (part[..., 1] << 8) | part[..., 2]
        unique, inverse = np.unique(codes, return_inverse=True)
        if strange := [int(code) for code in unique if int(code) not in index]:
            here = transparent is not None and bool(transparent[top : top + rows][codes == strange[0]].any())
            color = [strange[0] >> 16, strange[0] >> 8 & 255, strange[0] & 255]
            raise InputError(
                f"mask {path}: colour {color}{' (transparent)' if here else ''} is no class's; "
                f"add it to 'classes', or mend the mask"
            )
        mask[top : top + rows] = np.array([index[int(code)] for code in unique], kind)[inverse].reshape(codes.shape)
    return mask


def _code(color: tuple[int, ...]) -> int:
    return color[0] << 16 | color[1] << 8 | color[2]


def refuse_transparent(mask: Labels, transparent: NDArray[np.bool_] | None, path: Path, dataset: Dataset) -> None:
    """An erased pixel keeps its colour in the file: it isn't what a viewer shows.

    Raises:
        InputError: a pixel that is neither background nor ignored is transparent.
    """
    if transparent is None or not transparent.any():
        return
    labels, ignored = mask[transparent], ignored_in(mask)
    aside = ignored if dataset.background_index is None else dataset.background_index
    labels = labels[(labels != ignored) & (labels != aside)]
    if labels.size:
        raise InputError(
            f"mask {path}: {labels.size} pixels are transparent and hold a class ('{dataset.class_names[labels[0]]}'); "
            f"if they were erased, flatten the mask on the colour of what they are now; else make them opaque"
        )
