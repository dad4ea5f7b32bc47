"""Images in tiles: what the whole image gives, at any scale; objects that cross bands; PNG files written in rows."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from imbseg.errors import InputError
from imbseg.models.blend import input_rows
from imbseg.models.decoders import build_network
from imbseg.models.tiles import Side
from imbseg.models.weights import IMAGENET
from imbseg.predict.again import Stored
from imbseg.predict.measured import Measured, Objects
from imbseg.predict.member import Member
from imbseg.predict.png import Png
from imbseg.predict.predictor import Labelled, Predictor, Tiling
from imbseg.trial import Trial
from imbseg.windows.pixels import Array


def predictor(model: nn.Module, factor: tuple[float, float] = (1.0, 1.0), **tiling: Any) -> Predictor:
    trial = Trial(architecture="unet", encoder="resnet18", crop=(64, 64))
    about = {"weights_of_classes": {"a": 1.0, "b": 1.0, "c": 1.0}}
    stored = Stored(Path("run"), about, trial, model.eval(), IMAGENET, torch.device("cpu"))
    return Predictor([Member(stored, factor)], tiling=Tiling(**tiling))


def picture(height: int, width: int) -> np.ndarray:
    """Smooth, so that a difference of a rounding decides nothing."""
    rough = np.random.default_rng(3).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    return np.asarray(cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize("factor", [(1.0, 1.0), (0.5, 0.5), (0.37, 0.61), (1.5, 1.25), (0.7, 1.4)])
def test_a_network_without_surroundings_gives_the_same_in_tiles(factor: tuple[float, float]) -> None:
    torch.manual_seed(1)
    pointwise = nn.Conv2d(3, 3, 1)
    image = picture(211, 333)
    whole = predictor(pointwise, factor)(image)
    tiled = predictor(pointwise, factor, size=(64, 96), overlap=32, always=True)
    rows, columns = tiled.sides(211, 333)
    assert len(columns.starts) > 2
    assert len(list(tiled.bands(Array(image)))) >= len(rows.starts)
    found = tiled(image)
    assert np.abs(found.probabilities - whole.probabilities).max() < (1e-6 if factor == (1, 1) else 0.01)
    assert (found.labels != whole.labels).mean() < 0.002


@pytest.mark.parametrize("factor", [(0.5, 0.5), (0.37, 0.61), (1.5, 1.25)])
def test_a_band_of_the_input_is_that_part_of_the_whole_input(factor: tuple[float, float]) -> None:
    image = picture(211, 333)
    part = predictor(nn.Identity(), factor, size=(64, 64), always=True)
    rows, columns = part.sides(211, 333)
    size = part.members[0].input_size(333, 211)
    how = cv2.INTER_AREA if factor[0] < 1 else cv2.INTER_LINEAR
    whole = cv2.resize(image, size, interpolation=how).astype(int)
    for start in rows.starts:
        band = input_rows(Array(image), rows, columns, start)
        assert band.shape == (rows.tile, columns.padded, 3)
        inside = min(rows.tile, rows.size - start)
        assert np.abs(band[:inside, : columns.size] - whole[start : start + inside]).max() <= 1
        assert (band[inside:] == (124, 116, 104)).all()


def test_unet_is_within_a_thousandth_of_the_whole_image_where_tiles_share_what_a_pixel_sees() -> None:
    torch.manual_seed(1)
    model = build_network("unet", "resnet18", classes=3, decoder_width=48)
    for _ in range(3):  # statistics of the normalisation layers, so that no layer is dead
        model.train()(torch.randn(4, 3, 64, 64))
    image = picture(64, 1600)
    whole = predictor(model)(image)
    assert whole.probabilities.std() > 0.05
    tiled = predictor(model, size=(832, 64), overlap=608, always=True)
    assert len(tiled.sides(64, 1600)[1].starts) > 3
    found = tiled(image)
    assert np.abs(found.probabilities - whole.probabilities).max() < 1e-3
    assert (found.labels != whole.labels).mean() < 1e-3


SIDES = [(500, 500, 96, 32), (333, 500, 96, 64), (999, 301, 64, 32), (40, 40, 64, 32), (97, 97, 96, 64)]


@pytest.mark.parametrize(("native", "size", "tile", "overlap"), SIDES)
def test_weights_sum_to_one_and_the_borders_of_tiles_weigh_nothing(
    native: int, size: int, tile: int, overlap: int
) -> None:
    padded = -(-size // 32) * 32
    side = Side(native, size, padded, min(tile, padded), overlap, 32)
    total, last = np.zeros(native), len(side.starts) - 1
    for number, start in enumerate(side.starts):
        weights, first = side.weights(number), side.first(number)
        total[first : first + len(weights)] += weights
        places = side.sources[first : first + len(weights)]
        assert number == 0 or places[0] >= start + overlap / 4 - 0.5
        assert number == last or places[-1] <= start + side.tile - overlap / 4
        low, high, _ = side.taps(number)
        assert 0 <= low.min() <= high.max() < side.tile
    np.testing.assert_allclose(total, 1, atol=1e-6)
    assert side.first(last + 1) == native
    assert side.starts[-1] + side.tile == padded
    assert all(after - before <= side.tile - overlap for before, after in itertools.pairwise(side.starts))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("density", [0.1, 0.45, 0.6])
def test_objects_of_bands_are_those_of_the_whole_mask(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((60, 40)) < density
    mask[30] &= seed % 2 == 0  # an empty row between
    objects, cuts = Objects(), [0, *np.sort(rng.choice(np.arange(1, 60), 8, replace=False)), 60]
    for first, last in itertools.pairwise(cuts):
        objects.add(mask[first:last])
    assert objects.count == cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0] - 1


def test_what_is_told_of_an_image_by_hand() -> None:
    labels = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    first = np.array([[0.9, 0.45, 0.2], [0.6, 0.55, 0.4]], np.float32)  # of class 0; doubtful: .45, .55
    measured = Measured(["ground", "thing"], background=0)
    for row in (0, 1):
        measured.add(Labelled(labels[row : row + 1], np.stack([first, 1 - first])[:, row : row + 1]))
    # of class 0 .9, .6, .55, of class 1 .55, .8, .6; doubtful .45, .55, and .6 against .4 isn't nearer than .2
    expected = {"pixels:ground": 3, "pixels:thing": 3, "objects:thing": 1}
    row = measured.row()
    assert {name: row[name] for name in expected} == expected
    assert row["mean_confidence"] == pytest.approx(4.0 / 6)
    assert row["doubtful_share"] in (pytest.approx(2 / 6), pytest.approx(4 / 6))
    assert set(row) == {*expected, "mean_confidence", "doubtful_share"}


def test_a_png_written_in_rows_is_read_by_pillow() -> None:
    rng = np.random.default_rng(0)
    palette, file = rng.integers(0, 256, (5, 3), np.uint8), io.BytesIO()
    labels = rng.integers(0, 5, (33, 21), np.uint8)
    png = Png(file, 21, 33, palette)
    for first, last in ((0, 1), (1, 20), (20, 33)):
        png.write(labels[first:last])
    png.close()
    found = Image.open(file)
    assert found.mode == "P"
    np.testing.assert_array_equal(np.asarray(found), labels)
    np.testing.assert_array_equal(np.asarray(found.convert("RGB")), palette[labels])
    values, deep = rng.integers(0, 65536, (7, 9)).astype(np.uint16), io.BytesIO()
    png = Png(deep, 9, 7)
    png.write(values)
    png.close()
    np.testing.assert_array_equal(cv2.imdecode(np.frombuffer(deep.getvalue(), np.uint8), cv2.IMREAD_UNCHANGED), values)


def test_tiles_share_pixels_or_are_refused() -> None:
    small = predictor(nn.Conv2d(3, 3, 1), (0.7, 0.7), size=(8, 8), always=True)
    rows, columns = small.sides(150, 200)
    assert (rows.tile, rows.overlap, columns.tile) == (64, 32, 64)
    assert small(picture(150, 200)).labels.shape == (150, 200)
    for overlap in (0, 31, 100):
        bad = predictor(nn.Conv2d(3, 3, 1), size=(64, 64), overlap=overlap, always=True)
        with pytest.raises(InputError, match="take 32 to 32"):
            bad(picture(150, 200))
    for tiling in ({"overlap": -1}, {"size": (0, 8)}):
        with pytest.raises(InputError, match="expected"):
            Tiling(**tiling)
