"""What is written of an image while its bands come: labels, an overlay, probabilities; all of them whole or none."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from imbseg.datasets.labels import Labels, label_type
from imbseg.datasets.readers.label_tiff import write_labels
from imbseg.files import whole_file
from imbseg.predict.measured import Measured, Row
from imbseg.predict.png import Png
from imbseg.predict.predictor import Predictor
from imbseg.windows.pixels import Bytes, Geography, Pixels, geography

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
        geography: of the photograph; its labels are a TIFF then.
    """

    labels: Path
    overlay: Path
    probabilities: tuple[Path, ...] = ()
    geography: Geography | None = None

    @classmethod
    def of(cls, out: Path, name: str, image: Path, classes: Sequence[str] = ()) -> Place:
        """Below a folder, by the image's name; with a file of probabilities for each of some classes."""
        where = geography(image)
        plain = [re.sub(r"[^\w.-]", "_", one) for one in classes]
        files = [f"{number:02d}_{one}.png" for number, one in enumerate(plain)]
        below = out / "probabilities" / name
        grey = tuple(below / one for one in files)
        labels = out / "labels" / f"{name}{'.tif' if where else '.png'}"
        return cls(labels, out / "overlays" / f"{name}.jpg", grey, where)

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
    measured, shown = Measured(look.names, look.background), list[Bytes]()
    with contextlib.ExitStack() as opened:
        picture = opened.enter_context(whole_file(place.overlay))
        labels = opened.enter_context(whole_file(place.labels))
        greys = [opened.enter_context(_png(one, width, height)) for one in place.probabilities]
        rows = _labelled(predictor, pixels, measured, shown, greys, look)
        if place.geography is None:
            with labels.open("wb") as handle:
                few = label_type(len(look.names)) == np.uint8  # more classes than a palette has colours: 16-bit grey
                png = Png(handle, width, height, look.colors if few else None)
                for some in rows:
                    png.write(some if few else some.astype(np.uint16))
                png.close()
        else:
            where = place.geography
            write_labels(labels, rows, pixels.size, look.colors, where.tags, big_endian=where.big_endian)
        _write_jpeg(picture, np.concatenate(shown))
    return measured.row()


def _labelled(
    predictor: Predictor, pixels: Pixels, measured: Measured, shown: list[Bytes], greys: Sequence[Png], look: Look
) -> Iterator[Labels]:
    """The labels' rows, once all else has taken what it needs of a band; `shown` gains the overlay's rows."""
    top, step = 0, -(-max(pixels.size) // LONGEST)
    for band in predictor.bands(pixels):
        measured.add(band)
        for index, grey in enumerate(greys):
            grey.write(np.rint(band.probabilities[index] * 65535).astype(np.uint16))
        first, height = -top % step, len(band.labels)
        if first < height:
            picture = predictor.members[0].stored.picture(pixels.rows(top, top + height)[first::step, ::step])
            shown.append(overlay(picture, band.labels[first::step, ::step], look))
        top += height
        yield band.labels


def overlay(picture: Bytes, labels: Labels, look: Look) -> Bytes:
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
