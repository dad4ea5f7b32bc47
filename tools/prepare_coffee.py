"""python tools/prepare_coffee.py ARCHIVE [--out data/raw/coffee]

The authors' repository esgario/lara2018 (Esgario, Krohling, Ventura; MIT), unpacked or cloned -> images, masks and id
lists as data/datasets/coffee.yml expects them, 512 x 256. Below ARCHIVE/segmentation/dataset (or ARCHIVE) are expected

    images/{train,val,test}/1001.jpg
    annotations/{train,val,test}/1001_mask.png    RGB: background 0 0 0, leaf 0 176 0, symptom 255 0 0
    dataset.csv                                   id,predominant_stress,miner,rust,phoma,cercospora,severity

The masks say leaf and symptom; which stress it is comes from the leaf's row of dataset.csv, so the labels are derived.
Symptoms of a leaf with one flag get its class; those of a leaf with several flags, or with none, are 255 (ignored).
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tools")]

from prepared import Pixels, decoded, expect, run, write_dataset  # noqa: E402

from imbseg.errors import InputError, run_command  # noqa: E402

SOURCE = "segmentation/dataset of github.com/esgario/lara2018"
SUBSETS = ("train", "val", "test")
SIZE = (512, 256)
COLORS = {(0, 0, 0): 0, (0, 176, 0): 1, (255, 0, 0): 255}  # background, leaf, symptom
STRESSES = {"rust": 2, "miner": 3, "phoma": 4, "cercospora": 5}
IGNORED = 255


def main() -> None:
    """Find, label, shrink, write."""
    run("coffee", "lara2018's coffee leaves", prepare)


def prepare(archive: Path, out: Path) -> Path:
    """The repository's folder -> the data set's.

    Raises:
        InputError: a file is missing, a mask has another colour, or a leaf has no row.
    """
    inner = archive / "segmentation" / "dataset"
    root = inner if inner.is_dir() else archive
    expect([root / kind / name for kind in ("images", "annotations") for name in SUBSETS], root, SOURCE)
    expect([root / "dataset.csv"], root, SOURCE)
    stress = read_stress(root / "dataset.csv")
    ids = {name: sorted(file.stem for file in (root / "images" / name).glob("*.jpg")) for name in SUBSETS}
    masks = {(name, leaf): root / "annotations" / name / f"{leaf}_mask.png" for name in SUBSETS for leaf in ids[name]}
    expect(list(masks.values()), root, SOURCE)
    if unknown := [leaf for _, leaf in masks if leaf not in stress]:
        raise InputError(f"{root / 'dataset.csv'}: has no row of leaf {unknown[0]}; expected one a leaf")
    for name, leaves in ids.items():
        if not leaves:
            raise InputError(f"{root / 'images' / name}: holds no .jpg; expected {SOURCE}")

    def read(subset: str, leaf: str) -> tuple[Pixels, Pixels]:
        picture, file = decoded(root / "images" / subset / f"{leaf}.jpg"), masks[subset, leaf]
        if (size := decoded(file).size) != picture.size:
            raise InputError(f"{file}: is of {size} pixels, its photograph of {picture.size}; unpack the archive again")
        return np.asarray(picture.resize(SIZE, Image.Resampling.BOX)), labels(file, stress[leaf])

    return write_dataset(out, "coffee", ids, read)


def read_stress(file: Path) -> dict[str, int]:
    """Id of a leaf -> class of its symptoms; IGNORED where several flags or none are set."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            rows = list(csv.DictReader(handle))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: can't be read as CSV ({error}); unpack the archive again") from error
    if not rows or (missing := {"id", *STRESSES} - set(rows[0])):
        lacking = ", ".join(sorted(missing)) if rows else "rows"
        raise InputError(f"{file}: lacks {lacking}; expected columns id, {', '.join(STRESSES)}")
    if short := [row["id"] for row in rows if None in row.values()]:
        raise InputError(f"{file}: the row of leaf {short[0]} has too few cells; unpack the archive again")
    flags = {row["id"]: [index for name, index in STRESSES.items() if row[name].strip() == "1"] for row in rows}
    return {leaf: own[0] if len(own) == 1 else IGNORED for leaf, own in flags.items()}


def labels(file: Path, stress: int) -> Pixels:
    """A mask's colours -> class indices, scaled by nearest neighbour."""
    colors = np.asarray(decoded(file).resize(SIZE, Image.Resampling.NEAREST))
    mask = np.full(colors.shape[:2], 254, np.uint8)
    for color, index in COLORS.items():
        mask[(colors == color).all(axis=2)] = stress if index == IGNORED else index
    if (strange := mask == 254).any():
        row, column = np.argwhere(strange)[0]
        found = " ".join(map(str, colors[row, column]))
        raise InputError(f"{file}: has colour {found}; expected background 0 0 0, leaf 0 176 0 or symptom 255 0 0")
    return mask


if __name__ == "__main__":
    run_command(main)
