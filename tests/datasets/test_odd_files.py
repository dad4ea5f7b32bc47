from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image

from imbseg.datasets import spec
from imbseg.datasets.read import read_image, read_mask, read_objects
from imbseg.errors import InputError


@pytest.mark.parametrize("value", [1, 255])
def test_masks_of_one_bit_a_pixel(tmp_path: Path, value: int) -> None:
    file = make_binary_tree(tmp_path, n=4)
    file.write_text(file.read_text().replace("value: 255", f"value: {value}"))
    bits = np.array([[0, 1], [1, 1]], bool)
    Image.fromarray(bits).save(tmp_path / "bits.png")
    found = read_mask(tmp_path / "bits.png", spec.load(str(file)))
    np.testing.assert_array_equal(found, bits.astype(np.uint8))


def grey_png(path: Path, rows: list[bytes], width: int, bits: int) -> Path:
    """A grey PNG of 2 or 4 bits a pixel, which Pillow can't write."""
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, len(rows), bits, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(one)) + k + one + struct.pack(">I", zlib.crc32(k + one)) for k, one in chunks)
    )
    return path


@pytest.mark.parametrize(("bits", "rows"), [(2, [b"\x10", b"\x44"]), (4, [b"\x01\x00", b"\x10\x10"])])
def test_grey_of_2_and_4_bits_holds_the_numbers_of_the_file(tmp_path: Path, bits: int, rows: list[bytes]) -> None:
    file = make_binary_tree(tmp_path, n=4)
    file.write_text(file.read_text().replace("value: 255", "value: 1"))
    path = grey_png(tmp_path / "few.png", rows, 4, bits)
    expected = [[0, 1, 0, 0], [1, 0, 1, 0]]
    np.testing.assert_array_equal(read_mask(path, spec.load(str(file))), expected)
    np.testing.assert_array_equal(read_objects(path), expected)


@pytest.mark.parametrize(("ending", "channels", "kind"), [
    (".png", 1, "uint16"), (".png", 3, "uint16"), (".tif", 1, "uint16"), (".tif", 3, "uint16"), (".pgm", 1, "uint16"),
    (".ppm", 3, "uint16"), (".tif", 3, "float32"), (".hdr", 3, "float32"),
])  # fmt: skip
def test_images_of_more_than_8_bits_are_refused(tmp_path: Path, ending: str, channels: int, kind: str) -> None:
    cv2.imwrite(str(tmp_path / f"deep{ending}"), np.full((4, 5, channels), 300, kind))
    with pytest.raises(InputError, match=f"deep.*: expected 8 bits a channel, found {kind}"):
        read_image(tmp_path / f"deep{ending}")


def test_colour_masks_of_16_bits_are_refused(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path, n=4)
    text = file.read_text().replace("value: 0", "color: [0, 0, 0]").replace("value: 255", "color: [1, 1, 1]")
    file.write_text(text.replace("mask_encoding: index", "mask_encoding: rgb"))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 5, 3), 257, np.uint16))
    with pytest.raises(InputError, match=r"deep.png: expected 8 bits a channel, found RGB;16B"):
        read_mask(tmp_path / "deep.png", spec.load(str(file)))


@pytest.mark.parametrize(
    ("ignore", "crack", "expected"),
    [
        ("", [1, 2, 3], 255),  # 255 where the key is left out
        ("ignore_index: 255", [1, 2, 3], 255),
        ("ignore_index: 255", [255, 255, 255], 1),
        ("ignore_index: null", [255, 255, 255], 1),
        ("ignore_index: null", [1, 2, 3], None),
        ("ignore_index: 7", [1, 2, 3], None),
    ],
)
def test_white_in_a_colour_mask(tmp_path: Path, ignore: str, crack: list[int], expected: int | None) -> None:
    file = make_binary_tree(tmp_path, n=4)
    text = file.read_text().replace("value: 0", "color: [0, 0, 0]").replace("value: 255", f"color: {crack}")
    text = text.replace("mask_encoding: index", "mask_encoding: rgb").replace("ignore_index: null", ignore)
    file.write_text(text)
    Image.new("RGB", (2, 1), (255, 255, 255)).save(tmp_path / "white.png")
    if expected is None:
        with pytest.raises(InputError, match=r"white.png: colour \[255, 255, 255\] is no class's"):
            read_mask(tmp_path / "white.png", spec.load(str(file)))
        return
    assert read_mask(tmp_path / "white.png", spec.load(str(file))).tolist() == [[expected, expected]]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("lost", [1, 2, 100, 1000])
def test_a_jpeg_cut_short_is_refused_and_bytes_behind_its_end_are_not(
    tmp_path: Path, lost: int, progressive: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    path, picture = tmp_path / "x.jpg", np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(picture).save(path, progressive=progressive)
    whole = path.read_bytes()
    path.write_bytes(whole + bytes(9000))  # what phones append: a film, a second picture
    assert read_image(path).shape == (40, 50, 3)
    path.write_bytes(whole[:-lost])
    with pytest.raises(InputError, match=r"x.jpg: can't be decoded \(cut short"):
        read_image(path)
    assert capfd.readouterr().err == ""  # the decoder says nothing of its own


@pytest.mark.parametrize("ending", [".tga", ".pcx", ".ico"])
def test_formats_that_training_cannot_read_are_refused(tmp_path: Path, ending: str) -> None:
    Image.new("RGB", (16, 16)).save(tmp_path / f"x{ending}")
    with pytest.raises(InputError, match=r"no format that OpenCV reads.*export it as PNG or TIFF"):
        read_image(tmp_path / f"x{ending}")


@pytest.mark.parametrize("mode", ["RGB", "LA", "F"])
def test_object_masks_hold_one_whole_number_a_pixel(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / "x.tif")
    with pytest.raises(InputError, match=f"x.tif: expected one number a pixel, found mode {mode}"):
        read_objects(tmp_path / "x.tif")


def test_object_masks_of_16_bits(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "x.png")
    assert read_objects(tmp_path / "x.png").tolist() == [[0, 300]]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("group:", "groups: [head, tail]\ngroup:", "groups: expected keys such as head"),
        ("group:", "imbalance: 5\ngroup:", "imbalance: expected keys such as classes"),
        ("group:", "weak: 2012-99-99\ngroup:", "broken YAML"),
        ("group:", "imbalance: {classes: [], ratio: 0.5}\ngroup:", "classes: expected one class or more, each once"),
        ("group:", "imbalance: {classes: [crack, crack], ratio: 0.5}\ngroup:", "one class or more, each once"),
        ("group:", "imbalance: {classes: [crack], ratio: 0.5, seed: 1.5}\ngroup:", "seed: expected a whole number"),
        ("ignore_index: null", "ignore_index: 3.7", "ignore_index: expected a whole number between 0 and 65535, found"),
        ("ignore_index: null", "ignore_index: true", "ignore_index: expected a whole number"),
        ("ignore_index: null", "ignore_index: 65536", "ignore_index: expected a whole number"),
        ("value: 255", "value: 1.5", "value of 'crack': expected a whole number between 0 and 65535, found 1.5"),
        ("value: 255", "color: [true, 0, 0]", r"color of 'crack': expected \[R, G, B\] of 0..255"),
        ("trial: {", "trial: {dataset: x, ", "trial: dataset is no default"),
        ("trial: {", "trial: {root: x, ", "trial: root is no default"),
        ("trial: {", "trial: {meta: x, ", "trial: meta is no default"),
    ],
)
def test_yaml_that_is_refused_in_one_sentence(tmp_path: Path, before: str, after: str, message: str) -> None:
    file = make_binary_tree(tmp_path, n=4)
    file.write_text(file.read_text().replace(before, after))
    with pytest.raises(InputError, match=message):
        spec.load(str(file))


@pytest.mark.parametrize("group", ["^(part\\d+)?", "^(x*)"])
def test_a_group_that_names_nothing_is_refused(tmp_path: Path, group: str) -> None:
    file = make_binary_tree(tmp_path, n=4)
    file.write_text(file.read_text().replace(r"^(part\d+)_", group))
    dataset = spec.load(str(file))
    with pytest.raises(InputError, match="matches nothing of the id 'other_1', so it names no group; mend 'group'"):
        dataset.group_of("other_1")
