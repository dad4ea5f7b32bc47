"""python tools/prepare_idrid.py ARCHIVE [--out data/raw/idrid]

IDRiD's segmentation archive (Porwal, Pachade, Kokare et al. 2018, CC BY 4.0; ieee-dataport.org, "A. Segmentation.zip"),
unpacked -> images, masks and id lists as data/datasets/idrid.yml expects them, a quarter as wide and high. In ARCHIVE,
or in its folder "A. Segmentation", are expected

    1. Original Images/{a. Training Set,b. Testing Set}/IDRiD_01.jpg
    2. All Segmentation Groundtruths/{a. Training Set,b. Testing Set}/1. Microaneurysms/IDRiD_01_MA.tif

and so on for "2. Haemorrhages" (HE), "3. Hard Exudates" (EX), "4. Soft Exudates" (SE) and "5. Optic Disc" (OD). A
photograph without such a file shows none. Masks are merged, microaneurysms over soft exudates over hard exudates over
haemorrhages over the optic disc, and scaled by nearest neighbour; photographs by area.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "src"), str(REPOSITORY / "tools")]

from prepared import Pixels, decoded, expect, run, write_dataset  # noqa: E402

from imbseg.errors import InputError, run_command  # noqa: E402

SOURCE = "IDRiD's 'A. Segmentation' (ieee-dataport.org, Indian Diabetic Retinopathy Image Dataset)"
PICTURES, TRUTH = "1. Original Images", "2. All Segmentation Groundtruths"
SUBSETS = {"train": "a. Training Set", "test": "b. Testing Set"}
LESIONS = {  # class index -> folder and ending; later ones over earlier ones
    1: ("5. Optic Disc", "OD"),
    2: ("2. Haemorrhages", "HE"),
    3: ("3. Hard Exudates", "EX"),
    4: ("4. Soft Exudates", "SE"),
    5: ("1. Microaneurysms", "MA"),
}
FACTOR = 4


def main() -> None:
    """Find, merge, shrink, write."""
    run("idrid", "IDRiD's segmentation archive", prepare)


def prepare(archive: Path, out: Path) -> Path:
    """The archive's folder -> the data set's.

    Raises:
        InputError: a folder of the archive or a photograph's truth is missing, or sizes differ.
    """
    inner = archive / "A. Segmentation"
    root = inner if inner.is_dir() else archive
    folders = [root / part / subset for part in (PICTURES, TRUTH) for subset in SUBSETS.values()]
    expect(folders, root, SOURCE)
    expect([folder / name for folder in folders[2:] for name, _ in LESIONS.values()], root, SOURCE)
    ids = {
        role: sorted(file.stem for file in (root / PICTURES / folder).glob("*.jpg")) for role, folder in SUBSETS.items()
    }
    for role, names in ids.items():
        if not names:
            raise InputError(f"{root / PICTURES / SUBSETS[role]}: holds no .jpg; expected {SOURCE}")
    return write_dataset(out, "idrid", ids, lambda role, name: pair(root, SUBSETS[role], name))


def pair(root: Path, folder: str, name: str) -> tuple[Pixels, Pixels]:
    """Photograph and merged mask of one id, both a quarter as wide and high."""
    photograph = decoded(root / PICTURES / folder / f"{name}.jpg")
    mask = np.zeros(photograph.size[::-1], np.uint8)  # (height, width)
    files = {index: root / TRUTH / folder / where / f"{name}_{end}.tif" for index, (where, end) in LESIONS.items()}
    present = {index: file for index, file in files.items() if file.is_file()}
    if not present:
        raise InputError(f"{root / TRUTH / folder}: has no mask of {name}, such as 1. Microaneurysms/{name}_MA.tif")
    for index, file in present.items():
        shown = np.asarray(decoded(file)).any(axis=2)
        if shown.shape != mask.shape:
            raise InputError(f"{file}: is of {shown.shape[::-1]} pixels, its photograph of {photograph.size}")
        mask[shown] = index
    size = (photograph.width // FACTOR, photograph.height // FACTOR)
    small = Image.fromarray(mask).resize(size, Image.Resampling.NEAREST)
    return np.asarray(photograph.resize(size, Image.Resampling.BOX)), np.asarray(small)


if __name__ == "__main__":
    run_command(main)
