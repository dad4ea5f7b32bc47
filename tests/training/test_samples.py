"""What a training sample holds beside image and target, and what a loss that draws noise needs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from binary_tree import make_binary_tree
from PIL import Image
from small_trial import SMALL

from imbseg.augment.boxes import Boxes
from imbseg.augment.geometry import GREY, Geometry
from imbseg.augment.object_area import object_areas, object_numbers
from imbseg.datasets import spec
from imbseg.datasets.read import read_mask
from imbseg.errors import InputError
from imbseg.models.weights import IMAGENET
from imbseg.sampling.order import NO_FOCUS
from imbseg.training.fold import read_fold
from imbseg.training.samples import Files, TrainSamples, draw_sample
from imbseg.trial import Trial, resolve


def samples_of(data: dict[str, str], **changed: str) -> TrainSamples:
    made = resolve({**SMALL, **data, **changed}, {})
    return TrainSamples(read_fold(made.trial, made.dataset).train, made.dataset, made.trial, IMAGENET)


def test_the_map_comes_only_where_a_loss_asks_for_it(data: dict[str, str]) -> None:
    plain = samples_of(data)[1, 0, 0, NO_FOCUS]
    assert plain.keys() == {"image", "target"}
    with_map = samples_of(data, loss="dice+0.5*size_balanced")[1, 0, 0, NO_FOCUS]
    assert with_map.keys() == {"image", "target", "object_area"}
    assert with_map["object_area"].shape == with_map["target"].shape
    for name, tensor in plain.items():  # the map draws nothing
        assert tensor.equal(with_map[name])


def test_the_map_is_that_of_the_whole_image(data: dict[str, str]) -> None:
    loader = samples_of(data, loss="size_balanced", crop="32", scale_min="1", scale_max="1", flip="0")
    index = next(i for i, path in enumerate(loader.files.masks) if read_mask(path, loader.dataset).any())
    whole = object_areas(object_numbers(read_mask(loader.files.masks[index], loader.dataset), 0))
    assert len(np.unique(whole)) == 2  # background, and one crack
    sample = loader[1, 0, index, NO_FOCUS]
    for label in (0, 1):
        found = sample["object_area"][sample["target"] == label].unique().tolist()
        assert found in ([], [float(whole.max() if label == 0 else whole.min())])


def test_objects_are_instances_where_the_data_set_has_them(tmp_path: Path) -> None:
    file = make_binary_tree(tmp_path / "cracks", n=8)
    file.write_text(file.read_text().replace("masks: ", "objects: objects/{id}.png\nmasks: ", 1))
    (file.parent / "objects").mkdir()
    masks = sorted((file.parent / "masks").iterdir())
    for path in masks:  # each crack is two objects, 16 columns and 48
        numbers = (np.asarray(Image.open(path)) > 0) * np.where(np.arange(64) < 16, 3, 7)
        Image.fromarray(numbers.astype(np.uint8)).save(file.parent / "objects" / path.name)
    dataset = spec.load(str(file))
    ids = [path.stem for path in masks]
    rows = {"id": ids, "subset": ["train"] * 8, "width": [64] * 8, "height": [64] * 8,
            "image": [f"images/{one}.png" for one in ids], "mask": [f"masks/{one}.png" for one in ids]}  # fmt: skip
    trial = Trial(loss="size_balanced", crop=(64, 64), scale_min=1.0, scale_max=1.0, flip=0.0)
    loader = TrainSamples(Files.of(rows, dataset.root, dataset), dataset, trial, IMAGENET)
    shares = loader[1, 0, 0, NO_FOCUS]["object_area"].numpy() * 64 * 64
    crack = read_mask(loader.files.masks[0], dataset) == 1
    assert crack.sum() == 64  # one pixel a column
    assert shares[:, :16][crack[:, :16]].tolist() == [16] * 16
    assert shares[:, 16:][crack[:, 16:]].tolist() == [48] * 48
    assert (shares[~crack] == 64 * 64).all()
    (file.parent / "objects" / masks[0].name).unlink()
    with pytest.raises(InputError, match=rf"object mask .*{masks[0].name}: can't be read"):
        loader[1, 0, 0, NO_FOCUS]


def plain(dataset: spec.Dataset, files: Files, **changed: object) -> TrainSamples:
    bare = {"crop": (32, 32), "scale_min": 1.0, "scale_max": 1.0, "flip": 0.0, "color": 0.0}
    return TrainSamples(files, dataset, Trial(**{**bare, **changed}), IMAGENET)


def test_a_sample_without_chance_is_its_image_and_colours_are_drawn_within_their_range(
    dataset: spec.Dataset, files: Files
) -> None:
    mean, std = np.array(IMAGENET[0])[:, None, None], np.array(IMAGENET[1])[:, None, None]
    bare = plain(dataset, files)[1, 0, 1, -1]
    pixels = bare["image"].numpy() * std + mean
    labelled = bare["target"].numpy() != 255
    assert labelled.sum() == 320  # the whole image, padded by ignored pixels
    assert set(np.rint(pixels[0][labelled] * 255)) == {0, 255}
    assert np.rint(pixels[:, ~labelled] * 255).T.tolist() == [list(GREY)] * (32 * 32 - 320)
    brightest = []
    for place in range(20):
        drawn = plain(dataset, files, color=0.5)[1, place, 1, -1]
        brightest.append((drawn["image"].numpy() * std + mean)[:, drawn["target"].numpy() == 1].max())
    # White is brightness * (.5 + contrast / 2): in .5 * .75 .. 1.5 * 1.25, and another in every sample.
    assert len(set(brightest)) == 20
    assert 0.375 < min(brightest) < 0.75
    assert 1.2 < max(brightest) < 1.875


def test_a_sample_depends_on_seed_epoch_and_place_alone(dataset: spec.Dataset, files: Files) -> None:
    def image(seed: int = 1, epoch: int = 1, place: int = 0) -> bytes:
        chance = {"scale_min": 0.5, "scale_max": 2.0, "flip": 0.5, "color": 0.25, "seed": seed}
        return plain(dataset, files, **chance)[epoch, place, 0, -1]["image"].numpy().tobytes()

    assert image() == image()
    assert len({image(), image(seed=2), image(epoch=2), image(place=1)}) == 4


def test_a_batch_is_its_samples_padded_to_what_the_network_takes(dataset: spec.Dataset, files: Files) -> None:
    """Crops of 40 x 36 in batches of 48 x 48: grey and ignored right of them and below."""
    made = plain(dataset, files, crop=(40, 36), loss="size_balanced", scale_min=0.5, scale_max=2.0)
    keys = [(1, place, place % 3, NO_FOCUS) for place in range(4)]
    batch, alone = made.__getitems__(keys), [made[key] for key in keys]
    assert batch.keys() == {"image", "target", "object_area"}
    for name, stacked in batch.items():
        assert torch.equal(stacked, torch.stack([one[name] for one in alone]))
    assert (batch["image"].shape, batch["target"].shape) == ((4, 3, 48, 48), (4, 48, 48))
    mean, std = (np.array(one)[:, None, None, None] for one in (IMAGENET[0], IMAGENET[1]))
    pixels = np.rint((batch["image"].numpy().transpose(1, 0, 2, 3) * std + mean) * 255)
    assert (batch["target"][:, 36:] == 255).all()
    assert (batch["target"][:, :, 40:] == 255).all()
    assert np.unique(pixels[:, :, 36:].reshape(3, -1), axis=1).T.tolist() == [list(GREY)]
    assert (batch["object_area"][:, 36:] == 1).all()  # as background
    geometry = made._read(keys[1], np.random.default_rng(4))[2]
    assert geometry == draw_sample(np.random.default_rng(4), (32, 10), made.trial)
    assert draw_sample(np.random.default_rng(4), (32, 10), Trial(resize=(64, 32), crop=None)).size == (64, 32)


def test_some_of_the_files(files: Files) -> None:
    some = files.take([2, 0])
    assert (some.ids, some.groups, some.sizes) == (["part00_0002", "part00_0000"], ["a", "a"], [(20, 10)] * 2)
    assert (some.images, some.masks) == ([files.images[2], files.images[0]], [files.masks[2], files.masks[0]])
    assert (some.objects, some.large) == ([], [])


def test_what_a_sample_brings_along(dataset: spec.Dataset, files: Files) -> None:
    asked: list[Any] = []

    def paste(image: np.ndarray, mask: np.ndarray, *, geometry: Geometry, key: tuple[int, ...]) -> Any:
        asked.append((geometry.size, key, image.shape, int((mask == 1).sum())))
        owner = np.zeros(mask.shape, np.int64)
        owner[0, 0] = 1
        return SimpleNamespace(image=image, mask=np.where(owner, 1, mask).astype(np.uint8), owner=owner,
                               shares=np.array([0.25]), counts=lambda classes: np.arange(classes))  # fmt: skip

    trial = Trial(crop=(32, 32), scale_min=1.0, scale_max=1.0, flip=0.0, loss="size_balanced")
    boxes = Boxes(np.array([0, 1, 2, 3]), np.array([1, 1, 1], np.uint8), np.array([[3, 2, 6, 3]] * 3, np.int32))
    made = TrainSamples(files, dataset, trial, IMAGENET, boxes, paste, [0.5, 2.0, 1.0])
    sample = made[1, 4, 1, 1]
    assert asked == [((32, 32), (1, 4, 1, 1), (32, 32, 3), 18)]
    assert sample["pasted"].tolist() == [0, 1]
    assert (sample["image_weight"].item(), sample["image_weight"].dtype) == (2.0, torch.float32)
    assert (sample["target"].dtype, sample["target"][0, 0].item()) == (torch.uint8, 1)
    areas = sample["object_area"].numpy()
    assert areas[0, 0] == 0.25
    assert np.unique(areas[1:]).tolist() == pytest.approx([18 / 320, 1])  # the object's share of its image; the rest
    wide = TrainSamples(files, dataset, trial.model_copy(update={"crop": (8, 8)}), IMAGENET, boxes)
    for place in range(20):  # the crop holds a pixel of the object that was asked for
        assert (wide[1, place, 1, 1]["target"] == 1).any()
        assert torch.equal(wide[1, place, 1, 1]["target"], wide[1, place, 1, 1]["target"])
    assert not all((wide[1, place, 1, NO_FOCUS]["target"] == 1).any() for place in range(20))
