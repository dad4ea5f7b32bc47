"""TIFF files in windows, whatever their layout; labels as a TIFF with the photograph's geographic tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from imbseg.datasets.read import read_image
from imbseg.datasets.readers.label_tiff import write_labels
from imbseg.datasets.readers.layout import Layout
from imbseg.datasets.readers.tiff import GEOGRAPHIC, Tiff, is_tiff
from imbseg.datasets.readers.values import value_range
from imbseg.errors import InputError
from imbseg.windows.pixels import opened

# scale, tie point, keys (WGS 84 / UTM 33N), doubles, texts
TAGS = [(33550, "d", 3, (0.5, 0.5, 0.0), True), (33922, "d", 6, (0.0, 0.0, 0.0, 4.1e5, 5.2e6, 0.0), True),
        (34735, "H", 12, (1, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32633), True), (34736, "d", 1, (1 / 3,), True),
        (34737, "s", 8, "WGS 84|\0", True)]  # fmt: skip
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tile": (64, 64)},
    "strips": {"rowsperstrip": 50},
    "one strip": {},
    "LZW with a predictor": {"tile": (128, 64), "compression": "lzw", "predictor": True},
    "planes": {"tile": (64, 64), "planarconfig": "separate", "compression": "deflate"},
    "JPEG": {"tile": (64, 64), "compression": "jpeg"},
}


def picture(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, shape, np.uint8)


def make(path: Path, image: np.ndarray, byteorder: Any = "<", **how: Any) -> np.ndarray:
    """Write a TIFF with geographic tags; what it holds."""
    planes = how.get("planarconfig") == "separate"
    with tifffile.TiffWriter(path, byteorder=byteorder) as file:
        data = image.transpose(2, 0, 1) if planes else image
        file.write(data, photometric="rgb" if image.ndim == 3 else "minisblack", extratags=TAGS, metadata=None, **how)
    found = tifffile.imread(path)
    return found.transpose(1, 2, 0) if planes else found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_rows_of_every_layout_are_those_of_the_whole(layout: str, tmp_path: Path) -> None:
    whole = make(tmp_path / "x.tif", picture(300, 420, 3), **LAYOUTS[layout])
    assert is_tiff(tmp_path / "x.tif")
    with Tiff(tmp_path / "x.tif") as file:
        assert file.plain
        assert file.size == (300, 420)
        for first, last in ((0, 10), (5, 130), (100, 101), (190, 300)):
            np.testing.assert_array_equal(file.rows(first, last), whole[first:last])


def test_grey_and_alpha_are_read_as_colours(tmp_path: Path) -> None:
    grey = make(tmp_path / "grey.tif", picture(70, 50), tile=(32, 32))
    with Tiff(tmp_path / "grey.tif") as file:
        np.testing.assert_array_equal(file.rows(3, 60), np.repeat(grey[3:60, :, None], 3, axis=2))
    clear = make(tmp_path / "clear.tif", picture(70, 50, 4), tile=(32, 32), extrasamples=["unassalpha"])
    with Tiff(tmp_path / "clear.tif") as file:
        np.testing.assert_array_equal(file.rows(0, 70), clear[..., :3])


@pytest.mark.parametrize("order", ["<", ">"])
def test_labels_have_the_photographs_geographic_tags_byte_for_byte(order: str, tmp_path: Path) -> None:
    make(tmp_path / "x.tif", picture(300, 420, 3), order, tile=(64, 64))
    labels = np.random.default_rng(2).integers(0, 3, (300, 420), np.uint8)
    colors = np.array([[1, 2, 3], [40, 50, 60], [255, 0, 128]], np.uint8)
    with Tiff(tmp_path / "x.tif") as file:
        tags = file.geographic()
        parts = (labels[:100], labels[100:101], labels[101:])
        write_labels(tmp_path / "y.tif", parts, file.size, colors, tags, big_endian=file.big_endian)
    assert [tag.code for tag in tags] == [code for code in GEOGRAPHIC if code != 34264]
    with tifffile.TiffFile(tmp_path / "x.tif") as one, tifffile.TiffFile(tmp_path / "y.tif") as other:
        assert one.byteorder == other.byteorder == order
        for tag in tags:
            before, after = one.pages[0].tags[tag.code], other.pages[0].tags[tag.code]
            assert (before.dtype, before.count, before.value) == (after.dtype, after.count, after.value)
            raw = []
            for file, place in ((one, before), (other, after)):
                file.filehandle.seek(place.valueoffset)
                raw.append(file.filehandle.read(place.valuebytecount))
            assert raw[0] == raw[1] == tag.value
    with Image.open(tmp_path / "y.tif") as shown:
        assert shown.mode == "P"
        np.testing.assert_array_equal(np.asarray(shown), labels)
        np.testing.assert_array_equal(np.asarray(shown.convert("RGB")), colors[labels])


def test_several_pages_and_broken_files_are_one_sentence(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        for _ in range(2):
            file.write(picture(20, 20, 3), photometric="rgb", metadata=None)
    with pytest.raises(InputError, match="expected one picture, found 2 pages; save each as a file"):
        Tiff(tmp_path / "two.tif")
    make(tmp_path / "x.tif", picture(300, 420, 3), tile=(64, 64), compression="deflate")
    data = (tmp_path / "x.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[:6])
    with pytest.raises(InputError, match="can't be read as a TIFF"):
        Tiff(tmp_path / "cut.tif")
    middle = len(data) // 2
    (tmp_path / "noise.tif").write_bytes(data[:middle] + bytes(4000) + data[middle + 4000 :])
    with Tiff(tmp_path / "noise.tif") as noisy, pytest.raises(InputError, match="can't be decoded"):
        noisy.rows(0, 300)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_numbers_that_are_other_colours_are_never_taken_for_red_green_blue(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.full((40, 40, 3), (200, 40, 30), np.uint8)
    Image.fromarray(image).convert(mode).save(tmp_path / "x.tif")
    floats = Layout(values=value_range([0, 255]))
    with pytest.raises(InputError, match=r"found .*, whose numbers are other colours; export it as RGB"):
        read_image(tmp_path / "x.tif", None, floats)
    monkeypatch.setattr("imbseg.windows.pixels.WHOLE", 100)
    with opened(tmp_path / "x.tif", None) as pixels:  # a photograph: read as a whole by OpenCV, which knows them
        assert np.abs(pixels.rows(0, 40).astype(int) - image).max() < (40 if mode == "LAB" else 4)
    Image.fromarray(image).save(tmp_path / "y.tif", compression="jpeg")
    assert np.abs(read_image(tmp_path / "y.tif", None, floats) - image).max() < 4


def test_pages_that_lead_back_to_the_first_are_one_sentence(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((4, 4), np.uint8), metadata=None)
    data = bytearray((tmp_path / "x.tif").read_bytes())
    first = int.from_bytes(data[4:8], "little")
    end = first + 2 + 12 * int.from_bytes(data[first : first + 2], "little")
    data[end : end + 4] = data[4:8]  # where the next page lies
    (tmp_path / "x.tif").write_bytes(bytes(data))
    with pytest.raises(InputError, match="its pages lead back to an earlier one"):
        Tiff(tmp_path / "x.tif")


def test_an_overview_is_no_page_and_16_bits_are_not_plain(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "x.tif") as file:
        file.write(picture(80, 80, 3), photometric="rgb", metadata=None)
        file.write(picture(40, 40, 3), photometric="rgb", metadata=None, subfiletype=1)
    with Tiff(tmp_path / "x.tif") as found:
        assert found.size == (80, 80)
        assert found.plain
    make(tmp_path / "deep.tif", picture(20, 20, 3).astype(np.uint16))
    with Tiff(tmp_path / "deep.tif") as deep:
        assert not deep.plain
