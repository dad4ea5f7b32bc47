"""The photographs of an import: their sizes, how EXIF turns them, and whether the annotations were drawn on that."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from imbseg.datasets.picture import FIRST_QUARTER, MOST_PIXELS, ORIENTATION, TURNS, picture_size
from imbseg.datasets.readers.tiff import Tiff, is_tiff
from imbseg.errors import InputError
from imbseg.imports.found import Annotated, Choices, Found, Orientation, Size

Head = tuple[Size, int]  # (height, width) as stored, EXIF orientation


def head(image: Annotated) -> Head:
    """Size and orientation of a photograph, from the head of its file.

    Raises:
        InputError: it can't be read.
    """
    tag = 1
    try:
        source = io.BytesIO(image.image) if isinstance(image.image, bytes) else image.image
        with warnings.catch_warnings(action="ignore"), Image.open(source) as picture:  # broken EXIF is none
            width, height = picture.size
            if width * height <= MOST_PIXELS:  # of a PNG all pixels are decoded to find it
                tag = picture.getexif().get(ORIENTATION, 1)
    except Exception as error:  # Pillow raises whatever a broken or unknown file lets it
        if not isinstance(image.image, Path) or not is_tiff(image.image):
            raise InputError(f"image {image.name}: can't be read as a picture; fetch or export it again") from error
        with Tiff(image.image) as tiff:
            height, width = tiff.size
    if width * height > MOST_PIXELS:
        what = f"has {width} x {height} pixels, more than 2^30, too many for a mask"
        raise InputError(f"image {image.name}: {what}; cut it in parts")
    return (height, width), tag if tag in TURNS else 1


def upright(size: Size, tag: int) -> Size:
    """(height, width) as a viewer shows it."""
    return size[::-1] if tag >= FIRST_QUARTER else size


def orientation(
    images: Sequence[Annotated], heads: Sequence[Head], found: Found, choices: Choices
) -> Orientation | None:
    """On what the annotations were drawn where EXIF turns photographs; None where it turns none.

    The sizes that the annotations tell decide, then what the tool is known to do, then the user.

    Raises:
        InputError: they contradict each other, or nothing tells.
    """
    turned = [(image, size, tag) for image, (size, tag) in zip(images, heads, strict=True) if tag != 1]
    if not turned or choices.orientation:
        return choices.orientation if turned else None
    told: dict[Orientation, Annotated] = {}
    for image, size, tag in turned:
        said = annotated_size(image)
        if said is not None and size != upright(size, tag):
            told |= {"upright": image} if said == upright(size, tag) else {"stored": image} if said == size else {}
    if len(told) == 2:
        raise InputError(
            f"{told['upright'].where} was drawn on a photograph as EXIF turns it, {told['stored'].where} on one as it "
            f"lies in its file; import the two kinds apart"
        )
    if told or found.orientation:
        return next(iter(told), found.orientation)
    raise InputError(
        f"image {turned[0][0].name}: EXIF turns it, and nothing tells whether it was turned when it was labelled; "
        f"--orientation upright if it was, else --orientation stored"
    )


def annotated_size(image: Annotated) -> Size | None:
    """(height, width) that the annotation tells, or its first mask file has."""
    if image.size is not None:
        return image.size
    files = [shape.content for shape in image.shapes if shape.kind == "file"]
    width, height = picture_size(files[0]) if files else (0, 0)
    return (height, width) if height else None


def wrong_size(image: Annotated, size: Size) -> str:
    """A sentence where an annotation is of another size than its photograph; else empty."""
    told = image.size
    if told is None or told == size:
        return ""
    return (
        f"{image.where}: is of {told[1]} x {told[0]} pixels, its image {size[1]} x {size[0]}; was the image resized "
        f"since? put back the one that was labelled"
    )
