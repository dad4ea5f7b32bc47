"""Decoded images that are kept: the same pixels, a bound, other files noticed, two writers at once, a full disk."""

from __future__ import annotations

import functools
import multiprocessing
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image

from imbseg.datasets import decoded
from imbseg.datasets.read import read_image, read_mask
from imbseg.datasets.spec import Dataset, load
from imbseg.errors import InputError

SIDE = 500
ENTRY = SIDE * SIDE * 4 + 40  # three channels, a class, and the tail: 1,000,040 bytes


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, list[Path], list[Path]]:
    monkeypatch.setenv("IMBSEG_CACHE", str(tmp_path / "cache"))
    dataset = load(str(make_binary_tree(tmp_path / "data", n=4, size=(SIDE, SIDE))))
    images = sorted((tmp_path / "data" / "images").iterdir())
    return dataset, images, [tmp_path / "data" / "masks" / image.name for image in images]


def sizes(images: list[Path]) -> list[tuple[int, int]]:
    return [(SIDE, SIDE)] * len(images)


def one_pair(tree: tuple[Dataset, list[Path], list[Path]]) -> tuple[Dataset, Path, Path, Path]:
    """The data set, its first image, that image's mask, and the entry that keeps both."""
    dataset, (image, *_), (mask, *_) = tree
    return dataset, image, mask, decoded.entries(dataset, [image], [(SIDE, SIDE)], 2)[image]


def as_decoded(image: Path, mask: Path, dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    return read_image(image), read_mask(mask, dataset)


def same(found: tuple[np.ndarray, np.ndarray], wanted: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_what_is_kept_is_read_without_decoding(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, image, mask, entry = one_pair(tree)
    wanted = as_decoded(image, mask, dataset)
    assert same(decoded.read_pair(image, mask, dataset, entry), wanted)
    assert entry.stat().st_size == ENTRY
    monkeypatch.setattr(decoded, "read_image", None)  # decoding again would fail
    again = decoded.read_pair(image, mask, dataset, entry)
    assert same(again, wanted)
    assert again[0].flags.writeable


@pytest.mark.parametrize(("megabytes", "kept"), [(0, 0), (1, 0), (2, 1), (4, 3), (5, 4), (1000, 4)])
def test_the_bound_holds_for_all_images_together(tree, megabytes: int, kept: int) -> None:
    dataset, images, masks = tree  # four entries of 1.00004 MB each: 2 MB hold one
    entries = decoded.entries(dataset, images, sizes(images), megabytes)
    assert list(entries) == images[:kept]
    for image, mask in zip(images, masks, strict=True):
        wanted = as_decoded(image, mask, dataset)
        assert same(decoded.read_pair(image, mask, dataset, entries.get(image)), wanted)
    folder = decoded.cache_folder(dataset)
    assert sum(file.stat().st_size for file in folder.glob("*")) == kept * ENTRY


def repaint(image: Path, mask: Path) -> None:
    stamp = image.stat()
    Image.fromarray(255 - read_image(image)).save(image)
    os.utime(image, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))


def relabel(image: Path, mask: Path) -> None:
    Image.new("L", (SIDE, SIDE), 255).save(mask)


def cut_short(image: Path, mask: Path, length: int = -1) -> None:
    (entry,) = (image.parents[2] / "cache").rglob("*.raw")
    entry.write_bytes(entry.read_bytes()[:length])


@pytest.mark.parametrize("change", [repaint, relabel, cut_short, functools.partial(cut_short, length=0)])
def test_a_cache_of_other_files_is_made_anew(tree, change) -> None:
    dataset, image, mask, entry = one_pair(tree)
    decoded.read_pair(image, mask, dataset, entry)
    change(image, mask)
    wanted = as_decoded(image, mask, dataset)
    assert same(decoded.read_pair(image, mask, dataset, entry), wanted)
    kept = np.fromfile(entry, np.uint8)
    assert len(kept) == ENTRY
    np.testing.assert_array_equal(kept[: SIDE * SIDE * 3], wanted[0].ravel())


def test_classes_that_changed_their_values_are_read_anew(tree) -> None:
    dataset, image, mask, entry = one_pair(tree)  # the first image shows a crack, of value 255
    before = decoded.read_pair(image, mask, dataset, entry)[1]
    swapped = tuple(one.model_copy(update={"value": 255 - one.value}) for one in dataset.classes)
    other = dataset.model_copy(update={"classes": swapped, "digest": "another"})
    np.testing.assert_array_equal(decoded.read_pair(image, mask, other, entry)[1], 1 - before)


def test_two_data_sets_of_one_name_never_see_each_others_pixels(tree, tmp_path: Path) -> None:
    dataset, (image, other, *_), (mask, other_mask, *_) = tree
    entry = decoded.entries(dataset, [image], [(SIDE, SIDE)], 2)[image]
    for one, its_mask in ((image, mask), (other, other_mask), (image, mask)):
        assert same(decoded.read_pair(one, its_mask, dataset, entry), as_decoded(one, its_mask, dataset))


def read_often(root: str, barrier, entry: Path, image: Path, mask: Path) -> None:
    dataset = load(root)
    barrier.wait()
    for _ in range(20):
        entry.unlink(missing_ok=True)
        assert same(decoded.read_pair(image, mask, dataset, entry), as_decoded(image, mask, dataset))


def test_two_trials_may_build_it_at_once(tree) -> None:
    dataset, image, mask, entry = one_pair(tree)
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    both = [context.Process(target=read_often, args=(str(dataset.path), barrier, entry, image, mask)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(120)
    assert [one.exitcode for one in both] == [0, 0]
    assert [file.name for file in entry.parent.iterdir()] == [entry.name]
    assert entry.stat().st_size == ENTRY


def test_an_image_that_went_is_told_as_without_a_cache(tree) -> None:
    dataset, image, mask, entry = one_pair(tree)
    decoded.read_pair(image, mask, dataset, entry)
    image.unlink()
    with pytest.raises(InputError, match="can't be read"):
        decoded.read_pair(image, mask, dataset, entry)


def test_a_folder_that_is_a_file_is_refused(tree, tmp_path: Path) -> None:
    dataset, images, _ = tree
    (tmp_path / "cache").mkdir()
    decoded.cache_folder(dataset).write_text("mine")
    with pytest.raises(InputError, match="expected an output folder, found a file"):
        decoded.entries(dataset, images, sizes(images), 9)


def test_a_disk_without_room_is_told_before_the_first_step(tree, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, images, masks = tree
    entries = decoded.entries(dataset, images, sizes(images), 9)
    decoded.read_pair(images[0], masks[0], dataset, entries[images[0]])
    usage = shutil._ntuple_diskusage(10**9, 10**9 - 2 * 10**6, 2 * 10**6)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert len(decoded.entries(dataset, images[:3], sizes(images[:3]), 9)) == 3  # one is there, two fit
    with pytest.raises(InputError, match=r"cache_mb 9: 3 MB .* where 2 MB are free; .* IMBSEG_CACHE"):
        decoded.entries(dataset, images, sizes(images), 9)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_disk_that_fills_up_later_costs_speed_alone(tree, tmp_path: Path) -> None:
    dataset, images, masks = tree
    entries = decoded.entries(dataset, images, sizes(images), 9)
    folder = decoded.cache_folder(dataset)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2500k", "tmpfs", str(folder)], check=True)
    try:
        for image, mask in zip(images, masks, strict=True):
            wanted = as_decoded(image, mask, dataset)
            assert same(decoded.read_pair(image, mask, dataset, entries[image]), wanted)
        assert {file.stat().st_size for file in folder.iterdir()} == {ENTRY}
        assert len(list(folder.iterdir())) == 2
    finally:
        subprocess.run(["umount", str(folder)], check=True)
