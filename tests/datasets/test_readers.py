"""Images of any channels and values: what the keys take, what readers give, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile
from band_tree import SIX, make_bands
from PIL import Image

from imbseg.datasets.decoded import entries, read_pair
from imbseg.datasets.read import Undeclared, read_image
from imbseg.datasets.readers.layout import Layout
from imbseg.datasets.readers.values import Range, shown_channels, value_range
from imbseg.datasets.spec import load
from imbseg.errors import InputError

SIX_DEEP = Layout(tuple(SIX), Range("uint16", 0, 65535))
GREY_DEEP = Layout(("grey",), Range("uint16", 0, 65535), (0, 0, 0))
FREE = Layout(("a", "b"), Range("float32", -1, 1))


def bands(*shape: int, kind: str = "uint16") -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255 if kind == "uint8" else 60_000, shape).astype(kind)


def saved(path: Path, image: np.ndarray, **how: Any) -> Path:
    tifffile.imwrite(path, image, metadata=None, **{"photometric": "minisblack", **how})
    return path


@pytest.mark.parametrize("how", [
    {"planarconfig": "contig"}, {"planarconfig": "separate"}, {"planarconfig": "contig", "tile": (16, 32)},
    {"planarconfig": "separate", "tile": (16, 16), "compression": "zstd"},
    {"planarconfig": "contig", "compression": "lzw", "predictor": True, "rowsperstrip": 7},
    {"planarconfig": "contig", "byteorder": ">"},
])  # fmt: skip
def test_six_bands_of_a_tiff_lie_side_by_side_or_one_after_the_other(tmp_path: Path, how: dict[str, Any]) -> None:
    image = bands(40, 50, 6)
    stored = image.transpose(2, 0, 1) if how["planarconfig"] == "separate" else image
    found = read_image(saved(tmp_path / "x.tif", np.ascontiguousarray(stored), **how), None, SIX_DEEP)
    np.testing.assert_array_equal(found, image)
    assert (found.dtype, found.flags.c_contiguous) == (np.uint16, True)


@pytest.mark.parametrize(
    ("ending", "kind"), [("png", "uint8"), ("png", "uint16"), ("tif", "uint16"), ("jp2", "uint16")]
)
def test_grey_of_8_and_16_bits(tmp_path: Path, ending: str, kind: str) -> None:
    image = bands(20, 30, kind=kind)
    if ending == "jp2":
        (tmp_path / "x.jp2").write_bytes(imagecodecs.jpeg2k_encode(image, reversible=True))
    else:
        cv2.imwrite(str(tmp_path / f"x.{ending}"), image)
    layout = Layout(("grey",), Range(kind, 0, 255), (0, 0, 0))
    np.testing.assert_array_equal(read_image(tmp_path / f"x.{ending}", None, layout), image[..., None])
    deep_color = Layout(values=Range("uint16", 0, 65535))
    if kind == "uint16":  # without `channels` a grey picture is a colour, as one of 8 bits is
        shown = read_image(tmp_path / f"x.{ending}", None, deep_color)
        np.testing.assert_array_equal(shown, np.repeat(image[..., None], 3, axis=2))


def test_colours_are_red_first_whatever_the_format(tmp_path: Path) -> None:
    image = bands(8, 9, 3)
    cv2.imwrite(str(tmp_path / "x.png"), image[..., ::-1])
    saved(tmp_path / "x.tif", image, photometric="rgb")
    (tmp_path / "x.jp2").write_bytes(imagecodecs.jpeg2k_encode(image, reversible=True))
    for name in ("x.png", "x.tif", "x.jp2"):
        np.testing.assert_array_equal(read_image(tmp_path / name, None, Layout(values=Range("uint16"))), image)
    five = bands(8, 9, 5)
    (tmp_path / "five.jp2").write_bytes(imagecodecs.jpeg2k_encode(five, reversible=True))
    found = read_image(tmp_path / "five.jp2", None, Layout(tuple("abcde"), Range("uint16")))
    np.testing.assert_array_equal(found, five)
    cv2.imwrite(str(tmp_path / "clear.png"), np.dstack([image[..., ::-1], np.full((8, 9), 65535, np.uint16)]))
    np.testing.assert_array_equal(read_image(tmp_path / "clear.png", None, Layout(values=Range("uint16"))), image)


def test_white_is_0_in_some_grey_tiffs(tmp_path: Path) -> None:
    image = bands(8, 9)
    saved(tmp_path / "x.tif", image, photometric="miniswhite")
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", None, GREY_DEEP)[..., 0], 65535 - image)


@pytest.mark.parametrize("kind", ["int16", "uint8", "uint32", "float16", "float64"])
def test_a_range_of_numbers_takes_values_of_any_type(tmp_path: Path, kind: str) -> None:
    image = np.arange(24).reshape(3, 4, 2).astype(kind)
    found = read_image(saved(tmp_path / "x.tif", image, planarconfig="contig"), None, FREE)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, image.astype(np.float32))


def test_photographs_are_turned_as_declared(tmp_path: Path) -> None:
    image = bands(4, 6)
    saved(tmp_path / "x.tif", image, extratags=[(274, "H", 1, 6, True)])
    with pytest.raises(Undeclared, match="EXIF orientation 6 turns it"):
        read_image(tmp_path / "x.tif", None, GREY_DEEP)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", "stored", GREY_DEEP)[..., 0], image)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif", "upright", GREY_DEEP)[..., 0], np.rot90(image, 3))


def test_what_is_refused(tmp_path: Path) -> None:
    deep = saved(tmp_path / "deep.tif", bands(8, 9, 6), planarconfig="contig")
    flat = saved(tmp_path / "flat.tif", bands(8, 9, 6, kind="uint8"), planarconfig="contig")
    pages = saved(tmp_path / "pages.tif", bands(6, 8, 9))
    nothing = np.zeros((2, 3, 2), np.float32)
    nothing[1, 2] = np.nan
    numbers = saved(tmp_path / "nan.tif", nothing, planarconfig="contig")
    waves = saved(tmp_path / "waves.tif", np.ones((4, 5), np.complex64))
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.tif").write_bytes(deep.read_bytes()[:200])
    (tmp_path / "cut.jp2").write_bytes(imagecodecs.jpeg2k_encode(bands(9, 9))[:60])
    Image.new("P", (4, 4)).save(tmp_path / "palette.tif")
    two = Layout(("a", "b"), Range("uint16"))
    for path, layout, words in (
        (deep, two, r"deep.tif: expected 2 channels \(a, b\), found 6; mend 'channels'"),
        (flat, SIX_DEEP, r"flat.tif: expected uint16 values \('range'\), found uint8; write range: uint8"),
        (pages, SIX_DEEP, "pages.tif: expected one picture, found 6 pages; save each as a file"),
        (numbers, FREE, r"nan.tif: 1 pixels hold no number \(NaN or infinite\); fill them"),
        (waves, Layout(("a",), Range("float32")), "waves.tif: expected real numbers, found complex64"),
        (tmp_path / "empty.png", SIX_DEEP, "empty.png: the file is empty"),
        (tmp_path / "none.png", SIX_DEEP, "none.png: can't be read"),
        (tmp_path / "cut.tif", SIX_DEEP, "cut.tif: can't be"),
        (tmp_path / "cut.jp2", GREY_DEEP, "cut.jp2: can't be decoded"),
        (tmp_path / "palette.tif", GREY_DEEP, "palette.tif: expected one number a channel, found a palette"),
    ):
        with pytest.raises(InputError, match=words):
            read_image(path, None, layout)


@pytest.mark.parametrize(("raw", "expected"), [
    ("uint8", Range()), ("uint16", Range("uint16", 0, 65535)), ([0, 4095], Range("float32", 0, 4095)),
    ([-1.5, 1], Range("float32", -1.5, 1)), ({"percentile": [1, 99]}, Range("float32", 1, 99, True)),
])  # fmt: skip
def test_ranges(raw: Any, expected: Range) -> None:
    assert value_range(raw) == expected


@pytest.mark.parametrize("raw", ["int16", [1, 1], [3, 2], [1], [0, "9"], {"percentile": [1, 101]}, {"share": [1, 2]},
                                 {"percentile": 99}, 5, [0, float("nan")], [True, 2]])  # fmt: skip
def test_what_is_no_range(raw: Any, tmp_path: Path) -> None:
    file = make_bands(tmp_path / "x", train=1, test=1, range=raw)
    with pytest.raises(InputError, match=r"bands.yml: range: expected uint8, uint16, \[low, high\], or percentile"):
        load(str(file))


def test_channels_by_name(tmp_path: Path) -> None:
    assert load(str(make_bands(tmp_path / "x", train=1, test=1))).layout == Layout(
        tuple(SIX), Range("uint16", 0.0, 65535.0), (2, 1, 0)
    )
    assert shown_channels(("a", "b", "c", "d"), None) == (0, 1, 2)
    assert shown_channels(("a", "b"), None) == (0, 0, 0)
    for number, (key, value, words) in enumerate([
        ("channels", ["a", "a"], "channels: the name 'a' stands there twice"),
        ("shown", ["nir", "violet", "red"], "unknown channel in .*: shown 'violet'"),
        ("shown", ["nir", "red"], "shown: expected three channels, or one, found 2"),
    ]):  # fmt: skip
        with pytest.raises(InputError, match=words):
            load(str(make_bands(tmp_path / f"x{number}", train=1, test=1, **{key: value})))


def test_what_a_person_sees_by_hand() -> None:
    image = np.array([[[0, 100, 200], [50, 300, 150]]], np.uint16)
    layout = Layout(("a", "b", "c"), Range("uint16", 0, 255), (2, 1, 0))
    assert layout.picture(image).tolist() == [[[200, 100, 0], [150, 255, 50]]]
    measured = Layout(("a",), Range("float32", 0, 50, True), (0, 0, 0))  # of 10, 20, 30: the half is 20
    assert measured.picture(np.float32([[[10], [20], [30]]]))[0, :, 0].tolist() == [0, 255, 255]
    assert measured.picture(np.float32([[[10], [20], [30]]]), ((0.0,), (100.0,)))[0, :, 0].tolist() == [26, 51, 76]


def test_decoded_pixels_are_kept_with_all_their_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMBSEG_CACHE", str(tmp_path / "cache"))
    dataset = load(str(make_bands(tmp_path / "x", train=3, test=1)))
    image, mask = tmp_path / "x/images/train1.tif", tmp_path / "x/masks/train1.png"
    kept = entries(dataset, [image], [(80, 64)], megabytes=1)[image]
    pairs = [read_pair(image, mask, dataset, kept) for _ in range(2)]
    assert kept.stat().st_size == 64 * 80 * (6 * 2 + 1) + 40
    for found in pairs:
        np.testing.assert_array_equal(found[0], read_image(image, None, dataset.layout))
        assert (found[0].dtype, found[1].dtype) == (np.uint16, np.uint8)
