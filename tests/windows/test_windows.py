"""What bands and windows of a file give is what all of it gives: objects, pixels, samples, counts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from large_tree import drawn_mask, make_large, write_large
from small_trial import SMALL

from imbseg.augment.boxes import Boxes, part_of
from imbseg.augment.geometry import draw_geometry, warp_image, warp_mask
from imbseg.augment.object_area import object_numbers
from imbseg.copy_paste.donors import find_donors
from imbseg.copy_paste.patches import Patches
from imbseg.datasets.decoded import read_pair
from imbseg.datasets.read import read_mask
from imbseg.datasets.spec import load
from imbseg.errors import InputError
from imbseg.meta.build import build
from imbseg.meta.scan import components
from imbseg.meta.table import scan_all
from imbseg.metrics import bands as of_bands
from imbseg.metrics.counts import image_confusion
from imbseg.metrics.object_size import object_sizes, size_counts
from imbseg.metrics.tally import Tally, added
from imbseg.models.weights import IMAGENET
from imbseg.sampling.order import NO_FOCUS
from imbseg.training.fold import read_fold
from imbseg.training.loop import evaluate
from imbseg.training.post_hoc import ways_of
from imbseg.training.samples import TrainSamples
from imbseg.training.whole_images import WholeImages, ceilings
from imbseg.trial import resolve
from imbseg.windows.cells import SIDE, Cells, Counter
from imbseg.windows.components import Components
from imbseg.windows.mask import Mask

WHOLE = "imbseg.windows.pixels.WHOLE"
SIZES = {
    "train0": (200, 264),
    "train1": (193, 170),
    "train2": (64, 70),
    "train3": (64, 64),
    "val0": (150, 161),
    "test0": (210, 180),
}


@pytest.mark.parametrize("density", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("background", [0, None])
def test_components_of_bands_are_those_of_the_whole_mask(density: float, background: int | None) -> None:
    rng = np.random.default_rng(int(10 * density))
    mask = np.where(rng.random((60, 41)) < density, rng.integers(0, 3, (60, 41)), 255).astype(np.uint8)
    mask = np.asarray(cv2.resize(mask, (82, 120), interpolation=cv2.INTER_NEAREST), np.uint8)
    pixels = np.bincount(mask.ravel(), minlength=256)[:3]
    for height in (1, 7, 33, 120):
        found = Components(background)
        for top in range(0, 120, height):
            found.add(mask[top : top + height])
        np.testing.assert_array_equal(found.objects(), components(mask, pixels, background))


def test_no_component_at_all() -> None:
    found = Components(0)
    found.add(np.zeros((3, 4), np.uint8))
    assert found.objects().shape == (0, 7)


@pytest.mark.parametrize("closely", [True, False])
def test_bands_are_counted_as_the_whole_image(tmp_path: Path, closely: bool) -> None:
    dataset = load(str(make_large(tmp_path, {"train0": (64, 64), "test0": (64, 64)})))
    truth, rng = drawn_mask(203, 151, 3, every=20), np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(3, 203, 151)).astype(np.float32))
    logits[:, :, :] += 3 * torch.nn.functional.one_hot(torch.from_numpy(np.minimum(truth, 2)).long(), 3).permute(
        2, 0, 1
    )
    labels = logits.max(dim=0).indices.numpy().astype(np.uint8)
    whole, sizes = Tally(dataset, closely=closely), object_sizes(truth, object_numbers(truth, 0), 3)
    whole.add(logits, labels, truth, sizes)
    tally = Tally(dataset, closely=closely)
    bands, edges = tally.bands(truth.shape), [0, 1, 50, 51, 203]
    for first, last in itertools.pairwise(edges):
        bands.add(labels[first:last], truth[first:last], logits[:, first:last])
    tally.add_bands(bands, by_size=True)
    np.testing.assert_array_equal(bands.confusion, image_confusion(labels, truth, 3))
    assert tally.sums.keys() == whole.sums.keys()
    for name, counted in whole.sums.items():
        np.testing.assert_array_equal(tally.sums[name], counted)
    np.testing.assert_array_equal(bands.sizes(), size_counts(labels, truth, sizes))


def test_what_processes_counted_is_added_wherever_one_of_them_counted_nothing() -> None:
    total = added([{"tp": np.array([1])}, {"tp": np.array([2]), "fn": np.array([5])}, {}, {"tp": np.array([0])}])
    assert {name: value.tolist() for name, value in total.items()} == {"tp": [3], "fn": [5]}


def test_counts_of_equal_numbers_are_added_beyond_32_bits() -> None:
    numbers, pixels = of_bands._summed(np.array([3, 1, 1]), np.array([1, 2**31 - 1, 2**31 - 1], np.int32))
    assert (numbers.tolist(), pixels.tolist()) == ([1, 3], [2**32 - 2, 1])


def test_cells_hold_every_pixel_and_draw_by_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imbseg.windows.cells.SIDE", 16)
    mask = drawn_mask(90, 75, 5, every=30)
    counter = Counter(75, 3)
    for first, last in ((0, 7), (7, 40), (40, 90)):
        counter.add(mask[first:last])
    rows = counter.rows()
    for label, column, row, pixels in rows.tolist():
        assert (mask[16 * row : 16 * row + 16, 16 * column : 16 * column + 16] == label).sum() == pixels
    assert np.bincount(rows[:, 0], rows[:, 3]).tolist() == np.bincount(mask.ravel())[:3].tolist()
    table = pd.DataFrame({"id": "a", "class": np.array(list("xyz"))[rows[:, 0]], "x": rows[:, 1], "y": rows[:, 2],
                          "pixels": rows[:, 3]})  # fmt: skip
    table.to_csv(tmp_path / "cells.csv", index=False)
    cells = Cells.read(tmp_path, ["b", "a"], list("xyz"))
    assert cells is not None
    assert (cells.holds(0), cells.holds(1)) == (False, True)
    objects = pd.DataFrame({"id": ["a"], "class": ["y"], "x": [3], "y": [2], "width": [70], "height": [85]})
    boxes, rng = Boxes.of(["b", "a"], objects, list("xyz"), cells), np.random.default_rng(0)
    monkeypatch.setattr("imbseg.augment.boxes.MOST_READ", 1)
    read: list[tuple[int, ...]] = []

    def classes(box: tuple[int, ...]) -> Any:
        read.append(box)
        return part_of(mask)(box)

    points = [boxes.draw_point(rng, 1, 1, classes) for _ in range(3000)]
    assert all(mask[y, x] == 1 and 3 <= x < 73 and 2 <= y < 87 for x, y in filter(None, points))
    assert max(box[2] * box[3] for box in read) <= 256
    left = np.mean([one[0] < 37 for one in filter(None, points)])
    wanted = (mask[2:87, 3:37] == 1).sum() / (mask[2:87, 3:73] == 1).sum()
    assert abs(left - wanted) < 0.05
    assert Cells.read(tmp_path / "none", ["a"], ["x"]) is None


@pytest.mark.parametrize("scale", [0.2, 0.45, 0.7, 1.0, 1.7])
def test_a_sample_of_its_window_is_that_of_the_whole_image(scale: float) -> None:
    mask, rng = drawn_mask(400, 520, 4), np.random.default_rng(1)
    image = np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (400, 520, 3), np.uint8), (0, 0), 3), np.uint8)
    for _ in range(12):
        one = draw_geometry(rng, (520, 400), resize=None, crop=(32, 32), scale=(scale, scale), flip=0.5)
        left, top, right, bottom = one.window((520, 400))
        part = type(one)(one.scale, one.offset, one.flip, one.size, (left, top))
        whole = warp_image(image, one), warp_mask(mask, one)
        found = warp_image(image[top:bottom, left:right], part), warp_mask(mask[top:bottom, left:right], part)
        assert (bottom - top) * (right - left) <= ((32 / scale) + 48) ** 2
        off = np.abs(found[0].astype(int) - whole[0]).max()
        assert off == 0 if scale == 1 else off <= (6 if scale < 0.5 else 1)
        assert (found[1] != whole[1]).mean() <= (0 if scale == 1 else 0.03)


@pytest.fixture(params=["tif", "png"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_large(tmp_path / "set", SIZES, mask_ending=request.param)


def test_meta_is_the_same_and_tells_where_classes_are(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, folders = load(str(tree)), {}
    for name, bound in (("whole", 2**25), ("windows", 5000)):
        monkeypatch.setattr(WHOLE, bound)
        folders[name] = tree.parent / name
        build(dataset, folders[name], workers=1, seed=1)
    for file in ("images.csv", "objects.csv", "classes.csv", "splits.csv", "masks.csv", "ceiling.csv"):
        assert (folders["whole"] / file).read_bytes() == (folders["windows"] / file).read_bytes(), file
    assert not (folders["whole"] / "cells.csv").exists()
    cells, images = (pd.read_csv(folders["windows"] / f"{one}.csv") for one in ("cells", "images"))
    assert set(cells["id"]) == {"train0", "train1", "val0", "test0"}  # others have fewer pixels
    for name in ("ground", "field", "rod"):
        own = cells[cells["class"] == name].groupby("id")["pixels"].sum()
        assert own.to_dict() == images.set_index("id").loc[own.index, f"pixels:{name}"].to_dict()
    assert SIDE == 512


def parts(tree: Path, **flags: str) -> tuple[Any, Any, Any]:
    given = {**SMALL, "dataset": str(tree), "meta": str(tree.parent / "meta"), "strategy": "full/given/none/rare"}
    made = resolve({**given, "crop": "32", "crop_on_object": "0.7", **flags}, {})
    return made.trial, made.dataset, read_fold(made.trial, made.dataset)


def test_samples_and_patches_and_counts_are_those_of_whole_images(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(load(str(tree)), tree.parent / "meta", workers=1, seed=1)
    monkeypatch.setattr(WHOLE, 5000)
    build(load(str(tree)), tree.parent / "meta", workers=1, seed=1)
    flags = {"scale_min": "1", "scale_max": "1"}
    trial, dataset, fold = parts(tree, **flags)
    assert fold.train.large == [True, True, False, False]
    monkeypatch.setattr(WHOLE, 2**25)
    whole_fold = parts(tree, **flags)[2]
    pairs = [TrainSamples(one.train, dataset, trial, IMAGENET, one.boxes) for one in (fold, whole_fold)]
    monkeypatch.setattr("imbseg.training.samples.read_pair", lambda *_: pytest.fail("an image was read whole"))
    keys = [(1, place, index, focus) for place, index in enumerate((0, 1, 0, 1)) for focus in (NO_FOCUS, 1, 2)]
    windows = [pairs[0][key] for key in keys]
    monkeypatch.setattr("imbseg.training.samples.read_pair", read_pair)
    for found, key in zip(windows, keys, strict=True):
        wanted = pairs[1][key]
        assert torch.equal(found["image"], wanted["image"])
        assert torch.equal(found["target"], wanted["target"])
    _same_patches(fold, whole_fold, dataset, tree)
    torch.manual_seed(2)
    model = torch.nn.Conv2d(3, 3, 1)
    counts = [evaluate(model, WholeImages(one.test, dataset, trial, IMAGENET), torch.device("cpu"), trial, "",
                       closely=True) for one in (fold, whole_fold)]  # fmt: skip
    for name in ("tp", "fp", "fn", "ignored", "confusion", "object_tp", "object_fn", "objects", "components"):
        np.testing.assert_array_equal(getattr(counts[0], name), getattr(counts[1], name), name)
    assert counts[0].tp.sum() > 0
    np.testing.assert_allclose(counts[0].calibration, counts[1].calibration, atol=1e-3)
    assert ways_of("prior")
    _same_ceilings(fold, whole_fold, trial, dataset, monkeypatch)


def _same_ceilings(fold: Any, whole_fold: Any, trial: Any, dataset: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(
        "imbseg.meta.ceiling_table.read_mask", lambda path, dataset: read.append(path.stem) or read_mask(path, dataset)
    )
    found = ceilings(trial, dataset, {"train": fold.train, "test": fold.test})
    assert read == ["train2", "train3"]  # the only small ones
    assert found == ceilings(trial, dataset, {"train": whole_fold.train, "test": whole_fold.test})


def _same_patches(fold: Any, whole_fold: Any, dataset: Any, tree: Path) -> None:
    images, objects = (
        pd.read_csv(tree.parent / "meta" / f"{one}.csv", dtype={"id": str}) for one in ("images", "objects")
    )
    rows = images[images["subset"] == "train"].reset_index(drop=True)
    donors = find_donors(rows, objects, dataset, paste_min_pixels=10, paste_max_share=0.5)
    files: list[Any] = [fold.train.images, fold.train.masks, []]
    how: dict[str, Any] = {"margin": 3, "paste_memory": 8}
    plain = Patches(donors, *files, lambda image, mask: read_pair(image, mask, dataset), **how)
    some = fold.train
    parted = Patches(donors, *files, lambda *_: pytest.fail("an image was read whole"),
                     opened=lambda row: some.source(dataset, row), **how)  # fmt: skip
    chosen = [int(one) for one in np.flatnonzero(donors.image < 2)]
    assert len(chosen) > 20
    for donor in chosen:
        one, other = plain[donor], parted[donor]
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.shape, other.shape)
        assert (one.label, one.share) == (other.label, other.share)


REFUSED = {
    "resize": ({"resize": "64x64", "crop": "none"}, "resize: image .* windows are read; take crops of its own pixels"),
    "rank": ({"post_hoc": "rank"}, "post_hoc rank: needs the whole image, and image .* take none, prior, flip"),
    "areas": ({"loss": "size_balanced"}, "loss size_balanced: measures objects in the whole image"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_the_whole_image_is_refused(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flags, sentence = REFUSED[case]
    tree = make_large(tmp_path / "set", SIZES)
    build(load(str(tree)), tree.parent / "meta", workers=1, seed=1)
    parts(tree, **flags)
    monkeypatch.setattr(WHOLE, 5000)
    with pytest.raises(InputError, match=sentence):
        parts(tree, **flags)


def refused_mask(tmp_path: Path, values: np.ndarray, sentence: str, **how: Any) -> None:
    dataset = load(str(make_large(tmp_path / sentence[:3], {"train0": (64, 64), "test0": (64, 64)})))
    path = dataset.root / "masks/odd.tif"
    tifffile.imwrite(path, values, metadata=None, **how)
    with pytest.raises(InputError, match=sentence), Mask(path, dataset) as mask:
        mask.rows(0, len(values))


def test_masks_that_hold_other_numbers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = np.zeros((64, 64), np.uint8)
    refused_mask(tmp_path, plain, "JPEG.* compression, which changes values", compression="jpeg", tile=(64, 64))
    refused_mask(tmp_path, np.zeros((64, 64, 3), np.uint8), "expected one number a pixel", photometric="rgb")
    refused_mask(tmp_path, plain + 7, "value 7 is no class value")
    refused_mask(tmp_path, plain.astype(np.float32), "numbers of 8 or 16 bits, found float32")
    refused_mask(tmp_path, plain.astype(np.int32) - 1, "16 bits, found -1 to -1")
    refused_mask(tmp_path, plain, "stored inverted", photometric="miniswhite")
    monkeypatch.setattr("imbseg.windows.mask.MOST_PART", 1000)
    refused_mask(tmp_path, plain, "tiles or strips of at most 1000 pixels, found 64 x 64")


def test_a_palette_and_sixteen_bits_are_read_as_numbers(tmp_path: Path) -> None:
    dataset = load(str(make_large(tmp_path, {"train0": (64, 64), "test0": (64, 64)})))
    mask = drawn_mask(70, 90, 1)
    palette = np.random.default_rng(0).integers(0, 2**16, (3, 256)).astype(np.uint16)
    ways: list[dict[str, Any]] = [
        {"photometric": "palette", "colormap": palette},
        {"tile": (16, 32)},
        {"rowsperstrip": 9},
    ]
    for number, how in enumerate(ways):
        path = tmp_path / f"masks/{number}.tif"
        tifffile.imwrite(path, mask.astype(np.uint16) if number == 2 else mask, metadata=None, **how)
        with Mask(path, dataset) as file:
            assert file.size == (70, 90)
            np.testing.assert_array_equal(file.window(3, 61, 5, 80), mask[3:61, 5:80])


def test_another_size_and_objects_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from imbseg.datasets.ids import image_rows

    monkeypatch.setattr(WHOLE, 1000)
    file = make_large(tmp_path / "set", {"train0": (64, 64), "test0": (64, 64)})
    write_large(tmp_path / "set", "train0", drawn_mask(64, 80, 1))
    tifffile.imwrite(tmp_path / "set/masks/train0.tif", drawn_mask(64, 64, 1), metadata=None)
    dataset = load(str(file))
    with pytest.raises(InputError, match=r"expected the size of its image .*, 80 x 64 .*, found 64 x 64"):
        scan_all(image_rows(dataset), dataset, 1)
    dataset = load(
        str(make_large(tmp_path / "more", {"train0": (64, 64), "test0": (64, 64)}, objects="masks/{id}.tif"))
    )
    with pytest.raises(InputError, match=r"take 'objects' out of large\.yml"):
        scan_all(image_rows(dataset), dataset, 1)
