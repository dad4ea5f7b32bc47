"""What tools/prepare_*.py share: a folder of images, masks and id lists, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imbseg.datasets import spec
from imbseg.errors import InputError, Parser, listed
from imbseg.files import replaceable_folder
from imbseg.pictures import class_colors

REPOSITORY = Path(__file__).resolve().parents[1]
Pixels = NDArray[np.uint8]
QUALITY = 92  # of the JPEGs


def run(name: str, about: str, prepare: Callable[[Path, Path], Path]) -> None:
    """The command of a tool: an unpacked archive -> data/raw/NAME, or --out."""
    parser = Parser(prog=f"prepare_{name}.py", description=f"{about} -> data/raw/{name}.")
    parser.add_argument("archive", type=Path, help="the unpacked archive")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "data" / "raw" / name, metavar="DIR")
    options = parser.parse_args()
    print(f"written: {prepare(options.archive, options.out)}")


def write_dataset(
    out: Path, dataset: str, subsets: Mapping[str, Sequence[str]], read: Callable[[str, str], tuple[Pixels, Pixels]]
) -> Path:
    """Write images/ID.jpg, masks/ID.png (palette PNG of class indices) and SUBSET.txt.

    Args:
        out: the folder to make.
        dataset: name in data/datasets, whose class colours are the palette.
        subsets: name -> ids.
        read: (subset, id) -> (height, width, 3) picture and (height, width) mask.

    Raises:
        InputError: `out` holds something already, or `read` raises it; nothing is left behind.
    """
    folder = replaceable_folder(out)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: expected a folder to make, found one with content; remove it, or name another")
    palette = np.zeros((256, 3), np.uint8)  # of all 256: a shorter one has 255 stored in fewer bits
    colors = class_colors(spec.load(dataset))
    palette[: len(colors)] = colors
    temporary = folder.with_name(f".{os.getpid()}.tmp.{folder.name}")
    try:
        for part in ("images", "masks"):
            (temporary / part).mkdir(parents=True)
        for subset, ids in subsets.items():
            for name in ids:
                picture, mask = read(subset, name)
                Image.fromarray(picture).save(temporary / "images" / f"{name}.jpg", quality=QUALITY)
                indexed = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
                indexed.putpalette(palette.ravel().tolist())
                indexed.save(temporary / "masks" / f"{name}.png")
            (temporary / f"{subset}.txt").write_text("".join(f"{name}\n" for name in ids), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def expect(paths: Sequence[Path], archive: Path, source: str) -> None:
    """Refuse an archive that lacks files or folders, naming the first of them and where it comes from."""
    if missing := [str(path.relative_to(archive)) for path in paths if not path.exists()]:
        raise InputError(f"{archive}: lacks {listed(missing)}; expected {source} as its authors pack it, unpacked")


def decoded(path: Path, mode: str = "RGB") -> Image.Image:
    """A picture, or an error that names the broken file."""
    try:
        with Image.open(path) as image:
            return image.convert(mode) if image.mode != mode else image.copy()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:  # as Pillow tells it
        raise InputError(f"{path}: can't be read as a picture ({error}); unpack the archive again") from error
