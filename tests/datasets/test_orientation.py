"""Photographs that EXIF turns: refused, or as the data set file says that their masks were drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from tiny_tree import tiny_dataset

from imbseg.datasets.decoded import entries, read_pair
from imbseg.datasets.ids import image_rows
from imbseg.datasets.read import Undeclared, read_image, read_mask
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.meta.scan import scan
from imbseg.meta.table import scan_all

FORMATS = ["png", "jpg", "webp", "tif"]
PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4, 1).repeat(3, axis=2) * 20  # every pixel another grey


def photograph(path: Path, tag: int, pixels: np.ndarray = PIXELS) -> Path:
    exif = Image.Exif()
    exif[0x0112] = tag
    options = {"quality": 100, "subsampling": 0} if path.suffix == ".jpg" else {}
    options |= {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(pixels).save(path, exif=exif, **options)
    return path


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("tag", range(1, 9))
def test_each_orientation_is_turned_as_pillow_turns_it(tmp_path: Path, tag: int, ending: str) -> None:
    path = photograph(tmp_path / f"x.{ending}", tag)
    with Image.open(photograph(tmp_path / "as_pillow_has_it.png", tag)) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    near = 3 if ending == "jpg" else 0
    np.testing.assert_allclose(read_image(path, "upright").astype(int), upright, atol=near)
    np.testing.assert_allclose(read_image(path, "stored").astype(int), PIXELS, atol=near)
    if tag == 1:
        np.testing.assert_array_equal(read_image(path), read_image(path, "upright"))
    else:
        with pytest.raises(Undeclared, match=rf"x.{ending}: EXIF orientation {tag} turns it; add 'orientation: up"):
            read_image(path)


def phones(root: Path, tag: int, size: tuple[int, int], **keys: object) -> Path:
    """Photographs whose masks were drawn on the upright pictures; the ball is bright, the ground is dark."""
    mask = np.zeros(size, np.uint8)
    mask[1:4, 2:9] = 1
    dataset = tiny_dataset(root, {str(number): mask for number in range(8)}, **keys)
    for path in dataset.root.glob("images/*.png"):
        picture = np.full((*size, 3), 20, np.uint8)
        picture[1:4, 2:9] = 240
        back = {3: 2, 6: 1, 8: 3}[tag]  # quarter turns from what is shown to what the camera stored
        photograph(path, tag, np.rot90(picture, back))
    return root / "tiny.yml"


@pytest.mark.parametrize(("tag", "size"), [(6, (12, 16)), (8, (12, 16)), (3, (12, 16)), (6, (16, 16))])
def test_masks_drawn_upright(tmp_path: Path, tag: int, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    file = phones(tmp_path, tag, size)
    undeclared = load(str(file))
    with pytest.raises(InputError) as error:
        scan_all(image_rows(undeclared), undeclared, 1)
    assert str(error.value).startswith("8 images can't be used:")
    hinted = "; its mask has the size of 'upright'" in str(error.value)
    assert hinted == (tag != 3 and size == (12, 16))
    file.write_text(file.read_text() + "orientation: upright\n")
    dataset, rows = load(str(file)), image_rows(load(str(file)))
    assert [one.pixels.tolist() for one in scan_all(rows, dataset, 1)] == [[size[0] * size[1] - 21, 21, 0]] * 8
    monkeypatch.setenv("IMBSEG_CACHE", str(tmp_path / "cache"))
    kept = entries(dataset, [tmp_path / row.image for row in rows], [size[::-1]] * 8, 9)
    for row in (*rows, *rows):  # decoded, then out of the cache
        image, mask = read_pair(tmp_path / row.image, tmp_path / row.mask, dataset, kept[tmp_path / row.image])
        assert image[mask == 1].min() == 240
        assert image[mask == 0].max() == 20


def test_the_other_declaration_is_noticed_where_sides_differ(tmp_path: Path) -> None:
    file = phones(tmp_path, 6, (12, 16), orientation="stored")
    told = str(scan(image_rows(load(str(file)))[0], load(str(file))))
    assert "12 x 16 (width x height), found 16 x 12; one of the two was turned: mend that, or 'orientation'" in told


def test_a_mask_with_an_orientation_of_its_own_is_refused(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, orientation="upright")
    photograph(tmp_path / "masks/000.png", 6, np.zeros((12, 16), np.uint8))
    with pytest.raises(InputError, match=r"000.png: has an EXIF orientation of its own"):
        read_mask(tmp_path / "masks/000.png", dataset)


@pytest.mark.parametrize("tag", [0, 9, 77])
def test_what_is_no_orientation_turns_nothing(tmp_path: Path, tag: int) -> None:
    np.testing.assert_array_equal(read_image(photograph(tmp_path / "x.png", tag)), PIXELS)
