from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from imbseg.datasets import exact_png, sample
from imbseg.datasets.sample_drawing import SIZE, draw
from imbseg.datasets.sample_shapes import BACKGROUND, KINDS
from imbseg.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
DIGEST = "636794ec71604b076874653777d936ad56479ad8de0ff731710b4e712b20b8fd"
STAR = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw") / "sample"
    assert sample.make_sample(root)
    return root


def masks_of(root: Path, subset: str) -> np.ndarray:
    ids = (root / f"{subset}.txt").read_text().split()
    return np.stack([np.asarray(Image.open(root / f"masks/{image_id}.png")) for image_id in ids])


def test_every_byte_is_the_pinned_one(made: Path) -> None:
    assert sample.digest(made) == DIGEST
    assert (made / ".complete").read_text() == DIGEST + "\n"


def test_a_second_call_changes_nothing(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert not sample.make_sample(made)
    assert before == {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert sorted(path.name for path in made.parent.iterdir()) == ["sample"]


@pytest.mark.parametrize(("subset", "images", "least"), [("train", 240, 8), ("test", 80, 4)])
def test_the_tail_is_long(made: Path, subset: str, images: int, least: int) -> None:
    masks = masks_of(made, subset)  # (images, SIZE, SIZE)
    assert masks.shape == (images, SIZE, SIZE)
    pixels = np.bincount(masks.ravel(), minlength=7)
    present = np.array([(masks == index).any(axis=(1, 2)).sum() for index in range(7)])
    assert pixels.argmin() == present.argmin() == STAR
    assert pixels[STAR] < 0.003 * pixels.sum()
    assert least <= present[STAR] < 0.06 * images
    assert pixels[5] < 0.003 * pixels.sum()  # the diamonds: tiny, but in a quarter of the images
    assert present[5] == images // 4
    assert pixels[0] > 0.8 * pixels.sum()


def test_objects_and_masks_agree(made: Path) -> None:
    for path in sorted((made / "masks").iterdir())[::7]:
        mask, objects = np.asarray(Image.open(path)), np.asarray(Image.open(made / "objects" / path.name))
        assert ((mask > 0) == (objects > 0)).all()
        for number in range(1, objects.max() + 1):
            assert len(np.unique(mask[objects == number])) == 1  # each there, and of one class


def test_what_was_asked_for_is_drawn() -> None:
    image, mask, objects = draw(5, [False] * 6)
    assert (image.shape, image.dtype, mask.max(), objects.max()) == ((SIZE, SIZE, 3), np.uint8, 0, 0)
    for index in range(6):
        _, mask, _ = draw(5, np.arange(6) == index)
        assert np.unique(mask).tolist() == [0, index + 1]


def test_the_yaml_names_the_classes_and_colors_of_the_masks(made: Path) -> None:
    described = yaml.safe_load((REPOSITORY / "data/datasets/sample.yml").read_text())
    expected = [("background", BACKGROUND), *((kind.name, kind.label) for kind in KINDS)]
    assert [(one["name"], tuple(one["color"])) for one in described["classes"]] == expected
    colors = Image.open(made / "masks/0000.png").getpalette()
    assert colors is not None
    assert colors[:21] == [channel for _, color in expected for channel in color]


def test_a_changed_or_half_made_tree_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "_write_images", lambda folder: (folder / "train.txt").write_text("0000\n"))
    root = tmp_path / "sample"
    (root / "images").mkdir(parents=True)
    (root / "images/0000.png").write_bytes(b"cut sho")  # no marker: somebody copied half of it
    assert sample.make_sample(root)
    assert sorted(path.name for path in root.iterdir()) == [".complete", "images", "masks", "objects", "train.txt"]
    assert list((root / "images").iterdir()) == []
    (root / "train.txt").write_text("0001\n")  # a marker, but a changed file
    assert sample.make_sample(root)
    assert (root / "train.txt").read_text() == "0000\n"
    assert not sample.make_sample(root)


def test_other_files_are_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match=r"expected an empty folder, found thesis\.txt"):
        sample.make_sample(tmp_path)
    with pytest.raises(InputError, match="expected a folder for the sample, found a file"):
        sample.make_sample(tmp_path / "thesis.txt")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sample, "_write_images", full)
    with pytest.raises(OSError, match="No space left"):
        sample.make_sample(tmp_path / "sample")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (300, 300)])
def test_png_holds_what_was_put_in(tmp_path: Path, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    colors, indices = rng.integers(0, 256, (*shape, 3), np.uint8), rng.integers(0, 9, shape, np.uint8)
    palette = rng.integers(0, 256, (9, 3), np.uint8)
    (tmp_path / "rgb.png").write_bytes(exact_png.encode(colors))
    (tmp_path / "index.png").write_bytes(exact_png.encode(indices, palette))
    assert (np.asarray(Image.open(tmp_path / "rgb.png")) == colors).all()
    assert (np.asarray(Image.open(tmp_path / "index.png")) == indices).all()
    assert (np.asarray(Image.open(tmp_path / "index.png").convert("RGB")) == palette[indices]).all()


def test_png_refuses_other_arrays() -> None:
    for pixels in (np.zeros((2, 2, 3)), np.zeros((2, 2), np.uint8), np.zeros((2, 2, 4), np.uint8)):
        with pytest.raises(ValueError, match="expected RGB, or indices and a palette"):
            exact_png.encode(pixels)
