"""An ONNX file -> one whose convolutions count in 8 bits, and what that costs in IoU."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from imbseg.datasets.ids import image_rows
from imbseg.datasets.read import read_image, read_mask
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.export.onnx_file import Array, Session, as_input, need
from imbseg.metrics.counts import collect, image_confusion
from imbseg.metrics.scores import summary
from imbseg.predict.evaluate import Groups
from imbseg.predict.labelled import subset_images

CALIBRATION = 32  # train images by which the ranges of 8 bits are set
COUNTED = ("Conv", "ConvTranspose")  # the rest stays float32: resizing in 8 bits would be another picture
SCORES = ("mIoU", "tail")


def quantize(source: Path, file: Path, dataset: Dataset) -> int:
    """Write the 8-bit file of one that takes images as they are.

    Returns:
        How many train images its ranges come from.

    Raises:
        InputError: the data set has no train image that can be read.
    """
    rows = [row for row in image_rows(dataset) if row.subset == "train"][:CALIBRATION]
    if not rows:
        raise InputError(f"quantize: {dataset.path} declares no train image to set ranges by; leave it out")
    images = (read_image(dataset.root / row.image, dataset.orientation, dataset.layout) for row in rows)
    kinds = need("onnxruntime.quantization")
    logging.getLogger().addFilter(_quiet)
    try:
        kinds.quantize_static(
            str(source),
            str(file),
            _Reader(images),
            quant_format=kinds.QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=list(COUNTED),
            activation_type=kinds.QuantType.QUInt8,
            weight_type=kinds.QuantType.QInt8,
        )
    finally:
        logging.getLogger().removeFilter(_quiet)
    return len(rows)


class _Reader:
    """What onnxruntime asks for images."""

    def __init__(self, images: Iterator[Array]) -> None:
        self._images = images

    def get_next(self) -> dict[str, Array] | None:
        """The next one, None at the end."""
        image = next(self._images, None)
        return None if image is None else {"image": as_input(image)}


def _quiet(record: logging.LogRecord) -> bool:
    """Its advice to run another tool first: the traced file is folded already."""
    return record.levelno > logging.WARNING


def scores(session: Session, dataset: Dataset, names: Sequence[str], groups: Groups) -> dict[str, float]:
    """mIoU and tail of a file on all test images."""
    images, confusions = subset_images(dataset, "test"), []
    for _, image, mask in images:
        labels = session.run(as_input(read_image(image, dataset.orientation, dataset.layout)))[0][0]
        confusions.append(image_confusion(labels, read_mask(mask, dataset), len(names)))
    found: dict[str, Any] = summary(collect([one for one, _, _ in images], confusions), names, groups)
    return {name: float(found[name]) for name in SCORES if not math.isnan(found.get(name, math.nan))}
