from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from plain_meta import build
from tiny_tree import tiny_dataset

from imbseg.datasets.ids import ImageRow
from imbseg.datasets.read import read_mask
from imbseg.datasets.spec import Dataset, load
from imbseg.meta.atrous import Pyramid, atrous_rates, live_taps
from imbseg.meta.build import Built
from imbseg.meta.ceiling import Grid, ceilings, through
from imbseg.meta.ceiling_table import Setting, drawn, settings
from imbseg.meta.ceiling_words import ceiling_advice, ceiling_figure
from imbseg.trial import resolve
from imbseg.trial.geometry import geometry_of, pyramid_of

TAIL = ("pole", "signsymbol", "pedestrian", "bicyclist")
# input, decoder stride -> validation pole, sign, pedestrian, bicyclist, test pole: measured with torch's functions
CAMVID = {
    ((256, 192), 4): (0.175, 0.812, 0.778, 0.892, 0.266),
    ((256, 192), 2): (0.629, 0.930, 0.893, 0.951, 0.580),
    ((480, 360), 4): (0.616, 0.929, 0.893, 0.951, 0.589),
    ((480, 360), 2): (0.900, 0.972, 0.958, 0.979, 0.840),
}


def stripe(*columns: int) -> np.ndarray:
    mask = np.zeros((8, 8), np.uint8)
    mask[:, columns] = 1
    return mask


@pytest.mark.parametrize(
    ("columns", "decoded", "iou"),
    [
        # its cell's share is 1/4, the other class's never below 3/4
        ((3,), (), 0.0),
        # shares 3/4 and 0; brought up 3/4 3/4 .656 .469 .281 ...: columns 0 to 2
        ((0, 1, 2), (0, 1, 2), 1.0),
        ((1, 2, 3), (0, 1, 2), 2 / 4),
        # shares 1/2 and 1/2: equal everywhere, and the first class has it
        ((2, 3, 4, 5), (), 0.0),
        # shares 1/4 and 3/4: .344 .469 of it in columns 2 and 3, .531 .656 .75 .75 from 4 on
        ((3, 4, 5, 6), (4, 5, 6, 7), 3 / 5),
    ],
)
def test_a_stripe_on_cells_of_four_pixels(columns: tuple[int, ...], decoded: tuple[int, ...], iou: float) -> None:
    mask = stripe(*columns)
    np.testing.assert_array_equal(through(mask, Grid(None, 4)), stripe(*decoded))
    assert ceilings([mask], Grid(None, 4), 3)[1] == pytest.approx(iou)


def test_a_class_that_no_mask_shows_has_no_ceiling_and_ignored_pixels_count_in_none() -> None:
    masks = [np.full((8, 8), 255, np.uint8), stripe(0, 1, 2)]
    assert np.isnan(ceilings(masks[:1], Grid(None, 4), 2)).all()
    assert ceilings(masks, Grid(None, 4), 3).tolist() == pytest.approx([1, 1, math.nan], nan_ok=True)
    half = stripe(0, 1, 2)
    half[:, 5:] = 255  # class 0 has a quarter of both cells; class 1 .75 .75 .656 .469 .281 in the labelled columns
    assert ceilings([half], Grid(None, 4), 2)[1] == pytest.approx(3 / 5)


def test_resizing_averages_in_the_files_pixels_and_padding_is_of_no_class() -> None:
    wide = np.repeat(stripe(1, 2, 3), 3, axis=1)  # 24 x 8, shown as 8 x 8
    once = through(wide, Grid((8, 8), 4))
    assert once.shape == wide.shape
    # 3/4, 3/4, .656, .469 at the shown size; brought up to 24, .469 and .656 give .594 and .531 before .5 is met
    np.testing.assert_array_equal(once[0], [1] * 10 + [0] * 14)
    # 6 columns, padded to 8: the second cell is half empty, so its class 0 has 1/2
    short = stripe(0, 1, 2)[:, :6]
    assert Grid(None, 4, multiple=8).padded((6, 8)) == (8, 8)
    assert through(short, Grid(None, 4, multiple=8))[0].tolist() == [1, 1, 1, 1, 0, 0]  # .469 of it, .344 of class 0


def brute_force(masks: list[np.ndarray], grid: Grid, classes: int) -> list[Fraction | None]:
    """The definition again, pixel by pixel in fractions."""
    both, truth, found = ([0] * classes for _ in range(3))
    for mask in masks:
        decoded = brute_decode(mask.tolist(), grid, classes)
        for true, label in zip(mask.ravel().tolist(), (one for row in decoded for one in row), strict=True):
            if true != 255:
                truth[true] += 1
                found[label] += 1
                both[true] += true == label
    unions = [truth[c] + found[c] - both[c] for c in range(classes)]
    return [Fraction(both[c], unions[c]) if unions[c] else None for c in range(classes)]


def brute_decode(mask: list[list[int]], grid: Grid, classes: int) -> list[list[int]]:
    native = (len(mask[0]), len(mask))
    shown = grid.resize or native
    padded = [math.ceil(side / grid.multiple) * grid.multiple for side in shown]
    cells = [math.ceil(side / grid.stride) for side in padded]
    maps = []
    for label in range(classes):
        size = [Fraction(native[k] * padded[k], shown[k] * cells[k]) for k in (0, 1)]  # of a cell, in the mask's pixels
        share = [
            [
                sum(
                    inside(x * size[0], (x + 1) * size[0], i) * inside(y * size[1], (y + 1) * size[1], j)
                    for j in range(native[1]) for i in range(native[0]) if mask[j][i] == label
                )
                for x in range(cells[0])
            ]
            for y in range(cells[1])
        ]  # fmt: skip
        large = brute_resize(share, padded)
        maps.append(brute_resize([row[: shown[0]] for row in large[: shown[1]]], native))
    return [
        [max(range(classes), key=lambda label: (maps[label][y][x], -label)) for x in range(native[0])]
        for y in range(native[1])
    ]


def inside(low: Fraction, high: Fraction, pixel: int) -> Fraction:
    return max(Fraction(0), min(high, Fraction(pixel + 1)) - max(low, Fraction(pixel)))


def brute_resize(values: list[list[Fraction]], size: list[int] | tuple[int, int]) -> list[list[Fraction]]:
    def at(x: int, y: int) -> Fraction:
        total = Fraction(0)
        for j, wy in near(y, len(values), size[1]):
            for i, wx in near(x, len(values[0]), size[0]):
                total += wx * wy * values[j][i]
        return total

    return [[at(x, y) for x in range(size[0])] for y in range(size[1])]


def near(place: int, before: int, after: int) -> list[tuple[int, Fraction]]:
    centre = (Fraction(2 * place + 1, 2) * before / after) - Fraction(1, 2)
    low = math.floor(centre)
    part = centre - low
    return [(min(max(low, 0), before - 1), 1 - part), (min(max(low + 1, 0), before - 1), part)]


@pytest.mark.parametrize("seed", range(10))
def test_equals_a_second_script_on_random_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes, sizes = int(rng.integers(2, 5)), rng.integers(5, 13, (2, 2))
    masks = [rng.integers(0, classes, (height, width)).astype(np.uint8) for height, width in sizes]
    masks = [np.kron(mask[:4, :4], np.ones((2, 3), np.uint8)) if seed % 2 else mask for mask in masks]
    for mask in masks:
        mask[rng.random(mask.shape) < 0.15] = 255
    resize = None if seed % 3 == 0 else tuple(int(side) for side in rng.integers(4, 14, 2))
    grid = Grid(resize, int(rng.integers(1, 5)), multiple=int(rng.choice([1, 4, 8])))
    expected = [math.nan if one is None else float(one) for one in brute_force(masks, grid, classes)]
    np.testing.assert_allclose(ceilings(masks, grid, classes), expected, atol=1e-12)


@pytest.fixture(scope="module")
def camvid(shared_data: Path) -> tuple[tuple[str, ...], dict[str, list[np.ndarray]]]:
    """Class names; the validation masks, and every third test mask."""
    dataset, masks = load("camvid", root=str(shared_data / "camvid")), {}
    for subset, step in (("val", 1), ("test", 3)):
        ids = (dataset.root / f"ImageSets/Segmentation/{subset}.txt").read_text().split()[::step]
        masks[subset] = [read_mask(dataset.root / f"SegmentationClass/{one}.png", dataset) for one in ids]
    return dataset.class_names, masks


@pytest.mark.parametrize(
    ("size", "stride"),
    [pytest.param(*one, marks=[] if one in list(CAMVID)[::3] else pytest.mark.slow) for one in CAMVID],
)
def test_camvids_table(camvid: tuple, size: tuple[int, int], stride: int) -> None:
    names, masks = camvid
    val, test = (ceilings(masks[subset], Grid(size, stride), len(names)) for subset in ("val", "test"))
    told = [*(val[names.index(name)] for name in TAIL), test[names.index("pole")]]
    assert told == pytest.approx(CAMVID[size, stride], abs=0.002)


IDRID = {  # input, stride -> microaneurysm and hard exudate, on every third train mask
    ((268, 178), 4): (0.000, 0.333),
    ((536, 356), 4): (0.009, 0.516),
    ((536, 356), 2): (0.257, 0.719),
    ((1072, 712), 2): (0.804, 0.913),
}


def test_idrids_table(shared_data: Path) -> None:
    dataset = load("idrid", root=str(shared_data / "idrid"))
    ids = (dataset.root / "train.txt").read_text().split()[::3]
    masks = [read_mask(dataset.root / f"masks/{name}.png", dataset) for name in ids]
    rows = [dataset.class_names.index(name) for name in ("microaneurysm", "hard_exudate")]
    for (size, stride), expected in IDRID.items():
        assert ceilings(masks, Grid(size, stride), 6)[rows] == pytest.approx(expected, abs=0.001)


def test_rates_and_the_taps_they_leave_alive() -> None:
    assert atrous_rates("paper", 8, (32, 24)) == (12, 24, 36)
    assert atrous_rates("fit", 16, (16, 12)) == (2, 4, 6)
    assert atrous_rates("fit", 16, (64, 64)) == atrous_rates("paper", 16, (64, 64)) == (6, 12, 18)
    assert atrous_rates("fit", 16, (3, 2)) == (1, 2, 3)
    assert [live_taps(rate, (16, 12)) for rate in (2, 4, 6)] == pytest.approx([6.333, 4.833, 3.5], abs=0.001)
    assert [live_taps(rate, (32, 32)) for rate in (24, 36)] == [1.25, 0.0]


@pytest.mark.parametrize(("rate", "size"), [(1, (5, 4)), (3, (5, 4)), (4, (5, 4)), (2, (2, 9))])
def test_live_taps_counted_one_by_one(rate: int, size: tuple[int, int]) -> None:
    width, height = size
    live = sum(
        0 <= x + dx < width and 0 <= y + dy < height
        for x in range(width) for y in range(height)
        for dx in (-rate, 0, rate) for dy in (-rate, 0, rate) if dx or dy
    )  # fmt: skip
    assert live_taps(rate, size) == pytest.approx(live / (width * height))


def test_the_settings_that_are_compared() -> None:
    own = Setting(Grid((256, 192), 4, 16))
    assert [one.name for one in settings(own, (480, 360))] == [
        "256x192, stride 4", "256x192, stride 2", "256x192, stride 1", "480x360, stride 4", "480x360, stride 2",
        "native crops of 256x192, stride 4", "native crops of 256x192, stride 2",
    ]  # fmt: skip
    small = settings(Setting(Grid((268, 178), 4, 16)), (1072, 712))  # twice the side comes between
    assert {one.grid.resize for one in small} == {(268, 178), (536, 356), (1072, 712), None}
    crops = settings(Setting(Grid(None, 1, 32), (512, 512)), (500, 375))
    assert [(one.grid.stride, one.crop) for one in crops] == [(stride, (512, 512)) for stride in (1, 4, 2)]
    assert own.sample((480, 360)) == (256, 192)
    assert Setting(Grid(None, 4, 16), (100, 90)).sample((480, 360)) == (112, 96)
    assert Setting(Grid((512, 384), 2)).step_pixels((1, 1)) / own.step_pixels((1, 1)) == pytest.approx(4 * 1.2)


def rows(n: int) -> list[ImageRow]:
    return [ImageRow(str(i), "train" if i % 2 else "val", "", f"{i}.png", None) for i in range(n)]


def test_masks_are_drawn_by_seed_from_train_images_fewer_of_large_ones() -> None:
    small = drawn(rows(1000), [(480, 360)] * 1000, seed=1)
    assert len(small) == 200
    assert {row.subset for row in small} == {"train"}
    assert small == drawn(rows(1000), [(480, 360)] * 1000, seed=1) != drawn(rows(1000), [(480, 360)] * 1000, seed=2)
    assert [int(row.id) for row in small] == sorted(int(row.id) for row in small)
    assert len(drawn(rows(1000), [(2000, 1000)] * 1000, seed=1)) == 50
    assert len(drawn(rows(1000), [(20000, 10000)] * 1000, seed=1)) == 20
    assert len(drawn(rows(10), [(20000, 10000)] * 10, seed=1)) == 5


@pytest.fixture(scope="module")
def striped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dataset, Built, Path]:
    """64 x 64: a ball of three fifths of a cell in each image, a rod two pixels wide in the first."""
    masks = {f"{i:02d}": np.zeros((64, 64), np.uint8) for i in range(6)}
    for mask in masks.values():
        mask[16:32, 16:40] = 1
    masks["00"][:, 50:52] = 2
    folder = tmp_path_factory.mktemp("striped")
    dataset = tiny_dataset(folder / "raw", masks)
    own = Setting(Grid((32, 32), 4, 16))
    return dataset, build(dataset, folder / "meta", own=own, pyramid=Pyramid()), folder / "meta"


def test_the_table_of_a_data_set(striped: tuple[Dataset, Built, Path]) -> None:
    dataset, built, folder = striped
    table = pd.read_csv(folder / "ceiling.csv")
    assert list(table) == ["class", "setting", "resize", "crop", "decoder_stride", "cost", "images", "ceiling"]
    own = table[table["setting"] == "32x32, stride 4"].set_index("class")
    assert own.loc["rod", ["ceiling", "images", "cost"]].tolist() == [0, 1, 1]
    assert own.loc["ball", "images"] == 5  # the sixth is the test image
    masks = [read_mask(dataset.root / f"masks/{i:02d}.png", dataset) for i in range(5)]
    assert own["ceiling"].tolist() == pytest.approx(ceilings(masks, Grid((32, 32), 4, 16), 3).tolist(), abs=1e-6)
    native = table[table["setting"] == "native crops of 32x32, stride 2"].set_index("class")
    assert native["cost"].unique().tolist() == [1.2]
    whole = table[table["setting"] == "64x64, stride 2"].set_index("class")
    assert whole["cost"].unique().tolist() == [4.8]
    assert whole["ceiling"].tolist() == native["ceiling"].tolist()
    assert built.manifest["files"]["ceiling.csv"]


def test_the_sentences_of_the_diagnosis(striped: tuple[Dataset, Built, Path]) -> None:
    text = striped[1].diagnosis
    assert "- 0.00 is what rod can reach at 32x32, stride 4; " in text
    assert "for each dilated convolution of DeepLabV3+: `smp` (12, 24, 36) 0, 0, 0 with the own" in text
    free = striped[1].ceiling.assign(ceiling=0.95)
    assert ceiling_advice(free) == ["No class is capped: each keeps 0.9 or more on its own grid, or no other lifts it."]
    rows = [(f"c{i}", *one) for i in range(6) for one in (("own", 1, 0.1 * i), ("cheap", 1.1, 0.95), ("best", 4, 0.99))]
    told = ceiling_advice(pd.DataFrame(rows, columns=["class", "setting", "cost", "ceiling"]))
    assert told[1] == "0.10 is what c1 can reach at own; 0.95 at cheap (1.1 x the time); 0.99 at best (4.0 x the time)."
    assert len(told) == 5
    assert told[4].startswith("2 more classes have a ceiling below 0.9")


def test_the_figure_shows_what_stands_in_the_table(striped: tuple[Dataset, Built, Path]) -> None:
    table = striped[1].ceiling
    axis = ceiling_figure(table, "tiny").axes[0]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["ground", "ball", "rod"]
    assert axis.get_xticklabels()[0].get_text() == "32x32\nstride 4\n1.0 x"
    shown = axis.images[0].get_array()
    assert shown[2, 0] == 0
    assert shown.shape == (3, table["setting"].nunique())


def test_what_a_trial_says_of_its_geometry() -> None:
    base = {"dataset": "camvid"}
    assert geometry_of(resolve(base, {}).trial) == Setting(Grid((256, 192), 4, 16))
    assert geometry_of(resolve({**base, "decoder_stride": "2"}, {}).trial).grid.stride == 2
    unet = resolve({**base, "architecture": "unet", "crop": "100", "resize": "none"}, {}).trial
    assert geometry_of(unet) == Setting(Grid(None, 1, 32), (100, 100))
    assert pyramid_of(unet) is None
    assert pyramid_of(resolve({**base, "output_stride": "8", "atrous_rates": "paper"}, {}).trial) == Pyramid("paper", 8)
