"""What is written of an image while its bands come: labels, an overlay, probabilities; all of them whole or none."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imbseg.files import whole_file
from imbseg.predict.measured import Measured, Row
from imbseg.predict.pixels import Bytes, Pixels
from imbseg.predict.png import Png
from imbseg.predict.predictor import Predictor

LONGEST = 2048  # pixels of an overlay's longer side; of a larger image every second, third ... pixel is shown
SHARE = 0.5  # of the class's colour in an overlay; the background stays as it is
QUALITY = 90  # of overlays, JPEG's scale


@dataclasses.dataclass(frozen=True)
class Look:
    """How classes are named and shown.

    Attributes:
        names: in index order.
        colors: (classes, 3) uint8.
        background: index of the class that is no object, None where there is none.
    """

    names: Sequence[str]
    colors: Bytes
    background: int | None = None


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the files of an image go.

    Attributes:
        probabilities: a file a class; empty where none is asked for.
    """

    labels: Path
    overlay: Path
    probabilities: tuple[Path, ...] = ()

    @classmethod
    def of(cls, out: Path, name: str, classes: Sequence[str], *, probabilities: bool) -> Place:
        """Below a folder, by the image's name."""
        plain = [re.sub(r"[^\w.-]", "_", one) for one in classes]
        files = [f"{number:02d}_{one}.png" for number, one in enumerate(plain)]
        below = out / "probabilities" / name
        grey = tuple(below / one for one in files) if probabilities else ()
        return cls(out / "labels" / f"{name}.png", out / "overlays" / f"{name}.jpg", grey)

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.labels, self.overlay, *self.probabilities)


def write(predictor: Predictor, pixels: Pixels, place: Place, look: Look) -> Row:
    """Label an image and write its files; after an error none of them is there.

    Returns:
        Its columns of predictions.csv.
    """
    height, width = pixels.size
    measured, top, step = Measured(look.names, look.background), 0, -(-max(height, width) // LONGEST)
    shown: list[Bytes] = []
    with contextlib.ExitStack() as opened:
        temporary = opened.enter_context(whole_file(place.overlay))
        labels = opened.enter_context(_png(place.labels, width, height, look.colors))
        greys = [opened.enter_context(_png(one, width, height)) for one in place.probabilities]
        for band in predictor.bands(pixels):
            measured.add(band)
            labels.write(band.labels)
            for index, grey in enumerate(greys):
                grey.write(np.rint(band.probabilities[index] * 65535).astype(np.uint16))
            first = -top % step
            if first < len(band.labels):
                picture = pixels.rows(top, top + len(band.labels))[first::step, ::step]
                shown.append(overlay(picture, band.labels[first::step, ::step], look))
            top += len(band.labels)
        _write_jpeg(temporary, np.concatenate(shown))
    return measured.row()


def overlay(picture: Bytes, labels: NDArray[np.uint8], look: Look) -> Bytes:
    """A photograph (height, width, 3) with its classes' colours over it."""
    mixed = (1 - SHARE) * picture + SHARE * look.colors[labels]
    if look.background is not None:
        mixed = np.where((labels == look.background)[..., None], picture, mixed)
    return np.asarray(mixed, np.uint8)


def _write_jpeg(path: Path, picture: Bytes) -> None:
    done, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise AssertionError("a JPEG of at most 2048 x 2048 pixels")
    path.write_bytes(data.tobytes())


@contextlib.contextmanager
def _png(path: Path, width: int, height: int, palette: Bytes | None = None) -> Iterator[Png]:
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        png = Png(handle, width, height, palette)
        yield png
        png.close()
