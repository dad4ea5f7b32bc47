"""Masks that say something else than they seem to: palettes, lossy formats, erased pixels, sizes beyond Pillow's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_tree import tiny_dataset, tiny_masks

from imbseg.datasets import picture
from imbseg.datasets.ids import image_rows
from imbseg.datasets.read import read_mask, read_objects
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.meta.table import scan_all

COLORS = np.array([[0, 0, 0], [220, 20, 60], [0, 0, 142]], np.uint8)  # ground, ball, rod
COLORED = [{"name": name, "color": COLORS[i].tolist()} for i, name in enumerate(("ground", "ball", "rod"))]
MASK = tiny_masks(1)["000"]  # 12 x 16: six pixels of ball, four of rod, one column ignored
DRAWN = np.where(MASK == 255, 0, MASK)


def data(root: Path, encoding: str, **keys: Any) -> Dataset:
    return tiny_dataset(root, classes=COLORED, mask_encoding=encoding, ignore_index=None, **keys)


def quantized(path: Path, order: list[int], mask: np.ndarray = DRAWN) -> Path:
    """The mask in colours, as an optimiser stores it: numbers in an order of its own, a palette that undoes it."""
    numbers = np.empty(3, np.uint8)
    numbers[order] = range(3)
    stored = Image.fromarray(numbers[mask]).convert("P")
    stored.putpalette(COLORS[order].ravel().tolist())
    stored.save(path)
    return path


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
@pytest.mark.parametrize("ending", ["png", "gif", "tif", "bmp"])
def test_rgb_reads_the_colours_of_the_palette(tmp_path: Path, order: list[int], ending: str) -> None:
    path = quantized(tmp_path / f"x.{ending}", order)
    np.testing.assert_array_equal(read_mask(path, data(tmp_path, "rgb")), DRAWN)


def test_one_palette_for_all_masks_says_nothing_against_their_numbers(tmp_path: Path) -> None:
    """As in CamVid, whose masks have the palette of VOC: there number 3 has the colour that CamVid gives to trees."""
    dataset = data(tmp_path, "index", masks=dict.fromkeys("abc", DRAWN))
    for name in "abc":
        quantized(tmp_path / f"masks/{name}.png", [2, 0, 1])
    assert [one.pixels.tolist() for one in scan_all(image_rows(dataset), dataset, 1)] == [[4, 182, 6]] * 3


def test_index_refuses_palettes_that_disagree_and_names_two_files(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, ignore_index=None, masks=dict.fromkeys("abc", DRAWN))  # no colours declared
    for name, order in (("a", [0, 1, 2]), ("b", [0, 1, 2]), ("c", [0, 2, 1])):
        quantized(tmp_path / f"masks/{name}.png", order)
    with pytest.raises(InputError, match=r"masks masks/a.png and masks/c.png: number 1 has the colour \[220, 20, 60\]"):
        scan_all(image_rows(dataset), dataset, 1)
    quantized(tmp_path / "masks/c.png", [0, 1, 2])
    assert [one.pixels.tolist() for one in scan_all(image_rows(dataset), dataset, 1)] == [[182, 6, 4]] * 3


def test_a_grey_ramp_and_unused_entries_are_no_colours(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path, ignore_index=None, masks=dict.fromkeys("abc", DRAWN))
    ramp, more = Image.fromarray(DRAWN).convert("P"), Image.fromarray(DRAWN).convert("P")
    ramp.save(tmp_path / "masks/a.png")
    more.putpalette([*COLORS.ravel().tolist(), 9, 9, 9])
    more.save(tmp_path / "masks/b.png")
    quantized(tmp_path / "masks/c.png", [0, 1, 2])
    assert len(scan_all(image_rows(dataset), dataset, 1)) == 3


LOSSY = {
    "x.jpg": ("JPEG", {}),
    "renamed.png": ("JPEG", {"format": "JPEG"}),
    "x.tif": ("TIFF with JPEG compression", {"compression": "jpeg"}),
    "x.webp": ("lossy WebP", {"quality": 90}),
    "x.avif": ("AVIF", {}),
    "x.jp2": ("JPEG 2000", {"irreversible": True}),
    "cut.jp2": ("JPEG 2000", {"quality_layers": [20]}),
    "x.dds": ("DDS", {}),
}


def smooth(mode: str) -> Image.Image:
    """64 x 64 pixels in which a lossy format leaves noise."""
    mask = np.zeros((64, 64), np.uint8)
    mask[9:31, 21:40] = 2
    return Image.fromarray(mask if mode == "L" else COLORS[mask]).convert(mode)


@pytest.mark.parametrize("encoding", ["index", "rgb"])
@pytest.mark.parametrize("name", LOSSY)
def test_lossy_masks_are_refused_and_the_format_is_named(tmp_path: Path, name: str, encoding: str) -> None:
    told, options = LOSSY[name]
    smooth("L" if encoding == "index" and name not in ("x.webp", "x.avif", "x.dds") else "RGB").save(
        tmp_path / name, **options
    )
    with pytest.raises(InputError, match=rf"mask .*{name}: is saved as {told}, which changes values; export"):
        read_mask(tmp_path / name, data(tmp_path, encoding))


def test_an_instance_mask_is_no_jpeg(tmp_path: Path) -> None:
    smooth("L").save(tmp_path / "x.jpg")
    with pytest.raises(InputError, match=r"object mask .*x.jpg: is saved as JPEG"):
        read_objects(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("name", "options"),
    [("x.webp", {"lossless": True}), ("x.tif", {"compression": "tiff_lzw"}), ("x.png", {}), ("x.gif", {})],
)
def test_what_loses_nothing_is_read(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    smooth("RGB").save(tmp_path / name, **options)
    found = read_mask(tmp_path / name, data(tmp_path, "rgb"))
    assert np.bincount(found.ravel()).tolist() == [64 * 64 - 22 * 19, 0, 22 * 19]


def erased(path: Path, mode: str, alpha: int = 0) -> tuple[Path, np.ndarray]:
    """The drawn mask, its first 3 x 4 pixels turned to rods and erased: the colour stays in the file."""
    mask, seen = DRAWN.copy(), np.full(DRAWN.shape, 255, np.uint8)
    mask[:3, :4], seen[:3, :4] = 2, alpha
    if mode == "RGBA":
        Image.fromarray(np.dstack([COLORS[mask], seen])).save(path)
    elif mode == "LA":
        Image.fromarray(np.dstack([mask, seen])).save(path)
    else:
        stored = Image.fromarray(np.where(seen == 255, mask, 3).astype(np.uint8)).convert("P")
        stored.putpalette([*COLORS.ravel().tolist(), *COLORS[2].tolist()])
        stored.save(path, transparency=bytes([255, 255, 255, alpha]))
    return path, mask


@pytest.mark.parametrize(("mode", "encoding"), [("RGBA", "rgb"), ("P", "rgb"), ("LA", "index")])
@pytest.mark.parametrize("alpha", [0, 254])
def test_erased_pixels_that_hold_a_class_are_refused(tmp_path: Path, mode: str, encoding: str, alpha: int) -> None:
    dataset = data(tmp_path, encoding)
    path, mask = erased(tmp_path / "x.png", mode, alpha)
    with pytest.raises(InputError, match=r"x.png: 12 pixels are transparent and hold a class \('rod'\); .*flatten"):
        read_mask(path, dataset)
    np.testing.assert_array_equal(read_mask(erased(path, mode, 255)[0], dataset), mask)


def test_a_transparent_number_of_an_index_mask(tmp_path: Path) -> None:
    stored = Image.fromarray(DRAWN)
    stored.save(tmp_path / "ground.png", transparency=0)  # so that it can be laid over the picture: says the same
    np.testing.assert_array_equal(read_mask(tmp_path / "ground.png", data(tmp_path, "index")), DRAWN)
    stored.save(tmp_path / "rod.png", transparency=2)
    with pytest.raises(InputError, match=r"4 pixels are transparent and hold a class \('rod'\)"):
        read_mask(tmp_path / "rod.png", data(tmp_path, "index"))
    stored.save(tmp_path / "ball.png", transparency=1)
    with pytest.raises(InputError, match=r"6 pixels of objects are transparent"):
        read_objects(tmp_path / "ball.png")
    assert read_objects(tmp_path / "ground.png").max() == 2


def test_erased_background_is_background(tmp_path: Path) -> None:
    seen = np.where(DRAWN == 0, 0, 255).astype(np.uint8)
    Image.fromarray(np.dstack([COLORS[DRAWN], seen])).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "x.png", data(tmp_path, "rgb")), DRAWN)
    Image.fromarray(np.dstack([np.where(DRAWN[..., None] == 0, 9, COLORS[DRAWN]), seen])).save(tmp_path / "x.png")
    with pytest.raises(InputError, match=r"colour \[9, 9, 9\] \(transparent\) is no class's"):
        read_mask(tmp_path / "x.png", data(tmp_path, "rgb"))


def test_a_mask_of_182_megapixels_is_read_without_a_word(tmp_path: Path) -> None:
    Image.new("1", (14_000, 13_000), 1).save(tmp_path / "x.png", compress_level=1)
    assert read_mask(tmp_path / "x.png", tiny_dataset(tmp_path)).shape == (13_000, 14_000)


def test_a_mask_beyond_the_limit_of_images_is_to_be_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = tiny_dataset(tmp_path)
    monkeypatch.setattr(picture, "MOST_PIXELS", 12 * 16 - 1)
    with pytest.raises(InputError, match=r"000.png: has 16 x 12 pixels, more than 2\^30; cut it in parts"):
        read_mask(tmp_path / "masks/000.png", dataset)


def test_colours_are_looked_up_in_strips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imbseg.datasets.class_values.STRIP", 40)  # two rows and a half
    np.testing.assert_array_equal(read_mask(quantized(tmp_path / "x.png", [1, 2, 0]), data(tmp_path, "rgb")), DRAWN)
