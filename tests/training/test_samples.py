"""What a training sample holds beside image and target, and what a loss that draws noise needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from binary_tree import make_binary_tree
from PIL import Image
from small_trial import SMALL

from imbseg.augment.object_area import object_areas, object_numbers
from imbseg.datasets import spec
from imbseg.datasets.read import read_mask
from imbseg.errors import InputError
from imbseg.models.weights import IMAGENET
from imbseg.training.fold import read_fold
from imbseg.training.order import NO_FOCUS
from imbseg.training.samples import Files, TrainSamples
from imbseg.trial import Trial, resolve


def samples(data: dict[str, str], **changed: str) -> TrainSamples:
    made = resolve({**SMALL, **data, **changed}, {})
    return TrainSamples(read_fold(made.trial, made.dataset).train, made.dataset, made.trial, IMAGENET)


def test_the_map_comes_only_where_a_loss_asks_for_it(data: dict[str, str]) -> None:
    plain = samples(data)[1, 0, 0, NO_FOCUS]
    assert plain.keys() == {"image", "target"}
    with_map = samples(data, loss="dice+0.5*size_balanced")[1, 0, 0, NO_FOCUS]
    assert with_map.keys() == {"image", "target", "object_area"}
    assert with_map["object_area"].shape == with_map["target"].shape
    for name, tensor in plain.items():  # the map draws nothing
        assert tensor.equal(with_map[name])


def test_the_map_is_that_of_the_whole_image(data: dict[str, str]) -> None:
    loader = samples(data, loss="size_balanced", crop="32", scale_min="1", scale_max="1", flip="0")
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
